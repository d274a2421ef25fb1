import { codeOf, Failure } from '#protocol/failure.ts';
import type { Files, OpenFile } from '../platform/files.ts';
import { maxLineBytes } from './line.ts';

/** A line of a file, without its newline. `bytes` is valid until the next one is asked for. */
export interface RawLine {
  bytes: Buffer;
  /** Of its first byte. */
  offset: number;
  /** False for what a crash left behind the last newline. */
  whole: boolean;
}

/** Twice the longest line, so that one read always completes one. */
const windowBytes = 2 * maxLineBytes + 2;

/**
 * The lines of a file from a byte offset on, in one buffer whatever its size. Throws `audit-malformed` (corrupt) for an
 * endless line, `audit-unreadable` (corrupt) for one that the disk does not give back.
 */
export async function* linesOf(files: Files, path: string, from: number): AsyncGenerator<RawLine> {
  const file = await files.open(path, 'read');
  try {
    const window = Buffer.allocUnsafe(windowBytes);
    let start = from; // Offset of window[0].
    let filled = 0;
    for (;;) {
      const got = await readFrom(file, window.subarray(filled), start + filled);
      filled += got;
      let at = 0;
      for (let end = window.indexOf(10, at); end >= 0 && end < filled; end = window.indexOf(10, at)) {
        yield { bytes: window.subarray(at, end), offset: start + at, whole: true };
        at = end + 1;
      }
      if (filled - at > maxLineBytes)
        throw new Failure('corrupt', 'audit-malformed', `a line of more than ${maxLineBytes} bytes`);
      if (got === 0) {
        if (at < filled) yield { bytes: window.subarray(at, filled), offset: start + at, whole: false };
        return;
      }
      window.copyWithin(0, at, filled);
      start += at;
      filled -= at;
    }
  } finally {
    await file.close();
  }
}

/** The line that ends just before `offset`, without its newline; undefined when no line ends there. Throws `audit-unreadable`. */
export async function lineBefore(files: Files, path: string, offset: number): Promise<Buffer | undefined> {
  const from = Math.max(0, offset - maxLineBytes - 2);
  const window = Buffer.allocUnsafe(offset - from);
  const file = await files.open(path, 'read');
  try {
    if ((await readFrom(file, window, from)) < window.length || window.at(-1) !== 10) return undefined;
  } finally {
    await file.close();
  }
  const before = window.lastIndexOf(10, window.length - 2);
  return before < 0 && from > 0 ? undefined : window.subarray(before + 1, -1);
}

/** A bad sector takes a line away as surely as a hand does. */
async function readFrom(file: OpenFile, into: Buffer, position: number): Promise<number> {
  try {
    return await file.read(into, position);
  } catch (cause) {
    if (codeOf(cause) !== 'EIO') throw cause;
    throw new Failure('corrupt', 'audit-unreadable', 'the disk does not give the log back', { cause });
  }
}
