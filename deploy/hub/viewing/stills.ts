import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { sha256 } from '#protocol/envelope.ts';
import { compactStamp } from '#protocol/time.ts';
import type { Derived } from './clear.ts';
import type { RamFolder } from './ram.ts';
import type { Shoot } from './still.ts';

/** A single picture in RAM; what it was taken from stands in the sources of the viewing. */
export interface SavedStill {
  name: string;
  path: string;
  sha256: string;
  /** UTC milliseconds. */
  at: number;
  derived?: Derived;
}

/** The contents of a package list 64 files, films and minutes among them. */
export const mostStills = 40;

/** Takes pictures at the given instants, one after the other. Throws what `shoot` throws. */
export async function saveStills(
  shoot: Shoot,
  times: readonly number[],
  how: { format: 'png' | 'jpeg'; prefix: string; derived?: (at: number) => Derived | undefined },
  ram: Pick<RamFolder, 'path'>,
): Promise<SavedStill[]> {
  const saved: SavedStill[] = [];
  for (const wanted of [...new Set(times)].sort((a, b) => a - b)) {
    const { at, bytes } = await shoot(wanted, { format: how.format });
    const name = `${how.prefix}-${compactStamp(wanted)}.${how.format === 'png' ? 'png' : 'jpg'}`;
    const path = join(ram.path, name);
    writeFileSync(path, bytes, { flag: 'wx', mode: 0o600 });
    const derived = how.derived?.(wanted);
    saved.push({ name, path, sha256: sha256(bytes), at, ...(derived ? { derived } : {}) });
  }
  return saved;
}
