import { z } from 'zod';
import { gapReason } from '#protocol/gap.ts';
import { cameraId } from '#protocol/ids.ts';

/** Restarts and steps of the clock remembered: a box that restarts every hour for a week makes 168. */
export const maxStretches = 300;

/** Runs that wait for the time, of all cameras: fourteen that reconnect every two minutes for an hour make 420. */
export const maxUntimedRuns = 500;

/** Milliseconds since 1970, or a length in milliseconds. */
const ms = z.number().nonnegative();

/** What the store remembers between two lives of the agent: `state.json`. */
export const storeStateSchema = z.object({
  /** Boot of the last life, and whether it ended in an orderly stop. */
  bootId: z.string().max(64),
  clean: z.boolean(),
  /** How the boot before that one ended; absent where no life saw it. */
  bootBefore: z.enum(['orderly', 'cut']).optional(),
  /** When the last life was last seen alive. */
  aliveAt: ms,
  /** Powered time counted so far: ages what an untrusted clock cannot. */
  poweredMs: ms,
  /** Per camera: every row that starts before has been swept, or is still on disk because it was kept. */
  sweptBefore: z.record(cameraId, ms),
  /** Interruptions that were under way. */
  openGaps: z.record(cameraId, z.object({ start: ms, reason: gapReason })),
  /**
   * Stretches through which the clock neither stepped nor stood still with the box: what label it showed at the begin
   * and how much powered time had been counted then. The last one is under way.
   */
  clockStretches: z.array(z.object({ label: ms, poweredMs: ms })).max(maxStretches),
  /**
   * The boot through which powered time is counted without a hole: what had been counted when it was first seen, and
   * what the machine's monotonic clock showed then; and whether UTC jumped in it without the hub's having confirmed it.
   */
  counting: z
    .object({ bootId: z.string().max(64), poweredMs: ms, monotonicMs: ms, jumped: z.boolean().optional() })
    .optional(),
  /**
   * Runs of that boot with segments from under an untrusted clock: label and powered time of their first frame, and once
   * the time was known, how much the labels lack.
   */
  untimedRuns: z
    .array(z.object({ camera: cameraId, run: ms, poweredMs: z.number(), shiftMs: z.number().optional() }))
    .max(maxUntimedRuns)
    .default([]),
});
export type StoreState = z.output<typeof storeStateSchema>;

/** Labels of one camera's {@link StoreState.untimedRuns}. */
export function untimedOf(runs: StoreState['untimedRuns'], camera: string): number[] {
  return runs.filter((one) => one.camera === camera).map(({ run }) => run);
}

export function firstState(bootId: string, now: number): StoreState {
  return {
    bootId,
    clean: false,
    aliveAt: now,
    poweredMs: 0,
    sweptBefore: {},
    openGaps: {},
    clockStretches: [],
    untimedRuns: [],
  };
}
