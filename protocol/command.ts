import { z } from 'zod';
import {
  type Envelope,
  parseEnvelope,
  parseJson,
  payloadTypes,
  sha256,
  type VerifiedEnvelope,
  verifyEnvelope,
} from './envelope.ts';
import { Failure } from './failure.ts';
import { cameraId, keyId, nodeId, sha256Hex, uuidV7 } from './ids.ts';
import { type Policy, type Role, signingKeys } from './policy.ts';
import { purpose } from './purpose.ts';
import type { RefusalCode } from './refusal.ts';
import { instant } from './time.ts';

/** A command says what one node is to do. Bytes become a {@link VerifiedCommand}, then an {@link AuthorisedCommand}. */

export const maxCommandBytes = 256 * 1024;
/** How far two well-kept clocks may disagree. */
export const skewMs = 5 * 60_000;
export const defaultLifeMs = 72 * 3_600_000;
export const maxLifeMs = 7 * 86_400_000;

const head = {
  id: uuidV7,
  node: nodeId,
  issuedAt: instant,
  expiresAt: instant,
  policyVersion: z.int().positive(),
  operator: keyId,
};
const officer = { officer: keyId };
const window = { camera: cameraId, from: instant, to: instant };
/** Ties a command to a request on paper: its protocol number and date, and the salted hash of the full record. */
export const requestReference = z.strictObject({
  protocol: z.string().min(1).max(64),
  date: z.iso.date(),
  recordHash: sha256Hex,
});

export const commandSchema = z
  .discriminatedUnion('type', [
    z.strictObject({
      ...head,
      ...officer,
      type: z.literal('extract'),
      ...window,
      purpose,
      request: requestReference,
    }),
    z.strictObject({
      ...head,
      ...officer,
      type: z.literal('hold'),
      ...window,
      until: instant,
      purpose,
      request: requestReference,
    }),
    z.strictObject({ ...head, ...officer, type: z.literal('release'), hold: uuidV7 }),
    z.strictObject({
      ...head,
      ...officer,
      type: z.literal('snapshot'),
      camera: cameraId,
      purpose: z.literal('maintenance'),
      /** Salted hash of the names of those attending; the names stay at the hub. */
      attending: sha256Hex,
    }),
    // Asked for by the operator alone; an officer who is named must have signed.
    z.strictObject({ ...head, officer: keyId.optional(), type: z.literal('probe') }),
  ])
  .refine((command) => command.issuedAt < command.expiresAt, 'expiresAt is not after issuedAt')
  .refine((command) => command.expiresAt - command.issuedAt <= maxLifeMs, 'lives longer than 7 days')
  .refine((command) => !('from' in command) || command.from < command.to, 'to is not after from');

/** Times are milliseconds since 1970, intervals half open. */
export type Command = z.output<typeof commandSchema>;
/** As it is written on the wire: instants as text. */
export type CommandPayload = z.input<typeof commandSchema>;
export type CommandType = Command['type'];
export type ExtractCommand = Extract<Command, { type: 'extract' }>;

/** Every signature is good, and the bytes say this. Nothing is said yet of whether these persons may do this here. */
export interface VerifiedCommand {
  readonly command: Command;
  readonly signers: VerifiedEnvelope['signers'];
  /** SHA-256 of the message, to tell a repetition from a replay. */
  readonly messageHash: string;
  readonly verified: unique symbol;
}

/** These persons may do this on this node now. Only {@link authorise} makes one. */
export interface AuthorisedCommand<C extends Command = Command> {
  readonly command: C;
  readonly messageHash: string;
  readonly authorised: unique symbol;
}

export class Refusal extends Failure {
  declare readonly code: RefusalCode;
  constructor(code: RefusalCode, sentence: string) {
    super('denied', code, sentence);
  }
}

/** The id a message answers to before its signatures are verified. */
export function unverifiedId(message: Uint8Array): string {
  return `sha256-${sha256(message).slice(0, 32)}`;
}

/**
 * Bytes to a verified command: size, envelope, signatures by keys that the policy names, then the signed bytes
 * themselves. Throws a failure coded `too-large`, `malformed`, `bad-signature` or `purpose-not-allowed`; an
 * {@link Unreadable} once the signatures are good.
 */
export function verifyCommand(message: Uint8Array, policy: Policy): VerifiedCommand {
  const envelope: Envelope = parseEnvelope(message, maxCommandBytes);
  const { payload, signers } = verifyEnvelope(envelope, payloadTypes.command, signingKeys(policy));
  try {
    return { command: parseCommand(payload), signers, messageHash: sha256(message) } as VerifiedCommand;
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    throw new Unreadable(error, claim.safeParse(parseJson(payload)).data?.id);
  }
}

const claim = z.object({ id: uuidV7 });
const purposeOnly = z.object({ purpose: z.string() });

/** Signed by keys of the policy, and no command here: of a later version, or of a program that writes it otherwise. */
export class Unreadable extends Failure {
  /** What it calls itself; undefined where that is no id. */
  readonly id: string | undefined;
  constructor(why: Failure, id: string | undefined) {
    super(why.kind, why.code, why.message, { cause: why });
    this.id = id;
  }
}

