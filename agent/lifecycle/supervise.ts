import type { Clock } from '#agent/platform/clock.ts';
import { pause } from '#agent/platform/clock.ts';
import { Failure } from '#protocol/failure.ts';

/** How long to wait before another life, which may depend on how the last one ended. A `Backoff` is one. */
export interface Waits {
  /** Milliseconds. */
  next(failure: Failure | undefined): number;
  /** After a success: every wait is the first again. */
  reset(): void;
}

export interface Supervised {
  /** One life: runs until it fails, ends, or `signal` aborts. */
  once(signal: AbortSignal): Promise<void>;
  /** Told of every end that was not asked for; `retryMs` is the wait that follows. */
  ended(failure: Failure | undefined, retryMs: number): void;
  /** A life at least this long was a success: the waits start over. */
  healthyMs: number;
}

/**
 * Lives `once` again and again, with `waits` in between, until `signal` aborts; never gives up. A failure without a
 * name is a bug and is thrown on: the process restarts rather than going on in a state nobody thought of.
 */
export async function supervise(
  clock: Clock,
  waits: Waits,
  signal: AbortSignal,
  life: Supervised,
): Promise<void> {
  while (!signal.aborted) {
    const born = clock.monotonic();
    let failure: Failure | undefined;
    try {
      await life.once(signal);
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof Failure)) throw error;
      failure = error;
    }
    if (signal.aborted) return;
    if (clock.monotonic() - born >= life.healthyMs) waits.reset();
    const retryMs = waits.next(failure);
    life.ended(failure, retryMs);
    await pause(clock, retryMs, signal);
  }
}
