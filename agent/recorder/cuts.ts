import type { Clock, MonotonicMs } from '#agent/platform/clock.ts';

/** Requests to seal the open segment before its time. */
export interface Cuts {
  /** Whether a request waits for a frame that came at `at` or before. */
  due(at: MonotonicMs): boolean;
  /** Takes the waiting requests along: to be called when what they ask for is on disk. */
  take(): () => void;
  /**
   * Waits until the open segment holds this moment and is sealed, and all that is under way has settled. After 30 s it
   * is sealed as it stands, after 70 s where that would cost the rest of a group of pictures (`midGop`); resolves 10 s
   * later anyway.
   */
  ask(
    open: boolean,
    segment: { midGop(): boolean; sealNow(): void },
    settled: () => Promise<void>,
  ): Promise<void>;
}

/** A camera that sends nothing more does not hold a request longer. */
const deadlineMs = 30_000;
/** A session without a keyframe for a minute ends by itself, and seals; its fragments come 5 s late. */
const longestGopMs = 70_000;
/** Nor does a disk that hangs. */
const diskPatienceMs = 10_000;

export function openCuts(clock: Clock): Cuts {
  let waiting: { at: MonotonicMs; sealed: PromiseWithResolvers<void> }[] = [];
  return {
    due: (at) => waiting.some((one) => one.at <= at),
    take() {
      const taken = waiting;
      waiting = [];
      return () => {
        for (const { sealed } of taken) sealed.resolve();
      };
    },
    async ask(open, segment, settled) {
      const done = Promise.withResolvers<void>();
      const sealNow = (): void => {
        segment.sealNow();
        limit = clock.after(diskPatienceMs, done.resolve);
      };
      let limit = clock.after(deadlineMs, () => {
        if (!segment.midGop()) return sealNow();
        limit = clock.after(longestGopMs - deadlineMs, sealNow);
      });
      const sealed = Promise.withResolvers<void>();
      if (open) waiting.push({ at: clock.monotonic(), sealed });
      else sealed.resolve();
      void sealed.promise.then(settled).then(done.resolve);
      await done.promise;
      limit.cancel();
    },
  };
}
