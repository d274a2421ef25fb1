import type { KeyObject } from 'node:crypto';
import { basename, dirname } from 'node:path';
import { type Cosigned, readCheckpoint, signCheckpoint } from '#protocol/checkpoint.ts';
import { codeOf, Failure } from '#protocol/failure.ts';
import type { LineProof } from '#protocol/proof.ts';
import { compactStamp, monthOf } from '#protocol/time.ts';
import type { Clock } from '../platform/clock.ts';
import { diskFailure } from '../platform/disk-failure.ts';
import { type Files, makeFolderDurably, readIfThere, writeDurably } from '../platform/files.ts';
import type { LineFields } from './line.ts';
import {
  asideMark,
  baseFile,
  checkpointFile,
  cosignedFile,
  logFile,
  monthsOf,
  type Place,
  readPlace,
  recentFile,
  writePlace,
} from './place.ts';
import { proveLine, rootOver } from './prove.ts';
import { type LogLine, openReader } from './reader.ts';
import { recover } from './recover.ts';
import { openWriter } from './writer.ts';

/** A C2SP note with its signatures, and the hub's statement behind it. */
const maxNoteBytes = 64 * 1024;

export interface Audit {
  /**
   * One line, on disk and synced before it resolves. Rejects with `disk-full`, `audit-busy` (exhausted) or
   * `disk-error` (transient); the log is then as it was.
   */
  append(kind: string, fields: LineFields): Promise<{ seq: number }>;
  /** Number of synced lines. */
  size(): number;
  /** RFC 6962 root over them. */
  root(): Buffer;
  /** At most `count` lines from `fromSeq`. Throws `audit-expired` for lines that retention has taken. */
  read(fromSeq: number, count: number): Promise<LogLine[]>;
  /** Resolves when what was appended so far is synced, or was refused. */
  settled(): Promise<void>;
  /**
   * The signed head of what is synced, kept before it is shown; undefined while the log is empty. Throws `disk-full` or
   * `disk-error`.
   */
  checkpoint(policy: { hash: string; version: number }): Promise<{ note: string; size: number } | undefined>;
  /** That a line stands under the head of now: for those who carry it away. Throws `audit-expired`. */
  prove(seq: number, policy: { hash: string; version: number }): Promise<LineProof>;
  /** Lines that the hub has cosigned: it holds them for good. */
  cosigned(): number;
  /**
   * Moves {@link cosigned}, durably. Throws `cosignature-ahead` (denied) for a head that this log has not reached:
   * somebody else writes under this name; `cosignature-other` (denied) for one of another log; `disk-full` or `disk-error`
   * when it cannot be judged or kept.
   */
  takeCosigned(cosigned: Cosigned): Promise<void>;
  /** Resolves when the hub has cosigned `size` lines or more; rejects with the signal's reason when it aborts. */
  whenCosigned(size: number, signal: AbortSignal): Promise<void>;
  /** The hub's last answer as it came, for those who carry proofs away. */
  lastCosigned(): Promise<string | undefined>;
  /**
   * Removes whole months that ended before an instant and that the hub holds; gives them. The base of the first that
   * remains stands for their lines in every later head and proof.
   */
  expire(beforeUtc: number): Promise<string[]>;
  /** Calls `then` after every sync that added lines. */
  onGrowth(then: () => void): void;
  /** What a crash had left behind the last line and opening cut off. */
  readonly cutBytes: number;
  /** Why the log that was there could not be gone on with, and where it lies now. */
  readonly broken: { code: string; aside: string } | undefined;
  /** Waits for what is under way, remembers the place where the disk takes it. */
  close(): Promise<void>;
}

const keptRoots = 32;

export interface AuditOptions {
  files: Files;
  clock: Clock;
  folder: string;
  node: string;
  key: KeyObject;
}

/**
 * Opens a node's log, or begins it. A log that is not what was written and signed, or that the disk does not give back, is
 * set aside as it is, and another begins with the line that says so: recording must not wait for somebody to look, and
 * the hub, which holds the old head, will not cosign the new one before somebody has.
 */
export async function openAudit(options: AuditOptions): Promise<Audit> {
  const { files, clock, folder } = options;
  try {
    return await openWhole(options);
  } catch (error) {
    if (!(error instanceof Failure) || error.kind !== 'corrupt') throw error;
    const aside = `${folder}${asideMark}${compactStamp(clock.utc())}`;
    await files.replace(folder, aside);
    await files.syncFolder(dirname(folder));
    const audit = await openWhole(options);
    await audit.append('log-broken', { code: error.code, aside: basename(aside) });
    return Object.assign(audit, { broken: { code: error.code, aside } });
  }
}

/**
 * Throws `audit-malformed`, `audit-seq`, `audit-chain`, `audit-base`, `audit-truncated`, `audit-root`, `audit-head` or
 * `audit-unreadable` (corrupt).
 */
