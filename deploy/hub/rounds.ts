import type { Clock, Timer } from '#agent/platform/clock.ts';

/** Does `work` now and `everyMs` milliseconds after each time, until `signal` aborts. One listener, however long. */
export function inRounds(clock: Clock, everyMs: number, signal: AbortSignal, work: () => void): void {
  let timer: Timer | undefined;
  const round = (): void => {
    if (signal.aborted) return;
    work();
    if (!signal.aborted) timer = clock.after(everyMs, round);
  };
  signal.addEventListener('abort', () => timer?.cancel(), { once: true });
  round();
}
