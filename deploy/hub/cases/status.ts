import { parseEnvelope, parseJson, payloadTypes, verifyEnvelope } from '#protocol/envelope.ts';
import { Failure } from '#protocol/failure.ts';
import type { PublicKey } from '#protocol/key.ts';
import { type CommandStatus, commandStatus } from '#protocol/status.ts';

/** A few hundred bytes; anything near this is not a status. */
const maxStatusBytes = 16 * 1024;

/** A node's answer from its envelope. Throws `too-large`, `malformed`, `bad-signature`. */
export function verifyStatus(message: Uint8Array, node: PublicKey): CommandStatus {
  const envelope = parseEnvelope(message, maxStatusBytes);
  const { payload } = verifyEnvelope(envelope, payloadTypes.status, [node]);
  const parsed = commandStatus.safeParse(parseJson(payload));
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new Failure('invalid', 'malformed', `status: ${issue?.path.join('.')}: ${issue?.message}`);
}
