/** Two clocks, two types. A UTC label says when something was, and can jump; a monotonic measure says how long
 * something took, and cannot. Neither converts to the other: what needs both takes one reading of each. */

/** Milliseconds since 1970-01-01T00:00:00Z by the box's clock. Lies after a power cut until time arrives. */
export type UtcMs = number & { readonly utc: unique symbol };
/** Milliseconds since an arbitrary start. Never goes back and never jumps; counts no time while powered off. */
export type MonotonicMs = number & { readonly monotonic: unique symbol };

/** A pending call of {@link Clock.after}; `cancel` is harmless when it already ran. */
export interface Timer {
  cancel(): void;
}

export interface Clock {
  utc(): UtcMs;
  monotonic(): MonotonicMs;
  /** Runs `then` once, `pauseMs` of monotonic time from now. Keeps the process alive. */
  after(pauseMs: number, then: () => void): Timer;
}

export const systemClock: Clock = {
  utc: () => Date.now() as UtcMs,
  monotonic: () => performance.now() as MonotonicMs,
  after(pauseMs, then) {
    const timer = setTimeout(then, pauseMs);
    return { cancel: () => clearTimeout(timer) };
  },
};

/** Resolves after `pauseMs`, or as soon as `signal` aborts: the caller asks the signal, not the result. */
export function pause(clock: Clock, pauseMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const finish = (): void => {
      timer.cancel();
      signal.removeEventListener('abort', finish);
      resolve();
    };
    const timer = clock.after(pauseMs, finish);
    signal.addEventListener('abort', finish, { once: true });
  });
}

/** Resolves when `signal` aborts. */
export function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
