import { dirname } from 'node:path';
import { type Clock, pause } from '#agent/platform/clock.ts';
import { type Files, isMissing, type OpenFile } from '#agent/platform/files.ts';
import { codeOf } from '#protocol/failure.ts';
import { type LedgerLine, ledgerText, maxLineBytes, parseLedgerLine } from './ledger-line.ts';

/** Read in pieces of this size, with the event loop let run in between: a piece takes some 5 ms to parse. */
const blockBytes = 256 * 1024;
/** Wait before a failed append is tried again: a full disk is freed by the next sweep. */
const retryMs = 1000;

export interface LedgerReading {
  /** Bytes up to the end of the last whole line. */
  wholeBytes: number;
  /** A last line without its newline lies behind them. */
  torn: boolean;
  /** Offsets of whole lines that are no ledger lines. */
  malformed: number[];
}

/** Gives every good line from byte `from` on, which must begin a line, to `each`, oldest written first. */
export async function readLedger(
  files: Files,
  path: string,
  each: (line: LedgerLine) => void,
  from = 0,
  betweenBlocks: () => Promise<void> = () => new Promise((resolve) => setImmediate(resolve)),
): Promise<LedgerReading> {
  const reading: LedgerReading = { wholeBytes: from, torn: false, malformed: [] };
  let file: OpenFile;
  try {
    file = await files.open(path, 'read');
  } catch (error) {
    if (isMissing(error)) return reading;
    throw error;
  }
  try {
    const buffer = Buffer.alloc(blockBytes);
    // Behind `wholeBytes` when a block and more is garbage without a newline: good lines may follow it.
    let position = from;
    for (;;) {
      const read = await file.read(buffer, position);
      const block = buffer.subarray(0, read);
      let at = 0;
      for (let end = block.indexOf(0x0a); end >= 0; end = block.indexOf(0x0a, at)) {
        const usual = reading.wholeBytes === position + at && end - at <= maxLineBytes;
        const line = usual ? parseLedgerLine(buffer.toString('utf8', at, end)) : undefined;
        if (line === undefined) reading.malformed.push(reading.wholeBytes);
        else each(line);
        at = end + 1;
        reading.wholeBytes = position + at;
      }
      if (read < blockBytes) {
        reading.torn = position + read > reading.wholeBytes;
        return reading;
      }
      position += at === 0 ? read : at;
      await betweenBlocks();
    }
  } finally {
    await file.close();
  }
}

/**
 * Where to begin reading for everything that ended at or after `horizon`, found by looking at one line every few MiB
 * from the end: ledgers outlive their segments by months, and opening the store must not take longer for it.
 */
export async function ledgerOffset(files: Files, path: string, horizon: number): Promise<number> {
  const stepBytes = 4 * 1024 * 1024;
  const size = (await files.size(path)) ?? 0;
  if (size <= stepBytes) return 0;
  const file = await files.open(path, 'read');
  try {
    const probe = Buffer.alloc(4 * maxLineBytes);
    for (let offset = size - stepBytes; offset > 0; offset -= stepBytes) {
      const read = await file.read(probe, offset);
      const begin = probe.subarray(0, read).indexOf(0x0a) + 1;
      const end = probe.subarray(0, read).indexOf(0x0a, begin);
      const line = begin > 0 && end > begin ? parseLedgerLine(probe.toString('utf8', begin, end)) : undefined;
      if (line !== undefined && line.end < horizon) return offset + begin;
    }
    return 0;
  } finally {
    await file.close();
  }
}

/** A ledger open for appending. Lines go to disk in the order of the calls. */
export interface Ledger {
  /**
   * Resolves when the lines are on stable storage, by one sync; tries again for as long as the disk refuses, until
   * `close`. A crash leaves the first ones of them, or none.
   */
  append(...lines: LedgerLine[]): Promise<void>;
  /** Leaves out the lines that `keep` refuses; gives how many. What is appended meanwhile waits. */
  prune(keep: (line: LedgerLine) => boolean): Promise<number>;
  /** Waits for what is under way; what the disk still refuses then is given up, and its `append` rejects. */
  close(): Promise<void>;
}

/** Opens `path`, cutting it behind `wholeBytes`: a line that a crash tore must not swallow the next one. */
export async function openLedger(
  files: Files,
  clock: Clock,
  path: string,
  wholeBytes: number,
): Promise<Ledger> {
  const stop = new AbortController();
  let goodBytes = wholeBytes;
  let queue = Promise.resolve();
  let file = await files.open(path, 'append');
  if ((await file.size()) > goodBytes) {
    await file.truncate(goodBytes);
    await file.sync();
  }
  if (goodBytes === 0) await files.syncFolder(dirname(path));

  /** Behind `goodBytes` may lie a part of what was refused: another line must not follow on that. */
  let torn = false;
  const appendOnce = async (bytes: Buffer): Promise<void> => {
    if (torn) await file.truncate(goodBytes);
    torn = true;
    await file.write(bytes);
    await file.sync();
    goodBytes += bytes.length;
    torn = false;
  };
  const persist = async (bytes: Buffer): Promise<void> => {
    for (;;) {
      try {
        return await appendOnce(bytes);
      } catch (error) {
        if (stop.signal.aborted || codeOf(error) === 'unknown') throw error;
        await pause(clock, retryMs, stop.signal);
      }
    }
  };
  /**
   * 1 what stays is written to PATH.new and synced, 2 PATH.new becomes PATH, 3 appending goes on there, 4 the folder is
   * synced. A crash before 2 leaves a PATH.new that the next pruning removes.
   */
  const rewrite = async (keep: (line: LedgerLine) => boolean): Promise<number> => {
    const fresh = `${path}.new`;
    if ((await files.size(fresh)) !== undefined) await files.remove(fresh);
    const kept = await files.open(fresh, 'create');
    let left = 0;
    let keptBytes = 0;
    let texts: string[] = [];
    try {
      const flush = async (): Promise<void> => {
        const bytes = Buffer.from(texts.join(''));
        texts = [];
        await kept.write(bytes);
        keptBytes += bytes.length;
      };
      const take = (line: LedgerLine): void => {
        if (keep(line)) texts.push(ledgerText(line));
        else left += 1;
      };
      await readLedger(files, path, take, 0, flush);
      await flush();
      await kept.sync();
    } finally {
      await kept.close();
    }
    const next = await files.open(fresh, 'append');
    try {
      await files.replace(fresh, path);
    } catch (error) {
      await next.close();
      throw error;
    }
    const before = file;
    file = next;
    goodBytes = keptBytes;
    torn = false;
    await before.close();
    await files.syncFolder(dirname(path));
    return left;
  };
  return {
    prune(keep) {
      const done = queue.then(() => rewrite(keep));
      queue = done.then(
        () => {},
        () => {}, // The caller is told; the ledger is what it was.
      );
      return done;
    },
    append(...lines) {
      const done = queue.then(() => persist(Buffer.from(lines.map(ledgerText).join(''))));
      queue = done.catch(() => {});
      return done;
    },
    async close() {
      stop.abort();
      await queue;
      await file.close();
    },
  };
}
