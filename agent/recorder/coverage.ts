import type { GapReason } from '#protocol/gap.ts';

/** The interval since the last segment that no segment covers yet. Every interruption becomes one gap. */
export interface Uncovered {
  /** Video ended at `start`, because of `reason`; nothing when an interruption is under way already. */
  interrupted(start: number, reason: GapReason): void;
  /** The cause has shown itself at `now`: it replaces a cause that was only presumed, or ends an absence. */
  cause(now: number, reason: GapReason): void;
  /** A segment starts at `start`. */
  resumed(start: number): void;
  readonly since: { start: number; reason: GapReason } | undefined;
}

export interface Gap {
  start: number;
  end: number;
  reason: GapReason;
}

/** Why the agent itself did not record: what a camera did meanwhile is not known, so its own failure is another gap. */
export function isAbsence(reason: GapReason): boolean {
  return reason === 'agent-stopped' || reason === 'agent-crashed' || reason === 'power-lost';
}

/** `presumed`: the first cause that shows itself is the reason from the start. */
export function openCoverage(
  first: { start: number; reason: GapReason; presumed: boolean },
  changed: (open: { start: number; reason: GapReason } | undefined) => void,
  gap: (gap: Gap) => void,
): Uncovered {
  let open: { start: number; reason: GapReason } | undefined = { start: first.start, reason: first.reason };
  let presumed = first.presumed;
  const close = (end: number): void => {
    // After a step back of the clock the next segment may start before the last one ended: nothing is missing.
    if (open !== undefined && open.start < end) gap({ ...open, end });
  };
  const set = (next: { start: number; reason: GapReason } | undefined): void => {
    open = next;
    changed(next);
  };
  return {
    get since() {
      return open;
    },
    interrupted(start, reason) {
      if (open !== undefined) return;
      presumed = false;
      set({ start, reason });
    },
    cause(now, reason) {
      if (open === undefined) return;
      if (presumed) {
        presumed = false;
        set({ start: open.start, reason });
      } else if (isAbsence(open.reason)) {
        close(now);
        set({ start: Math.max(open.start, now), reason });
      }
    },
    resumed(start) {
      close(start);
      if (open !== undefined) set(undefined);
    },
  };
}
