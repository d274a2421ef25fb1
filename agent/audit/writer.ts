import { Failure } from '#protocol/failure.ts';
import { monthOf } from '#protocol/time.ts';
import type { Clock } from '../platform/clock.ts';
import { diskFailure } from '../platform/disk-failure.ts';
import type { Files, OpenFile } from '../platform/files.ts';
import { copyOf, fieldsText, type LineFields, nextLine } from './line.ts';
import { baseFile, logFile, type Place, writePlace } from './place.ts';

/** Lines waiting for one sync; far above what a node says in the second that a slow disk takes. */
const maxWaiting = 4096;

interface Waiting {
  kind: string;
  fields: string;
  resolve(line: { seq: number }): void;
  reject(error: unknown): void;
}

export interface Writer {
  append(kind: string, fields: LineFields): Promise<{ seq: number }>;
  /** Behind the last line that is on disk and synced. */
  place(): Place;
  /** Resolves when what was appended so far is there, or was refused. */
  settled(): Promise<void>;
  close(): Promise<void>;
}

/**
 * Appends lines one behind the other; whatever waits while a sync is under way goes into the next one together.
 * A failed write leaves the log as it was: its bytes are cut off before anything else is written.
 * Rejects with `disk-full` or `audit-busy` (exhausted) or `disk-error` (transient).
 */
export function openWriter(
  files: Files,
  clock: Clock,
  folder: string,
  begin: Place,
  written: () => void,
): Writer {
  let place = begin;
  let file: OpenFile | undefined;
  let doubtful = false;
  let closed = false;
  let waiting: Waiting[] = [];
  let working: Promise<void> = Promise.resolve();
  let scheduled = false;

  /** 1 base of a new month; 2 lines; 3 sync; 4 the folder of a new file. Only then the place moves. */
  async function commit(batch: readonly Waiting[]): Promise<number[]> {
    const utc = clock.utc();
    // A clock that steps back must not put later lines into an earlier file.
    let { month } = place;
    if (monthOf(utc) > month) month = monthOf(utc);
    if (month !== place.month || file === undefined) await reopen(month);
    if (file === undefined) throw new Error('unreachable: reopened');
    if (doubtful) {
      await file.truncate(place.offset);
      await file.sync();
      doubtful = false;
    }
    const position = copyOf(place.position);
    const seqs: number[] = [];
    const bytes: Buffer[] = [];
    for (const { kind, fields } of batch) {
      bytes.push(nextLine(position, utc, kind, fields), newline);
      seqs.push(position.tree.size);
    }
    const block = Buffer.concat(bytes);
    doubtful = true;
    await file.write(block);
    await file.sync();
    if (place.offset === 0) await files.syncFolder(folder);
    doubtful = false;
    place = { month, offset: place.offset + block.length, position };
    return seqs;
  }

  async function reopen(month: string): Promise<void> {
    const old = file;
    file = undefined;
    await old?.close();
    if (month !== place.month) {
      const base: Place = { month, offset: 0, position: place.position };
      await writePlace(files, baseFile(folder, month), base);
      place = base;
    }
    file = await files.open(logFile(folder, month), 'append');
    doubtful = true; // What a failed write left in a file that was closed since.
  }

  async function drain(): Promise<void> {
    scheduled = false;
    const batch = waiting;
    waiting = [];
    try {
      const seqs = await commit(batch);
      for (const [index, { resolve }] of batch.entries()) resolve({ seq: seqs[index]! });
      written();
    } catch (error) {
      const failure = diskFailure(error, 'the audit log');
      for (const { reject } of batch) reject(failure);
    }
  }

  return {
    append(kind, fields) {
      return new Promise((resolve, reject) => {
        if (closed) throw new Error('the audit log is closed');
        if (waiting.length >= maxWaiting)
          throw new Failure('exhausted', 'audit-busy', 'too many lines wait for the disk');
        waiting.push({ kind, fields: fieldsText(fields), resolve, reject });
        if (!scheduled) {
          scheduled = true;
          working = working.then(drain);
        }
      });
    },
    place: () => place,
    settled: () => working,
    async close() {
      closed = true;
      await working;
      await file?.close();
      file = undefined;
    },
  };
}

const newline = Buffer.from('\n');