/**
 * The payload of an envelope as a command. Throws `malformed`, naming the field, and `purpose-not-allowed` for one that
 * is whole but for a purpose outside the closed list (Art. 8).
 */
export function parseCommand(payload: Uint8Array): Command {
  const raw = parseJson(payload);
  const parsed = commandSchema.safeParse(raw);
  if (parsed.success) return parsed.data;
  const { issues } = parsed.error;
  if (purposeOnly.safeParse(raw).success && issues.every(({ path }) => path.join('.') === 'purpose'))
    throw new Failure('denied', 'purpose-not-allowed', 'purpose: is on no list of Art. 8');
  const issue = issues[0];
  throw new Failure('invalid', 'malformed', `${issue?.path.join('.') || 'command'}: ${issue?.message}`);
}

/** What a box knows when it judges a command. */
export interface Jurisdiction {
  node: string;
  policy: Policy;
  nowUtc: number;
  /** False under a clock of which nobody can say whether a command has expired. */
  clockTrusted: boolean;
}

/**
 * Who signed, for which node, under which policy, when. Each check names the attack it stops. Whether the camera and
 * the footage are there is for the one who carries the command out.
 */
export function authorise(verified: VerifiedCommand, here: Jurisdiction): AuthorisedCommand {
  const { command } = verified;
  // A command for one box replayed at another.
  if (command.node !== here.node) throw new Refusal('wrong-node', `the command is for ${command.node}`);
  // A command prepared under rules that have changed since, or under rules this box has not seen.
  if (command.policyVersion < here.policy.version)
    throw new Refusal('stale-policy', `policy ${here.policy.version} is in force here`);
  if (command.policyVersion > here.policy.version)
    throw new Refusal('policy-missing', `policy ${command.policyVersion} has not reached this node`);
  const missing = missingSignature(verified, here);
  if (missing !== undefined) throw new Refusal('missing-signature', missing);
  // An old command kept for later, or one dated ahead to outlive its signer's authority.
  if (!here.clockTrusted)
    throw new Refusal('clock-untrusted', 'the clock cannot say whether the command has expired');
  if (here.nowUtc > command.expiresAt + skewMs) throw new Refusal('expired', 'the command has expired');
  if (here.nowUtc < command.issuedAt - skewMs)
    throw new Refusal('not-yet-valid', 'the command is dated in the future');
  // A window of footage put to a use that the regulation or the policy does not allow.
  if (command.type === 'hold' && !here.policy.holdPurposes.includes(command.purpose))
    throw new Refusal('purpose-not-allowed', `no hold for ${command.purpose}`);
  return { command, messageHash: verified.messageHash } as AuthorisedCommand;
}

/**
 * Whether enough persons of the right roles have signed, whatever else may be wrong. Only then a refusal may close
 * the command's id: one signature must not be able to spoil the command that two will sign.
 */
export function signaturesSuffice(
  verified: VerifiedCommand,
  here: Pick<Jurisdiction, 'node' | 'policy'>,
): boolean {
  return missingSignature(verified, here) === undefined;
}

/** Whether the persons whose keys a command names may still act here: a policy may have taken them out meanwhile. */
export function signersStand(command: Command, policy: Policy): boolean {
  const stands = (keyid: string, role: Role): boolean =>
    policy.persons.some(({ keys }) =>
      keys.some(
        (key) => key.keyid === keyid && key.role === role && (key.nodes?.includes(command.node) ?? true),
      ),
    );
  return (
    stands(command.operator, 'operator') &&
    (command.officer === undefined || stands(command.officer, 'officer'))
  );
}

/**
 * Distinct persons are counted, each in the role of the key that signed; the payload must name its signers, so that
 * nobody's signature can be moved to another's command. Gives a sentence for what is missing.
 */
function missingSignature(
  { command, signers }: VerifiedCommand,
  { policy, node }: Pick<Jurisdiction, 'node' | 'policy'>,
): string | undefined {
  const acting = policy.persons.flatMap((person) =>
    person.keys
      .filter(({ keyid, nodes }) => signers.some(({ id }) => id === keyid) && (nodes?.includes(node) ?? true))
      .map(({ keyid, role }) => ({ name: person.name, keyid, role })),
  );
  const named = { operator: command.operator, officer: command.officer };
  for (const role of ['operator', 'officer'] as const)
    if (named[role] !== undefined && !acting.some((one) => one.role === role && one.keyid === named[role]))
      return `the ${role} that the command names has not signed it, or may not do so for ${node}`;
  const needed = Object.entries(policy.thresholds[command.type]) as [Role, number][];
  for (const [role, count] of needed)
    if (new Set(acting.filter((one) => one.role === role).map((one) => one.name)).size < count)
      return `${command.type} needs the signature of ${count} ${role}`;
  // The policy refuses a person in two roles of one threshold; a forgotten case of that must not count double here.
  const total = needed.reduce((sum, [, count]) => sum + count, 0);
  const counting = acting.filter((one) => needed.some(([role]) => role === one.role));
  if (new Set(counting.map((one) => one.name)).size < total) return 'one person signed in two roles';
  return undefined;
}
