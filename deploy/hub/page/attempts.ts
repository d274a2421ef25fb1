import type { Clock, MonotonicMs } from '#agent/platform/clock.ts';

/** Tries that may be made at once, and how long one more takes. */
export interface Allowance {
  burst: number;
  everyMs: number;
}

export interface Attempts {
  /** 0 when one more try is allowed, and counted; else how long to wait. */
  waitMs(key: string): number;
  /** A try that succeeded: the key begins anew. */
  forget(key: string): void;
}

/** Who tries from many addresses fills this; the oldest are forgotten, and the limit by name still holds. */
const mostKeys = 10_000;

/** A bucket of tries for each key. */
export function openAttempts(clock: Pick<Clock, 'monotonic'>, { burst, everyMs }: Allowance): Attempts {
  const buckets = new Map<string, { tries: number; at: MonotonicMs }>();
  return {
    waitMs(key) {
      const now = clock.monotonic();
      const bucket = buckets.get(key) ?? { tries: burst, at: now };
      const tries = Math.min(burst, bucket.tries + (now - bucket.at) / everyMs);
      buckets.delete(key);
      buckets.set(key, { tries: tries >= 1 ? tries - 1 : tries, at: now });
      const oldest = buckets.keys().next();
      if (buckets.size > mostKeys && !oldest.done) buckets.delete(oldest.value);
      return tries >= 1 ? 0 : Math.ceil((1 - tries) * everyMs);
    },
    forget: (key) => void buckets.delete(key),
  };
}
