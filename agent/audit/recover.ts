import { sha256 } from '#protocol/envelope.ts';
import { Failure } from '#protocol/failure.ts';
import type { Files } from '../platform/files.ts';
import { followLine } from './line.ts';
import { lineBefore, linesOf } from './lines.ts';
import { baseFile, logFile, monthsOf, type Place, readPlace, recentFile, startOfFiles } from './place.ts';

/** What was found behind the place where reading began. */
export interface Recovered {
  place: Place;
  /** Bytes of a torn last line that were cut off. */
  cutBytes: number;
  /** Root at a size that was passed on the way, for {@link recover}'s `watch`. */
  rootAtWatched: Buffer | undefined;
}

/**
 * Reads from the newest believable place to the end, checking every line, and cuts what a crash left behind the last
 * newline of the last file. Throws `audit-malformed`, `audit-seq`, `audit-chain` or `audit-unreadable` (corrupt).
 */
export async function recover(files: Files, folder: string, watch: number | undefined): Promise<Recovered> {
  const months = await monthsOf(files, folder);
  const place = await newestPlace(files, folder, months);
  const { position } = place;
  let rootAtWatched = position.tree.size === watch ? position.tree.root() : undefined;
  let cutBytes = 0;
  for (const month of months.filter((month) => month >= place.month)) {
    if (month !== place.month) Object.assign(place, { month, offset: 0 });
    for await (const line of linesOf(files, logFile(folder, month), place.offset)) {
      if (!line.whole) {
        if (month !== months.at(-1))
          throw new Failure('corrupt', 'audit-malformed', `${month}: the last line is torn`);
        cutBytes = line.bytes.length;
        break;
      }
      followLine(position, line.bytes);
      place.offset = line.offset + line.bytes.length + 1;
      if (position.tree.size === watch) rootAtWatched = position.tree.root();
    }
  }
  if (cutBytes > 0) await cut(files, logFile(folder, place.month), place.offset);
  return { place, cutBytes, rootAtWatched };
}

async function cut(files: Files, path: string, size: number): Promise<void> {
  const file = await files.open(path, 'append');
  try {
    await file.truncate(size);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function newestPlace(files: Files, folder: string, months: readonly string[]): Promise<Place> {
  const recent = await readPlace(files, recentFile(folder));
  if (recent && (await standsIn(files, folder, recent))) return recent;
  for (const month of [...months].reverse()) {
    const base = await readPlace(files, baseFile(folder, month));
    if (base && base.month === month && base.offset === 0) return base;
  }
  return startOfFiles();
}

/** Whether the bytes before a remembered place are the line it remembers. */
async function standsIn(files: Files, folder: string, { month, offset, position }: Place): Promise<boolean> {
  const path = logFile(folder, month);
  if (offset === 0 || ((await files.size(path)) ?? 0) < offset) return false;
  const line = await lineBefore(files, path, offset);
  return line !== undefined && sha256(line) === position.prev;
}
