import { Failure } from '#protocol/failure.ts';
import type { Files } from '../platform/files.ts';
import { linesOf } from './lines.ts';
import { baseFile, logFile, monthsOf, type Place, readPlace } from './place.ts';

export interface LogLine {
  seq: number;
  /** Its bytes as text, without newline. */
  text: string;
}

/** Lines between two remembered offsets: what a read in the middle of a month reads for nothing at most. */
const markEvery = 1024;
/** Most text of one read: an outbox takes a few lines at a time, and memory stays flat. */
const maxReadBytes = 1024 * 1024;

/** Reads lines by number. Keeps one offset for every {@link markEvery} lines it has passed. */
export function openReader(files: Files, folder: string, end: () => Place) {
  // Of each month in use: the sequence number before its first line, and offsets met on the way.
  const months = new Map<string, { before: number; marks: { before: number; offset: number }[] }>();

  async function monthsNow(): Promise<string[]> {
    const names = await monthsOf(files, folder);
    for (const [index, month] of names.entries()) {
      if (months.has(month)) continue;
      const base = await readPlace(files, baseFile(folder, month));
      if (base === undefined && index > 0)
        throw new Failure('corrupt', 'audit-base', `${month}: where it begins is not written`);
      months.set(month, { before: base?.position.tree.size ?? 0, marks: [] });
    }
    return names;
  }

  /** At most `count` lines from `fromSeq`, at least one when there is one; none behind the last synced line. */
  return async function read(fromSeq: number, count: number): Promise<LogLine[]> {
    const last = end();
    const found: LogLine[] = [];
    if (fromSeq > last.position.tree.size || count <= 0) return found;
    const names = await monthsNow();
    const first = names.findLastIndex((month) => months.get(month)!.before < fromSeq);
    if (first < 0) throw new Failure('denied', 'audit-expired', `line ${fromSeq} is past its retention`);
    let bytes = 0;
    for (const month of names.slice(first)) {
      const { before, marks } = months.get(month)!;
      const mark = marks.findLast((mark) => mark.before < fromSeq) ?? { before, offset: 0 };
      let seq = mark.before;
      for await (const line of linesOf(files, logFile(folder, month), mark.offset)) {
        // Beyond it, bytes may still be under way to the disk.
        if (month === last.month && line.offset >= last.offset) return found;
        seq += 1;
        if ((seq - before) % markEvery === 0 && (marks.at(-1)?.before ?? before) < seq)
          marks.push({ before: seq, offset: line.offset + line.bytes.length + 1 });
        if (seq < fromSeq) continue;
        found.push({ seq, text: line.bytes.toString('utf8') });
        bytes += line.bytes.length;
        if (found.length >= count || bytes >= maxReadBytes) return found;
      }
    }
    return found;
  };
}
