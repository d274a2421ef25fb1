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
    for (;;) {
      const read = await file.read(buffer, reading.wholeBytes);
      if (read === 0) return reading;
      let at = 0;
      for (;;) {
        const end = buffer.subarray(0, read).indexOf(0x0a, at);
        if (end < 0) break;
        const line = end - at > maxLineBytes ? undefined : parseLedgerLine(buffer.toString('utf8', at, end));
        if (line === undefined) reading.malformed.push(reading.wholeBytes + at);
        else each(line);
        at = end + 1;
      }
      reading.wholeBytes += at;
      if (at === 0) {
        // Less than a block without a newline is a torn line; a whole block of it is garbage that hides what follows.
        reading.torn = true;
        return reading;
      }
      if (read < blockBytes) {
        reading.torn = at < read;
        return reading;
      }
      await new Promise((resolve) => setImmediate(resolve));
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
  /** Resolves when the line is on stable storage; tries again for as long as the disk refuses, until `close`. */
  append(line: LedgerLine): Promise<void>;
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
  const file = await files.open(path, 'append');
  if ((await file.size()) > goodBytes) {
    await file.truncate(goodBytes);
    await file.sync();
  }
  if (goodBytes === 0) await files.syncFolder(dirname(path));

  const appendOnce = async (bytes: Buffer): Promise<void> => {
    await file.write(bytes);
    await file.sync();
    goodBytes += bytes.length;
  };
  const persist = async (bytes: Buffer): Promise<void> => {
    for (;;) {
      try {
        return await appendOnce(bytes);
      } catch (error) {
        if (stop.signal.aborted || codeOf(error) === 'unknown') throw error;
        await pause(clock, retryMs, stop.signal);
        await file.truncate(goodBytes).catch(() => {
          // Refused as well: the write that follows says why, and opening the ledger again cuts it.
        });
      }
    }
  };
  return {
    append(line) {
      const done = queue.then(() => persist(Buffer.from(ledgerText(line))));
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