async function openWhole(options: AuditOptions): Promise<Audit> {
  const { files, clock, folder, node, key } = options;
  await makeFolderDurably(files, folder);
  const signed = await readHead(files, checkpointFile(folder), node);
  const { place, cutBytes, rootAtWatched } = await recover(files, folder, signed?.size);
  if (signed && signed.size > place.position.tree.size)
    throw new Failure('corrupt', 'audit-truncated', 'the log is shorter than the head that was signed');
  if (signed && rootAtWatched && !rootAtWatched.equals(signed.root))
    throw new Failure('corrupt', 'audit-root', 'the log is not the one whose head was signed');
  let cosigned = (await readHead(files, cosignedFile(folder), node))?.size ?? 0;
  if (cosigned > place.position.tree.size)
    throw new Failure('corrupt', 'audit-truncated', 'the log is shorter than the head that was cosigned');

  const growth: (() => void)[] = [];
  const waiters = new Set<{ size: number; resolve(): void }>();
  const writer = openWriter(files, clock, folder, place, () => {
    for (const then of growth) then();
  });
  const read = openReader(files, folder, writer.place);
  const size = (): number => writer.place().position.tree.size;
  // Heads and cosignatures replace their files one after the other.
  let working: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const turn = working.then(work);
    working = turn.catch(() => {});
    return turn;
  };

  /** Of the heads that were signed last: a cosignature is of one of these, but for one from before the start. */
  const signedRoots = new Map<number, Buffer>();
  async function signHead(policy: { hash: string; version: number }, now: Place) {
    const { tree } = now.position;
    const head = {
      size: tree.size,
      root: tree.root(),
      policyHash: policy.hash,
      policyVersion: policy.version,
    };
    const note = signCheckpoint(node, head, key);
    signedRoots.set(head.size, head.root);
    for (const old of signedRoots.keys()) if (signedRoots.size > keptRoots) signedRoots.delete(old);
    try {
      await writePlace(files, recentFile(folder), now);
      await writeDurably(files, checkpointFile(folder), note);
    } catch (error) {
      throw diskFailure(error, 'the head of the log');
    }
    return { note, size: tree.size };
  }

  return {
    cutBytes,
    broken: undefined,
    append: writer.append,
    size,
    root: () => writer.place().position.tree.root(),
    read,
    settled: writer.settled,
    checkpoint: async (policy) => (size() === 0 ? undefined : inTurn(() => signHead(policy, writer.place()))),
    prove: (seq, policy) =>
      inTurn(async () => {
        const now = writer.place();
        const { note } = await signHead(policy, now);
        const { line, path } = await proveLine(files, folder, now, seq);
        return {
          node,
          seq,
          line,
          size: now.position.tree.size,
          path: path.map((hash) => hash.toString('base64')),
          checkpoint: note,
        };
      }),
    cosigned: () => cosigned,
    takeCosigned: (taken) =>
      inTurn(async () => {
        if (taken.head.size > size())
          throw new Failure(
            'denied',
            'cosignature-ahead',
            'a head was cosigned that this log has not reached',
          );
        if (taken.head.size <= cosigned) return;
        const { size: of } = taken.head;
        try {
          const root = signedRoots.get(of) ?? (await rootOver(files, folder, of));
          // One that was given to a log of before, on a disk that is gone, says nothing of this one.
          if (!root?.equals(taken.head.root))
            throw new Failure('denied', 'cosignature-other', 'the head that was cosigned is of another log');
          await writeDurably(files, cosignedFile(folder), taken.message);
        } catch (error) {
          throw diskFailure(error, 'a cosignature');
        }
        cosigned = taken.head.size;
        for (const waiter of waiters)
          if (waiter.size <= cosigned) {
            waiters.delete(waiter);
            waiter.resolve();
          }
      }),
    whenCosigned: (wanted, signal) =>
      new Promise((resolve, reject) => {
        if (wanted <= cosigned) return resolve();
        if (signal.aborted) return reject(signal.reason);
        const waiter = {
          size: wanted,
          resolve() {
            signal.removeEventListener('abort', abort);
            resolve();
          },
        };
        const abort = (): void => {
          waiters.delete(waiter);
          reject(signal.reason);
        };
        signal.addEventListener('abort', abort, { once: true });
        waiters.add(waiter);
      }),
    async lastCosigned() {
      return (await readIfThere(files, cosignedFile(folder), maxNoteBytes))?.toString('utf8');
    },
    expire: (beforeUtc) =>
      inTurn(async () => {
        const months = await monthsOf(files, folder);
        const gone: string[] = [];
        for (const [index, month] of months.entries()) {
          const next = months[index + 1];
          if (next === undefined || month >= monthOf(beforeUtc)) break;
          const base = await readPlace(files, baseFile(folder, next));
          if (base === undefined || base.position.tree.size > cosigned) break;
          await files.remove(logFile(folder, month));
          if ((await files.size(baseFile(folder, month))) !== undefined)
            await files.remove(baseFile(folder, month));
          await files.syncFolder(folder);
          gone.push(month);
        }
        return gone;
      }),
    onGrowth: (then) => {
      growth.push(then);
    },
    async close() {
      await writer.close();
      await working;
      if (size() === 0) return;
      await writePlace(files, recentFile(folder), writer.place()).catch((error: unknown) => {
        // The next start reads on from an earlier one.
        if (codeOf(error) === 'unknown') throw error;
      });
    },
  };
}

/** The head in one of our own files. Throws `audit-head` (corrupt) for one that cannot be read. */
async function readHead(files: Files, path: string, node: string) {
  const note = (await readIfThere(files, path, maxNoteBytes))?.toString('utf8');
  if (note === undefined) return undefined;
  try {
    return readCheckpoint(node, note);
  } catch (cause) {
    throw new Failure('corrupt', 'audit-head', `${path}: not a head of ${node}`, { cause });
  }
}
