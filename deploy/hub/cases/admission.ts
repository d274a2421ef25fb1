import {
  authorise,
  type Command,
  type ExtractCommand,
  signaturesSuffice,
  skewMs,
  verifyCommand,
} from '#protocol/command.ts';
import { Failure } from '#protocol/failure.ts';
import { longestHoldMs, type Policy, type Role } from '#protocol/policy.ts';
import { attendingOf } from '../register/attending.ts';
import type { KnownRequest } from '../register/requests.ts';
import type { HoldCommand } from './case.ts';

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

/** What a command is admitted for; which of these it needs is the type's business. */
export interface Asked {
  request?: KnownRequest | undefined;
  /** Who attends, and why, as text: for a snapshot. */
  attending?: string | undefined;
  /** The node of a hold that this hub ordered and that its node keeps. */
  holdAt(id: string): string | undefined;
}

const dayMs = 86_400_000;

/**
 * A command that an operator signed: for extractions and holds, of a request in the register, for the same purpose and
 * nothing that was not asked for (Art. 9 c. 1.a); for a snapshot, with those attending by name. Throws what
 * `verifyCommand` throws, and the codes below. `complete` when it needs no further signature.
 */
export function admitPrepared(
  message: Uint8Array,
  policy: Policy,
  asked: Asked,
  utcMs: number,
): { command: Command; complete: boolean } {
  const verified = verifyCommand(message, policy);
  const { command, signers } = verified;
  if (command.policyVersion !== policy.version)
    denied('stale-policy', `policy ${policy.version} is in force: prepare the command again`);
  if (
    !signers.some(({ id }) => id === command.operator) ||
    !keyHolder(policy, command.operator, 'operator', command.node)
  )
    denied('missing-signature', 'the operator that the command names has not signed it, or may not');
  if (command.officer !== undefined && !keyHolder(policy, command.officer, 'officer', command.node))
    denied('unknown-officer', `the key named as officer belongs to no officer for ${command.node}`);
  const node = policy.nodes.find(({ id }) => id === command.node);
  if (node === undefined) return denied('unknown-node', `the policy knows no ${command.node}`);
  if ('camera' in command && !node.cameras.includes(command.camera))
    denied('unknown-camera', `the policy knows no ${command.node}/${command.camera}`);
  if (command.expiresAt <= utcMs) denied('expired', 'the command has expired');
  requireAsked(command, policy, asked, utcMs);
  // Only the operator's word can be enough for a question; an extraction waits for the officer, whoever signed already.
  const complete = command.type === 'probe' && signaturesSuffice(verified, { node: node.id, policy });
  return { command, complete };
}

function requireAsked(command: Command, policy: Policy, asked: Asked, utcMs: number): void {
  switch (command.type) {
    case 'extract':
      requireRequested(command, asked.request);
      return;
    case 'hold':
      requireRequested(command, asked.request);
      if (!policy.holdPurposes.includes(command.purpose))
        denied('purpose-not-allowed', `the policy allows no hold for ${command.purpose}`);
      if (command.until <= utcMs || command.until > utcMs + longestHoldMs(policy))
        denied(
          'hold-end',
          `a hold ends within ${longestHoldMs(policy) / dayMs} days: a longer one is asked for again`,
        );
      return;
    case 'release':
      if (asked.holdAt(command.hold) !== command.node)
        denied('unknown-hold', `this hub knows no hold ${command.hold} that ${command.node} keeps`);
      return;
    case 'snapshot':
      if (asked.attending === undefined || !attendingOf(asked.attending, command.attending))
        denied('other-attending', 'the command does not carry the record of those attending');
      return;
    case 'probe':
      return;
  }
}

/**
 * Throws `unknown-request`, `request-rejected`, `other-request`, `other-purpose`, `not-requested`: the command is for
 * another request than this one, or for more than it asks for.
 */
export function requireRequested(
  command: ExtractCommand | HoldCommand,
  request: KnownRequest | undefined,
): void {
  if (request === undefined)
    throw new Failure('denied', 'unknown-request', 'there is no such request: enter it with "hub request"');
  const { record } = request;
  if (request.rejected) denied('request-rejected', `request ${request.id} was rejected`);
  const { protocol, date, recordHash } = command.request;
  if (recordHash !== request.recordHash || protocol !== record.protocol || date !== record.date)
    denied('other-request', `the command does not carry the record of request ${request.id}`);
  if (command.purpose !== record.purpose)
    denied('other-purpose', `request ${request.id} is for ${record.purpose}, not for ${command.purpose}`);
  const within = record.windows.some(
    ({ node, camera, from, to }) =>
      node === command.node &&
      camera === command.camera &&
      Date.parse(from) <= command.from &&
      command.to <= Date.parse(to),
  );
  if (!within) denied('not-requested', `request ${request.id} does not ask for this camera at these times`);
}

/**
 * The same command with another person's signature. True when it needs no more, as the node will judge it; false when
 * the policy asks for more persons than the two that it names. Throws `other-command` and `Refusal`s.
 */
export function admitSigned(
  message: Uint8Array,
  policy: Policy,
  before: { command: Command; envelope: string },
  utcMs: number,
): boolean {
  const verified = verifyCommand(message, policy);
  const { command } = before;
  if (JSON.stringify(verified.command) !== JSON.stringify(command))
    denied('other-command', 'the signed command is not the one that was prepared');
  const here = { node: command.node, policy, nowUtc: utcMs, clockTrusted: true };
  const threshold = policy.thresholds[command.type];
  const personsIn = (signers: readonly { id: string }[]): string[] =>
    policy.persons
      .filter(({ keys }) =>
        keys.some(
          ({ keyid, role, nodes }) =>
            role in threshold &&
            (nodes?.includes(command.node) ?? true) &&
            signers.some(({ id }) => id === keyid),
        ),
      )
      .map(({ name }) => name);
  const had = personsIn(verifyCommand(Buffer.from(before.envelope), policy).signers);
  const has = personsIn(verified.signers);
  const needed = Object.values(threshold).reduce((sum, count) => sum + count, 0);
  const partly = has.length > had.length && has.length < needed && had.every((name) => has.includes(name));
  if (partly && !signaturesSuffice(verified, here)) return false;
  authorise(verified, here);
  return true;
}

/** Nobody can accept it any more. */
export function hasLapsed(command: Command, utcMs: number): boolean {
  return utcMs > command.expiresAt + skewMs;
}
