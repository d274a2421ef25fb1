import { authorise, type Command, type ExtractCommand, skewMs, verifyCommand } from '#protocol/command.ts';
import { Failure } from '#protocol/failure.ts';
import type { Policy, Role } from '#protocol/policy.ts';
import type { KnownRequest } from '../register/requests.ts';

/** What the hub asks of a command before it keeps or sends it; the node asks again, and its word counts. */

const denied = (code: string, sentence: string): never => {
  throw new Failure('denied', code, sentence);
};

/** Whose key this is, when that person may act in `role` for `node`. */
export function keyHolder(policy: Policy, keyid: string, role: Role, node: string): string | undefined {
  return policy.persons.find(({ keys }) =>
    keys.some((key) => key.keyid === keyid && key.role === role && (key.nodes?.includes(node) ?? true)),
  )?.name;
}

/**
 * A command that an operator signed, for a request in the register: the same purpose, and nothing that was not asked
 * for (Art. 9 c. 1.a). Throws what `verifyCommand` throws, and the codes below.
 */
export function admitPrepared(
  message: Uint8Array,
  policy: Policy,
  request: KnownRequest,
  utcMs: number,
): ExtractCommand {
  const { command, signers } = verifyCommand(message, policy);
  if (command.type !== 'extract')
    return denied('not-an-extraction', `this hub sends no "${command.type}" yet`);
  if (command.policyVersion !== policy.version)
    denied('stale-policy', `policy ${policy.version} is in force: prepare the command again`);
  if (
    !signers.some(({ id }) => id === command.operator) ||
    !keyHolder(policy, command.operator, 'operator', command.node)
  )
    denied('missing-signature', 'the operator that the command names has not signed it, or may not');
  if (!keyHolder(policy, command.officer, 'officer', command.node))
    denied('unknown-officer', `the key named as officer belongs to no officer for ${command.node}`);
  if (!policy.nodes.find(({ id }) => id === command.node)?.cameras.includes(command.camera))
    denied('unknown-camera', `the policy knows no ${command.node}/${command.camera}`);
  if (command.expiresAt <= utcMs) denied('expired', 'the command has expired');
  requireRequested(command, request);
  return command;
}

function requireRequested(command: ExtractCommand, request: KnownRequest): void {
  const { record } = request;
  if (request.rejected) denied('request-rejected', `request ${request.id} was rejected`);
  if (command.request.recordHash !== request.recordHash || command.request.protocol !== record.protocol)
    denied('other-request', `the command does not carry the record of request ${request.id}`);
  if (command.purpose !== record.purpose)
    denied('other-purpose', `request ${request.id} is for ${record.purpose}, not for ${command.purpose}`);
  const asked = record.windows.some(
    ({ node, camera, from, to }) =>
      node === command.node &&
      camera === command.camera &&
      Date.parse(from) <= command.from &&
      command.to <= Date.parse(to),
  );
  if (!asked) denied('not-requested', `request ${request.id} does not ask for this camera at these times`);
}

/** The same command with every signature it needs, as the node will judge it. Throws `Refusal`s. */
export function admitAuthorised(message: Uint8Array, policy: Policy, prepared: Command, utcMs: number): void {
  const verified = verifyCommand(message, policy);
  if (JSON.stringify(verified.command) !== JSON.stringify(prepared))
    denied('other-command', 'the signed command is not the one that was prepared');
  authorise(verified, { node: prepared.node, policy, nowUtc: utcMs, clockTrusted: true });
}

/** Nobody can accept it any more. */
export function hasLapsed(command: Command, utcMs: number): boolean {
  return utcMs > command.expiresAt + skewMs;
}
