import type { Clock } from '#agent/platform/clock.ts';
import type { GapReason } from '#protocol/gap.ts';
import { stepMs } from './run-clock.ts';

/** The interval since the last segment that no segment covers yet. Every interruption becomes one gap. */
export interface Uncovered {
  /** Video ended at `start`, because of `reason`; nothing when an interruption is under way already. */
  interrupted(start: number, reason: GapReason): void;
  /** The cause has shown itself at `now`: it replaces a cause that was only presumed, or ends an absence. */
  cause(now: number, reason: GapReason): void;
  /** A segment starts at `start`. */
  resumed(start: number): void;
  /** The recorder ends: what is open goes on into the next life, in the labels of the clock as it is now. */
  handOver(): void;
}

export interface Gap {
  start: number;
  end: number;
  reason: GapReason;
}

/** Why the agent itself did not record: what a camera did meanwhile is not known, so its own failure is another gap. */
function isAbsence(reason: GapReason): boolean {
  return reason === 'agent-stopped' || reason === 'agent-crashed' || reason === 'power-lost';
}

/**
 * `presumed`: the first cause that shows itself is the reason from the start. `gap` also learns whether the UTC clock
 * stepped forward in between, so that the gap's length is not the time that passed.
 */
export function openCoverage(
  clock: Clock,
  first: { start: number; reason: GapReason; presumed: boolean },
  changed: (open: { start: number; reason: GapReason } | undefined) => void,
  gap: (gap: Gap, stepped: boolean) => void,
): Uncovered {
  let open: { start: number; reason: GapReason } | undefined = { start: first.start, reason: first.reason };
  let presumed = first.presumed;
  changed({ ...open });
  // Between both clocks when `open.start` was labelled; it changes when UTC is stepped.
  let offset = clock.utc() - clock.monotonic();
  const close = (end: number): void => {
    const stepped = clock.utc() - clock.monotonic() - offset;
    // Stepped back: the same moment has an earlier label now, and labels from there on were shown again.
    if (open !== undefined && stepped < -stepMs) open.start += stepped;
    if (open !== undefined && open.start < end) gap({ ...open, end }, stepped > stepMs);
  };
  const set = (next: { start: number; reason: GapReason } | undefined): void => {
    open = next;
    offset = clock.utc() - clock.monotonic();
    changed(next);
  };
  return {
    interrupted(start, reason) {
      if (open !== undefined) return;
      presumed = false;
      set({ start, reason });
    },
    cause(now, reason) {
      if (open === undefined) return;
      if (presumed) {
        presumed = false;
        open.reason = reason;
        changed(open);
      } else if (isAbsence(open.reason)) {
        close(now);
        set({ start: now, reason });
      }
    },
    resumed(start) {
      close(start);
      if (open !== undefined) set(undefined);
    },
    handOver() {
      const stepped = clock.utc() - clock.monotonic() - offset;
      if (open !== undefined && stepped < -stepMs) set({ ...open, start: open.start + stepped });
    },
  };
}
