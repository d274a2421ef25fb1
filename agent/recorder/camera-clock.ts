import type { MonotonicMs } from '#agent/platform/clock.ts';

/** How the camera's media clock runs against the box's: told, and never used to rewrite a time. */
export interface CameraClock {
  /** A track begins, and with it another zero. */
  begin(): void;
  /** What is `mediaMs` into its track came at `arrivedAt`. */
  add(mediaMs: number, arrivedAt: MonotonicMs): void;
  /** Millionths by which it runs fast; undefined before it was watched for an hour. */
  driftPpm(): number | undefined;
}

/**
 * The network only ever delays: the least delay of a window is that of an idle network. Reads on a beat of 100 ms make
 * it uncertain by as much, which is 30 ppm of an hour; a usual crystal is off by 50.
 */
const windowMs = 300_000;
const leastMs = 3_600_000;

export function openCameraClock(): CameraClock {
  let first: { delayMs: number; at: number } | undefined;
  let last: { delayMs: number; at: number } | undefined;
  let least = { delayMs: Number.POSITIVE_INFINITY, at: 0 };
  let windowEnds = Number.NEGATIVE_INFINITY;
  return {
    begin() {
      first = last = undefined;
      least = { delayMs: Number.POSITIVE_INFINITY, at: 0 };
      windowEnds = Number.NEGATIVE_INFINITY;
    },
    add(mediaMs, arrivedAt) {
      if (arrivedAt >= windowEnds) {
        if (Number.isFinite(windowEnds)) {
          first ??= least;
          last = least;
        }
        least = { delayMs: Number.POSITIVE_INFINITY, at: 0 };
        windowEnds = arrivedAt + windowMs;
      }
      const delayMs = arrivedAt - mediaMs;
      if (delayMs < least.delayMs) least = { delayMs, at: arrivedAt };
    },
    driftPpm() {
      if (first === undefined || last === undefined || last.at - first.at < leastMs) return undefined;
      return Math.round(((first.delayMs - last.delayMs) / (last.at - first.at)) * 1e6);
    },
  };
}
