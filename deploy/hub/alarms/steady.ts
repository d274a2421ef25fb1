import type { Clock } from '#agent/platform/clock.ts';

/**
 * UTC as it was at the start, carried on monotonically: a stepped clock neither ends a wait nor prolongs one. After a
 * restart it is UTC anew.
 */
export function steadyUtc(clock: Clock): { now(): number; of(monotonicMs: number): number } {
  const base = clock.utc() - clock.monotonic();
  const of = (monotonicMs: number): number => Math.round(base + monotonicMs);
  return { of, now: () => of(clock.monotonic()) };
}
