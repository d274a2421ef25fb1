import { join } from 'node:path';
import type { Files } from '#agent/platform/files.ts';
import { parseSegmentName, segmentName } from '#protocol/segment-name.ts';
import { hashFile } from './hash-file.ts';
import type { SegmentRow } from './ledger-line.ts';
import { finishTorn, keepTorn, wholeLength } from './torn.ts';

/** `YYYYMMDDTHHMMSSmmmZ`. */
const stampLength = 19;

/** What start-up found left by a crash and put right. */
export interface Recovered {
  /** Empty for the store's own state. */
  camera: string;
  code:
    | 'state-damaged'
    | 'state-unwritten'
    | 'ledger-torn'
    | 'ledger-malformed'
    | 'name-doubled'
    | 'segment-torn'
    | 'segment-empty'
    | 'segment-entered';
  path: string;
}

/** The names in a camera's folder, as a crash may have left them. */
export interface Listing {
  /** Names that may be of sealed segments, with their day: {@link isSealedName} looks closer. */
  sealed: Map<string, string>;
  parts: { day: string; name: string; start: number }[];
  /** Names that are none of ours. */
  foreign: string[];
  days: string[];
}

/** Reads names only: a store has 141,120, and every one that a ledger line names needs no other look. */
export async function listCamera(files: Files, folder: string): Promise<Listing> {
  const listing: Listing = { sealed: new Map(), parts: [], foreign: [], days: [] };
  for (const entry of await files.list(folder)) {
    if (!entry.directory || !/^\d{4}-\d\d-\d\d$/.test(entry.name)) {
      if (entry.name !== 'ledger.jsonl' && entry.name !== 'ledger.jsonl.new')
        listing.foreign.push(entry.name);
      continue;
    }
    const day = entry.name;
    const stamp = `${day.replaceAll('-', '')}T`;
    listing.days.push(day);
    for (const { name, directory, special } of await files.list(join(folder, day))) {
      if (directory || special || !name.startsWith(stamp)) listing.foreign.push(join(day, name));
      else if (name.endsWith('.mp4.age')) listing.sealed.set(name, day);
      else {
        const parsed = parseSegmentName(name);
        if (parsed?.state === 'open') listing.parts.push({ day, name, start: parsed.start });
        else listing.foreign.push(join(day, name));
      }
    }
  }
  return listing;
}

export function isSealedName(name: string): boolean {
  return parseSegmentName(name)?.state === 'sealed';
}

/**
 * Puts right what a crash left of one camera, and enters it through `record`:
 * 1 a `.part` that has a sealed name too (the crash came between link and unlink) loses the first name;
 * 2 any other `.part` is kept as far as its last whole chunk;
 * 3 a sealed file without a ledger line (`missing`) is hashed and entered.
 * A crash in here leaves one of the same states again.
 */
export async function recoverCamera(
  files: Files,
  camera: { id: string; folder: string; segmentMs: number },
  listing: Listing,
  missing: Map<string, string>,
  record: (row: Omit<SegmentRow, 'run' | 'clock'>) => Promise<void>,
): Promise<Recovered[]> {
  const recovered: Recovered[] = [];
  const tell = (code: Recovered['code'], path: string): void => {
    recovered.push({ camera: camera.id, code, path });
  };
  for (const { day, name, start } of listing.parts) {
    const folder = join(camera.folder, day);
    const path = join(folder, name);
    if (await doubled(files, folder, name, start, listing)) {
      await files.remove(path);
      await files.syncFolder(folder);
      tell('name-doubled', path);
      continue;
    }
    const durationMs = await durationByTimes(files, path, start, {
      segmentMs: camera.segmentMs,
      next: nextStart([...listing.parts.map((other) => other.name), ...missing.keys()], name),
    });
    const torn = await keepTorn(files, folder, name, start, durationMs);
    if (torn === undefined) tell('segment-empty', path);
    else missing.set(torn, day);
  }
  // A folder lists its names in no order; lines are entered in that of time, as they would have been.
  const inOrder = [...missing].sort(([a], [b]) => (a < b ? -1 : 1));
  for (const [name, day] of inOrder) {
    const parsed = parseSegmentName(name);
    if (parsed?.state !== 'sealed') continue;
    const path = join(camera.folder, day, name);
    const { start, durationMs, torn } = parsed;
    const found = torn ? await finishTorn(files, path) : await hashFile(files, path);
    // The life that gave it its name may have been killed before it synced the folder.
    await files.syncFolder(join(camera.folder, day));
    const end = start + durationMs;
    await record({ start, end, durationMs, file: name, ...found, torn });
    tell(torn ? 'segment-torn' : 'segment-entered', path);
  }
  return recovered;
}

async function doubled(
  files: Files,
  folder: string,
  part: string,
  start: number,
  listing: Listing,
): Promise<boolean> {
  const inode = (await files.facts(join(folder, part)))?.inode;
  const prefix = segmentName({ state: 'open', start }).slice(0, -'.mp4.age.part'.length);
  for (const name of listing.sealed.keys())
    if (name.startsWith(`${prefix}-`) && (await files.facts(join(folder, name)))?.inode === inode)
      return true;
  return false;
}

/**
 * Where the segment behind `part` starts: a crash while a segment is sealed leaves the one that follows it as well, and
 * on a slow disk the last write of the first came later than that. Stamps of names sort by time.
 */
function nextStart(names: readonly string[], part: string): number {
  const stampOf = (name: string): string => name.slice(0, stampLength);
  const [next] = names.filter((name) => stampOf(name) > stampOf(part)).sort();
  return (next === undefined ? undefined : parseSegmentName(next)?.start) ?? Number.POSITIVE_INFINITY;
}

/**
 * From its start to its last write, but not beyond `next`, less the part of it that lies behind the last whole chunk. A
 * time of last write that cannot be (the clock stepped in between) is taken for one segment's length.
 */
async function durationByTimes(
  files: Files,
  path: string,
  start: number,
  { segmentMs, next }: { segmentMs: number; next: number },
): Promise<number> {
  const facts = await files.facts(path);
  const whole = await wholeLength(files, path);
  if (facts === undefined || whole === undefined) return 1; // Nothing of it will be kept.
  const elapsedMs = facts.modifiedMs - start;
  const believedMs = elapsedMs > 0 && elapsedMs <= 3 * segmentMs ? elapsedMs : segmentMs;
  return Math.max(1, Math.floor((Math.min(believedMs, next - start) * whole) / facts.size));
}
