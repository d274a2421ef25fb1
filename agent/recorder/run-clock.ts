import type { Clock, MonotonicMs } from '#agent/platform/clock.ts';

/**
 * Labels of one run: UTC was read once, at its first keyframe, and monotonic time counts on from there. Both clocks of
 * Linux are slewed alike, so they part only when UTC is stepped: jitter of the camera's clock or of a radio link never
 * looks like a step.
 */
export interface RunClock {
  /** UTC milliseconds, whole. */
  label(at: MonotonicMs): number;
  /** UTC no longer agrees with the labels. */
  stepped(): boolean;
}

/** A leap second is no reason for a new run; what evidence shows may be off by this much and no more. */
export const stepMs = 1500;

/** Anchors a run at `firstArrival`, a moment of the past few seconds. */
export function openRun(clock: Clock, firstArrival: MonotonicMs): RunClock {
  const anchorUtc = clock.utc() - (clock.monotonic() - firstArrival);
  return {
    label: (at) => Math.round(anchorUtc + (at - firstArrival)),
    stepped: () => Math.abs(clock.utc() - (anchorUtc + (clock.monotonic() - firstArrival))) > stepMs,
  };
}
