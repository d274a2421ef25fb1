import type { Clock, Timer } from '#agent/platform/clock.ts';
import type { OpenSegment, SegmentRow } from '#agent/store/store.ts';
import { codeOf } from '#protocol/failure.ts';
import { type Sealer, sealedChunkBytes } from '#protocol/seal/seal.ts';

/** One segment on its way to disk. `take` never waits; what it leaves behind is written in the background. */
export interface SegmentWriter {
  /** Seals and queues `bytes`, which may be reused as soon as it returns. */
  take(bytes: Uint8Array): void;
  /** Sealed bytes that the disk has not taken yet. */
  readonly inFlightBytes: number;
  /** The disk's error, once it refused; what is taken then goes nowhere. */
  readonly failure: unknown;
  /** Plain bytes taken. */
  readonly takenBytes: number;
  /** Nothing follows: the last chunk goes on its way. */
  last(): void;
  /** After {@link last}: ends the segment at the UTC label `end`. Gives what is kept: whole, torn after a refusal, or nothing. */
  finish(end: number): Promise<SegmentRow | undefined>;
}

/** A power cut costs no more than this and a GOP. */
const syncMs = 1000;

export interface WriterEvents {
  /** Told once, the moment the disk refuses. */
  failed(): void;
  /** Told once, when so much is on stable storage that a crash would leave a torn segment, and not nothing. */
  safe(): void;
}

export function openWriter(
  clock: Clock,
  opening: Promise<OpenSegment>,
  sealer: Sealer,
  { failed, safe }: WriterEvents,
): SegmentWriter {
  let queue: Buffer[] = [];
  let inFlightBytes = 0;
  let takenBytes = 0;
  let writtenBytes = 0;
  let isSafe = false;
  let failure: unknown;
  let dirty = false;
  let syncedAt = Number.NEGATIVE_INFINITY;
  let timer: Timer | undefined;
  let draining: Promise<void> | undefined;
  let syncing: Promise<void> | undefined;

  const failedBy = (error: unknown): void => {
    if (codeOf(error) === 'unknown') throw error; // No disk said that: a bug ends the process.
    if (failure !== undefined) return;
    failure = error;
    queue = [];
    inFlightBytes = 0;
    failed();
  };
  /** Beside the writes: bytes that wait for a slow disk in memory are lost by a kill, those in its cache are not. */
  const syncWritten = async (open: OpenSegment): Promise<void> => {
    dirty = false;
    syncedAt = clock.monotonic();
    const outlives = writtenBytes;
    await open.sync();
    if (!isSafe && outlives > sealedChunkBytes) {
      isSafe = true;
      safe();
    }
  };
  const writeQueued = async (): Promise<void> => {
    const open = await opening;
    while (failure === undefined) {
      if (dirty && syncing === undefined && clock.monotonic() - syncedAt >= syncMs)
        syncing = syncWritten(open)
          .catch(failedBy)
          .finally(() => {
            syncing = undefined;
            syncLater();
          });
      else if (queue.length > 0) {
        const batch = queue;
        queue = [];
        await open.write(batch);
        dirty = true;
        if (failure === undefined) inFlightBytes -= sizeOf(batch);
        writtenBytes += sizeOf(batch);
        release(batch);
      } else return;
    }
  };
  const syncLater = (): void => {
    if (dirty && failure === undefined && syncing === undefined)
      timer ??= clock.after(Math.max(0, syncedAt + syncMs - clock.monotonic()), () => {
        timer = undefined;
        void drain();
      });
  };
  const drain = (): Promise<void> => {
    draining ??= writeQueued()
      .catch(failedBy)
      .finally(() => {
        draining = undefined;
        syncLater();
      });
    return draining;
  };
  const enqueue = (sealed: Buffer[]): void => {
    if (failure !== undefined || sealed.length === 0) return;
    queue.push(...sealed);
    inFlightBytes += sizeOf(sealed);
    void drain();
  };
  // Nothing may be sealed for a while: a file that cannot be begun is told of all the same.
  void drain();
  return {
    get inFlightBytes() {
      return inFlightBytes;
    },
    get failure() {
      return failure;
    },
    get takenBytes() {
      return takenBytes;
    },
    take(bytes) {
      takenBytes += bytes.length;
      enqueue(sealer.update(bytes));
    },
    last() {
      // 1 finish: the last chunk, marked as the last
      enqueue(sealer.final());
    },
    async finish(end) {
      while (draining !== undefined || queue.length > 0) await drain();
      await syncing;
      timer?.cancel();
      timer = undefined;
      if (failure === undefined) {
        try {
          return await (await opening).seal(end);
        } catch (error) {
          if (codeOf(error) === 'unknown') throw error;
          failure = error;
          failed();
        }
      }
      let open: OpenSegment;
      try {
        open = await opening;
      } catch {
        return undefined; // Already told: there is no file to keep.
      }
      return await open.abandon(end);
    },
  };
}

/**
 * Gives the memory of written pieces back at once. A cipher allocates 64 KiB a piece outside the heap, where the
 * collector sees no need to hurry: left to it, full collections were half of the agent's CPU time.
 */
function release(written: readonly Buffer[]): void {
  for (const { buffer, length } of written)
    if (buffer instanceof ArrayBuffer && length === buffer.byteLength) buffer.transfer(0);
}

function sizeOf(list: readonly Buffer[]): number {
  let bytes = 0;
  for (const piece of list) bytes += piece.length;
  return bytes;
}
