import type { Random } from '#agent/platform/random.ts';

export interface Backoff {
  /** Milliseconds to wait before the next try. */
  next(): number;
  /** After a success: the next wait is the first again. */
  reset(): void;
}

/**
 * Doubling waits from `firstMs` to `ceilingMs`, each drawn from its upper half, so that nineteen boxes that lost one
 * relay do not come back in step.
 */
export function backoff(random: Random, firstMs: number, ceilingMs: number): Backoff {
  let waitMs = firstMs;
  return {
    next() {
      const drawn = waitMs / 2 + (random.fraction() * waitMs) / 2;
      waitMs = Math.min(waitMs * 2, ceilingMs);
      return drawn;
    },
    reset() {
      waitMs = firstMs;
    },
  };
}
