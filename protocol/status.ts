import { z } from 'zod';
import { refusalCodes } from './refusal.ts';

/**
 * What a node answers to a command, signed by the node: `command/<id>/status`. A box may be newer than its hub: a field
 * that is not known here is left out.
 */
export const commandStatus = z.object({
  id: z.string().max(64),
  /** Counts up with every change: the newest wins whatever order they arrive in. */
  version: z.int().nonnegative(),
  state: z.enum(['accepted', 'refused', 'running', 'done', 'failed']),
  /** The refusal's code, or why it failed. */
  reason: z.union([z.enum(refusalCodes), z.string().max(64)]).optional(),
  /** 0 to 1. */
  progress: z.number().min(0).max(1).optional(),
  segments: z.int().nonnegative().optional(),
  bytes: z.int().nonnegative().optional(),
  /** The audit line that records the outcome. */
  auditSeq: z.int().positive(),
});
export type CommandStatus = z.infer<typeof commandStatus>;
