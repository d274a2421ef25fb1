import type { Clock, MonotonicMs, UtcMs } from '#agent/platform/clock.ts';
import { settled } from './threads.ts';

export interface FakeClock extends Clock {
  /** Lets `ms` pass on both clocks and runs what falls due, in order, letting promises settle in between. */
  advance(ms: number): Promise<void>;
  /** Steps the UTC clock alone, as NTP or a dead battery does. */
  stepUtc(ms: number): void;
  /** Timers not yet run: zero when everything was cancelled. */
  pending(): number;
}

export function fakeClock(startUtc = Date.UTC(2026, 0, 15, 12)): FakeClock {
  let utc = startUtc;
  let monotonic = 1000;
  let timers: { due: number; then: () => void }[] = [];
  return {
    utc: () => utc as UtcMs,
    monotonic: () => monotonic as MonotonicMs,
    after(pauseMs, then) {
      const timer = { due: monotonic + pauseMs, then };
      timers.push(timer);
      return {
        cancel() {
          timers = timers.filter((other) => other !== timer);
        },
      };
    },
    async advance(ms) {
      const end = monotonic + ms;
      await settled();
      for (;;) {
        const next = timers.filter((timer) => timer.due <= end).sort((a, b) => a.due - b.due)[0];
        if (next === undefined) break;
        timers = timers.filter((timer) => timer !== next);
        utc += Math.max(0, next.due - monotonic);
        monotonic = Math.max(monotonic, next.due);
        next.then();
        await settled();
      }
      utc += end - monotonic;
      monotonic = end;
      await settled();
    },
    stepUtc(ms) {
      utc += ms;
    },
    pending: () => timers.length,
  };
}
