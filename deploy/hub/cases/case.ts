import { z } from 'zod';
import type { Command } from '#protocol/command.ts';
import { maxCommandBytes, parseCommand } from '#protocol/command.ts';
import { parseEnvelope } from '#protocol/envelope.ts';
import { uuidV7 } from '#protocol/ids.ts';
import { commandStatus } from '#protocol/status.ts';

/**
 * prepared: the operator signed. authorised: the officer too; on its way. refused, failed: the node's last word, or
 * none before the command expired. complete: everything the manifest lists is here and is what it says.
 * closing, closed: the footage is being, or has been, deleted.
 */
export const caseStates = [
  'prepared',
  'authorised',
  'refused',
  'failed',
  'complete',
  'closing',
  'closed',
] as const;
export type CaseState = (typeof caseStates)[number];

/** case.json; beside it command.dsse.json, manifest.dsse.json, `files/` and `inbox/`. */
export const caseFile = z.strictObject({
  id: uuidV7,
  request: z.string().max(32),
  state: z.enum(caseStates),
  createdAt: z.number(),
  authorisedAt: z.number().optional(),
  /** The node's newest status. */
  status: commandStatus.optional(),
  /** Why it failed, when no node said so. */
  reason: z.string().max(64).optional(),
  completeAt: z.number().optional(),
  /** The day on which somebody looks whether it can be closed; 90 days after it was made when absent. */
  review: z.number().optional(),
  closedAt: z.number().optional(),
  /** The retained status is gone from the broker. */
  cleared: z.boolean().optional(),
});
export type CaseFile = z.output<typeof caseFile>;

/** Reads a command out of an envelope without believing its signatures. Throws `too-large`, `malformed`. */
export function commandOf(message: Uint8Array): Command {
  return parseCommand(parseEnvelope(message, maxCommandBytes).payload);
}

export function isOver(state: CaseState): boolean {
  return state === 'refused' || state === 'failed' || state === 'closing' || state === 'closed';
}
