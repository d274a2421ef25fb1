import { z } from 'zod';
import { type Command, type ExtractCommand, maxCommandBytes, parseCommand } from '#protocol/command.ts';
import { parseEnvelope } from '#protocol/envelope.ts';
import { uuidV7 } from '#protocol/ids.ts';
import { commandStatus } from '#protocol/status.ts';

/**
 * prepared: the operator signed. authorised: the officer too; on its way. refused, failed: the node's last word, or
 * none before the command expired, until it is heard after all. complete: everything the manifest lists is here and is
 * what it says. executed: the node has done it, and nothing is delivered. closing, closed: the footage is being, or has
 * been, deleted.
 */
export const caseStates = [
  'prepared',
  'authorised',
  'refused',
  'failed',
  'complete',
  'executed',
  'closing',
  'closed',
] as const;
export type CaseState = (typeof caseStates)[number];

/** case.json; beside it command.dsse.json, manifest.dsse.json, `files/` and `inbox/`. */
export const caseFile = z.object({
  id: uuidV7,
  /** Number of the request it is for; a picture for maintenance and a question for health have none. */
  request: z.string().max(32).optional(),
  state: z.enum(caseStates),
  createdAt: z.number(),
  authorisedAt: z.number().optional(),
  /** The node's newest status. */
  status: commandStatus.optional(),
  /** Why it failed, when no node said so. */
  reason: z.string().max(64).optional(),
  completeAt: z.number().optional(),
  executedAt: z.number().optional(),
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

export type SnapshotCommand = Extract<Command, { type: 'snapshot' }>;
export type HoldCommand = Extract<Command, { type: 'hold' }>;
/** What ends with footage here. */
export type DeliveredCommand = ExtractCommand | SnapshotCommand;

export function isDelivered(command: Command): command is DeliveredCommand {
  return command.type === 'extract' || command.type === 'snapshot';
}

export function isOver(state: CaseState): boolean {
  return ['refused', 'failed', 'executed', 'closing', 'closed'].includes(state);
}

/** Nobody needs the node's last word about it on the broker any more. */
export function isSettled({ state, command }: { state: CaseState; command: Command }): boolean {
  return state === 'closed' || (!isDelivered(command) && isOver(state));
}
