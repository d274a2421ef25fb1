import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { codeOf, Failure } from '#protocol/failure.ts';
import { drawMasks } from '../masks/draw.ts';
import { maskedPrefix, maskViewing } from '../masks/mask-viewing.ts';
import { maskedStills } from '../masks/masked-still.ts';
import { type MaskFile, type Masks, maxMasksBytes, parseMasks, spanOf } from '../masks/masks.ts';
import { type Derived, makeViewing, type Viewing } from '../viewing/clear.ts';
import type { Evidence } from '../viewing/evidence.ts';
import { type Original, originalsOf } from '../viewing/originals.ts';
import type { RamFolder } from '../viewing/ram.ts';
import { type Shoot, takeStill } from '../viewing/still.ts';
import { mostStills, type SavedStill, saveStills } from '../viewing/stills.ts';
import type { Call } from './command.ts';
import { parseTime } from './times.ts';

/** How a case is to be shown; understood before anything is noted or opened. */
export interface Wanted {
  times: number[];
  format: 'png' | 'jpeg';
  original: boolean;
  /** Films; without, single pictures alone. */
  films: boolean;
  masks?: MaskFile;
  /** Where the masks are saved that will be drawn. */
  draw?: string;
}

/** What an opening made in RAM. */
export interface Pictures {
  viewing: Viewing;
  stills: SavedStill[];
  originals: Original[];
  masks?: MaskFile;
  /** Takes another picture of it, masked where it is masked. */
  shoot: Shoot;
  /** The instant that says most: the middle of the longest stretch without a break, or of what the masks leave. */
  middle: number;
  /** What a picture of an instant was made of; nothing where it is as recorded. */
  derived(at: number): Derived | undefined;
  /** Removes what is clear and was only needed to mask it; {@link shoot} takes none after it. */
  forget(): void;
}

/** Throws `usage`, `masks-malformed`. */
export function wantedOf(call: Call): Wanted {
  const wrong = (sentence: string): never => {
    throw new Failure('usage', 'usage', sentence);
  };
  const times = call.options('still').map((text) => parseTime('still', text, call.settings().zone));
  if (times.length > mostStills) wrong(`--still ${times.length} times: ${mostStills} are the most`);
  const file = call.option('masks');
  const draw = call.flag('draw');
  const original = call.flag('original');
  const films = !call.flag('stills-only');
  if (draw && file === undefined) wrong('--draw saves what is drawn: say where with --masks FILE');
  if (original && file !== undefined) wrong('--original gives what the masks hide: one or the other');
  if (!films && times.length === 0) wrong('--stills-only without a --still gives nothing');
  const read = file !== undefined && (!draw || existsSync(file)) ? readMasks(file) : undefined;
  return {
    times,
    format: call.flag('jpeg') ? 'jpeg' : 'png',
    original,
    films,
    ...(read ? { masks: read } : {}),
    ...(draw && file !== undefined ? { draw: file } : {}),
  };
}

function readMasks(file: string): MaskFile {
  try {
    const bytes = readFileSync(file);
    return parseMasks(bytes.subarray(0, maxMasksBytes + 1), file);
  } catch (cause) {
    if (cause instanceof Failure) throw cause;
    throw new Failure('usage', 'cannot-read', `${file} cannot be read (${codeOf(cause)})`, { cause });
  }
}

/**
 * Opens the sealed files of a case in RAM: plain, or through masks. With masks the clear film lies in a folder of its
 * own until {@link Pictures.forget}, and everything that is shown is made of painted pixels.
 */
export async function makePictures(
  call: Call,
  given: { folder: string; evidence: Evidence; secret: string; ram: RamFolder },
  wanted: Wanted,
): Promise<Pictures> {
  const { folder, evidence, secret, ram } = given;
  const originals = wanted.original ? await originalsOf(folder, evidence.manifest, secret) : [];
  const masked = wanted.masks !== undefined || wanted.draw !== undefined;
  const clearFolder = masked ? join(ram.path, 'clear') : ram.path;
  if (masked) mkdirSync(clearFolder, { mode: 0o700 });
  const clear = await makeViewing(folder, evidence.manifest, secret, { ...ram, path: clearFolder });
  const longest = clear.files
    .flatMap(({ stretches }) => stretches)
    .reduce((most, one) => (one.end - one.start > most.end - most.start ? one : most));
  const { times, format } = wanted;
  if (!masked) {
    const shoot: Shoot = (at, how) => takeStill(clear, at, how);
    const stills = await saveStills(shoot, times, { format, prefix: 'fotogramma' }, ram);
    const viewing = wanted.films ? clear : withoutFilms(clear);
    const middle = (longest.start + longest.end) / 2;
    return { viewing, stills, originals, shoot, middle, derived: () => undefined, forget: () => {} };
  }
  const masks =
    wanted.draw === undefined
      ? (wanted.masks as MaskFile)
      : await drawMasks({
          clear,
          lang: call.settings().lang,
          zone: call.settings().zone,
          file: wanted.draw,
          begin: wanted.masks,
          say: (url) => call.terminal.note(call.texts().opened.draw(url)),
        });
  const viewing = await maskViewing(clear, masks, ram, wanted.films);
  const shoot = maskedStills(clear, masks.masks);
  const derived = (at: number): Derived | undefined => {
    const from = clear.files.find(({ stretches }) =>
      stretches.some(({ start, end }) => start <= at && at < end),
    );
    return from && { from: from.sha256, masks: masks.sha256 };
  };
  const stills = await saveStills(shoot, times, { format, prefix: maskedPrefix, derived }, ram);
  const forget = (): void => rmSync(clearFolder, { recursive: true, force: true });
  return { viewing, stills, originals, masks, shoot, middle: middleOf(masks.masks, clear), derived, forget };
}

/** Within the time of the regions, where something was filmed. */
function middleOf(masks: Masks, clear: Viewing): number {
  const span = spanOf(masks);
  const parts = clear.files
    .flatMap(({ stretches }) => stretches)
    .map(({ start, end }) => ({ start: Math.max(start, span.from), end: Math.min(end, span.to) }));
  const { start, end } = parts.reduce((most, one) =>
    one.end - one.start > most.end - most.start ? one : most,
  );
  return (start + end) / 2;
}

/** Films that are not wanted go at once. */
function withoutFilms({ files, incomplete }: Viewing): Viewing {
  for (const { path } of files) rmSync(path, { force: true });
  return { files: [], incomplete };
}
