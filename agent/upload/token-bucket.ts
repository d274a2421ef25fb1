import { type Clock, pause } from '../platform/clock.ts';

export interface TokenBucket {
  /** Resolves when `bytes` may be sent, in the order of asking. Rejects with the signal's reason. */
  take(bytes: number, signal: AbortSignal): Promise<void>;
}

/** What may go at once after a rest: a quarter of a second's worth, so that other traffic never waits longer. */
const burstMs = 250;

/** Lets `bitsPerSecond` through on average. */
export function tokenBucket(clock: Clock, bitsPerSecond: number): TokenBucket {
  const bytesPerMs = bitsPerSecond / 8000;
  const full = bytesPerMs * burstMs;
  let level = full;
  let at = clock.monotonic();
  let turn: Promise<void> = Promise.resolve();

  async function take(bytes: number, signal: AbortSignal): Promise<void> {
    const now = clock.monotonic();
    level = Math.min(full, level + (now - at) * bytesPerMs) - bytes;
    at = now;
    // A debt is waited off: pieces larger than the burst pass, at the same rate.
    if (level < 0) await pause(clock, -level / bytesPerMs, signal);
    signal.throwIfAborted();
  }
  return {
    take(bytes, signal) {
      const mine = turn.then(() => take(bytes, signal));
      turn = mine.catch(() => {});
      return mine;
    },
  };
}
