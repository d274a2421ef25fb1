import { Failure } from '#protocol/failure.ts';
import { type Clock, pause } from '../platform/clock.ts';
import type { Log } from '../platform/log.ts';

const retryMs = 5000;

/**
 * Does `work` again until the disk takes it: accepted work is delayed by a full disk, not lost. Throws any failure that
 * is not the disk's, and the signal's reason.
 */
export async function untilDisk<T>(
  around: { clock: Clock; log: Log },
  signal: AbortSignal,
  work: () => Promise<T>,
): Promise<T> {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof Failure) || !['disk-full', 'disk-error'].includes(error.code)) throw error;
      around.log.error({ code: error.code, why: error.message }, 'accepted work waits for the disk');
    }
    await pause(around.clock, retryMs, signal);
    signal.throwIfAborted();
  }
}
