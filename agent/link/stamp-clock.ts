import type { Clock } from '../platform/clock.ts';
import type { ErrorEstimate } from './stamp-packet.ts';

/** UTC with a fraction of a millisecond: the label of a millisecond, carried on monotonically. */
export interface StampClock {
  utc(): number;
  error(): ErrorEstimate;
}

/** The label is a whole millisecond, cut off: further apart than two, the clock was corrected. */
const slackMs = 2;

export function openStampClock(clock: Clock, synchronised: () => boolean): StampClock {
  let anchorUtc: number = clock.utc();
  let anchorMs: number = clock.monotonic();
  return {
    utc() {
      const now = anchorUtc + (clock.monotonic() - anchorMs);
      const label = clock.utc();
      if (Math.abs(now - label) <= slackMs) return now;
      anchorUtc = label;
      anchorMs = clock.monotonic();
      return label;
    },
    // 1 × 2⁻³² × 2²² s: a millisecond.
    error: () => ({ synchronised: synchronised(), ntp: true, scale: 22, multiplier: 1 }),
  };
}
