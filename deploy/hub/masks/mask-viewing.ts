import { join } from 'node:path';
import { Failure } from '#protocol/failure.ts';
import { instantText } from '#protocol/time.ts';
import type { Viewing } from '../viewing/clear.ts';
import { hashFile } from '../viewing/evidence.ts';
import type { RamFolder } from '../viewing/ram.ts';
import { maskFilm } from './masked-film.ts';
import { type MaskFile, spanOf } from './masks.ts';

/** Names of what is masked begin so; nothing else that is a picture leaves for `records-access` and `data-subject`. */
export const maskedPrefix = 'oscurato';

/**
 * Masked films of clear ones, beside them in RAM; with `films` false there is none, for prints of single pictures.
 * Throws `masks-elsewhere` when no region is of the time that was opened, and what {@link maskFilm} throws.
 */
export async function maskViewing(
  clear: Viewing,
  { masks, sha256 }: Pick<MaskFile, 'masks' | 'sha256'>,
  ram: Pick<RamFolder, 'path'>,
  films: boolean,
): Promise<Viewing> {
  const stretches = clear.files.flatMap((file) => file.stretches);
  const span = spanOf(masks);
  if (!stretches.some(({ start, end }) => span.from < end && span.to >= start))
    throw new Failure(
      'config',
      'masks-elsewhere',
      `the regions are of ${instantText(span.from)} – ${instantText(span.to)}: nothing was filmed then`,
    );
  const files: Viewing['files'] = [];
  for (const [index, film] of films ? clear.files.entries() : []) {
    const name = `${maskedPrefix}${index === 0 ? '' : `-${index + 1}`}.mp4`;
    const path = join(ram.path, name);
    await maskFilm(film, masks, path);
    files.push({
      ...film,
      name,
      path,
      sha256: await hashFile(path),
      derived: { from: film.sha256, masks: sha256 },
    });
  }
  return { files, incomplete: clear.incomplete };
}
