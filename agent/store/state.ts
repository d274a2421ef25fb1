import { z } from 'zod';
import { gapReason } from '#protocol/gap.ts';
import { cameraId } from '#protocol/ids.ts';

/** Restarts and steps of the clock remembered: a box that restarts every hour for a week makes 168. */
export const maxStretches = 300;

/** Milliseconds since 1970, or a length in milliseconds. */
const ms = z.number().nonnegative();

/** What the store remembers between two lives of the agent: `state.json`. */
export const storeStateSchema = z.strictObject({
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
  openGaps: z.record(cameraId, z.strictObject({ start: ms, reason: gapReason })),
  /**
   * Stretches through which the clock neither stepped nor stood still with the box: what label it showed at the begin
   * and how much powered time had been counted then. The last one is under way.
   */
  clockStretches: z.array(z.strictObject({ label: ms, poweredMs: ms })).max(maxStretches),
});
export type StoreState = z.output<typeof storeStateSchema>;

export function firstState(bootId: string, now: number): StoreState {
  return {
    bootId,
    clean: false,
    aliveAt: now,
    poweredMs: 0,
    sweptBefore: {},
    openGaps: {},
    clockStretches: [],
  };
}
