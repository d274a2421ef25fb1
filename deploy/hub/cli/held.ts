import { maxCommandBytes, verifyCommand } from '#protocol/command.ts';
import { Failure } from '#protocol/failure.ts';
import { commandOf, type HoldCommand } from '../cases/case.ts';
import { type RequestRecord, recordBehind } from '../register/requests.ts';
import type { History } from '../trust.ts';
import type { HubClient } from './client.ts';

/** A hold as the two who ordered it signed it, and the record of its request where the hub has the one it names. */
export interface Held {
  command: HoldCommand;
  record: RequestRecord | undefined;
  /** The request's number at the hub. */
  request: string | undefined;
}

/**
 * What a release would let go, out of the hold's own signed bytes: the hub is only the messenger. Undefined where it
 * shows none, or one that is not `id`, or that operator and officer did not both sign.
 */
export async function heldBy(client: HubClient, history: History, id: string): Promise<Held | undefined> {
  try {
    const { envelope, request } = await client.get('GET /case', { id });
    const message = Buffer.from(envelope);
    if (message.length > maxCommandBytes) return undefined;
    // Those who signed may have other keys by now.
    const { policy } = history.at(commandOf(message).policyVersion) ?? history;
    const { command, signers } = verifyCommand(message, policy);
    if (command.type !== 'hold' || command.id !== id) return undefined;
    const both = [command.operator, command.officer];
    if (!both.every((key) => signers.some((signer) => signer.id === key))) return undefined;
    const known = request === undefined ? undefined : await requestOf(client, request);
    const record = known === undefined ? undefined : recordBehind(known, command.request.recordHash);
    return { command, record, request: record === undefined ? undefined : request };
  } catch (error) {
    if (error instanceof Failure && (error.kind === 'denied' || error.kind === 'invalid')) return undefined;
    throw error;
  }
}

async function requestOf(client: HubClient, id: string): Promise<string | undefined> {
  try {
    return (await client.get('GET /request', { id })).full;
  } catch (error) {
    if (error instanceof Failure && error.kind === 'denied') return undefined;
    throw error;
  }
}
