import { z } from 'zod';
import { type Envelope, parseEnvelope, parseJson, payloadTypes, verifyEnvelope } from './envelope.ts';
import { Failure } from './failure.ts';
import { ageRecipient, cameraId, keyId, nodeId } from './ids.ts';
import { type PublicKey, publicKey } from './key.ts';
import { purpose } from './purpose.ts';
import { instant } from './time.ts';

/** The one document that says who may do what, to whom footage is sealed, and for how long it is kept. */

export const maxPolicyBytes = 1024 * 1024;
/** As far as two clocks may disagree. */
const gatherMs = 5 * 60_000;

export const roles = ['root', 'operator', 'officer', 'maintainer'] as const;
export const role = z.enum(roles);
export type Role = z.infer<typeof role>;

/** How many distinct persons of which roles one act takes. */
const threshold = z.partialRecord(role, z.int().positive());
const personKey = z
  .strictObject({ keyid: keyId, publicKey, role, nodes: z.array(nodeId).max(1000).optional() })
  .refine((key) => key.keyid === key.publicKey.id, 'keyid is not the hash of publicKey');

export const policySchema = z.strictObject({
  version: z.int().positive(),
  issuedAt: instant,
  retentionCeilingHours: z.int().positive().max(168),
  logRetentionDays: z.int().positive().max(3650),
  nodes: z
    .array(z.strictObject({ id: nodeId, key: publicKey, cameras: z.array(cameraId).max(64) }))
    .max(1000),
  persons: z
    .array(z.strictObject({ name: z.string().min(1).max(100), keys: z.array(personKey).max(10) }))
    .min(1)
    .max(1000),
  thresholds: z.strictObject({
    policy: threshold,
    extract: threshold,
    hold: threshold,
    release: threshold,
    snapshot: threshold,
    probe: threshold,
  }),
  holdPurposes: z.array(purpose),
  /** Longest that one hold may last from the day it is asked for; then it ends by itself. */
  holdMaxDays: z.int().positive().max(3650).default(180),
  recipients: z
    .array(
      z.strictObject({
        recipient: ageRecipient,
        role: z.enum(['officer', 'escrow']),
        nodes: z.array(nodeId).max(1000).optional(),
        from: instant,
        until: instant,
      }),
    )
    .max(1000),
  hub: z.strictObject({ key: publicKey }),
});

export type Policy = z.output<typeof policySchema>;
/** As it is written on the wire. */
export type PolicyPayload = z.input<typeof policySchema>;

/** Who may sign a policy before there is one: the only thing believed without a signature. */
export interface Trust {
  roots: readonly PublicKey[];
  threshold: number;
}

/** Keys of everyone who may sign a command. */
export function signingKeys(policy: Policy): PublicKey[] {
  return policy.persons.flatMap((person) =>
    person.keys.filter((key) => key.role !== 'root').map((key) => key.publicKey),
  );
}

/** The root keys of each person who has one: thresholds count persons. */
function roots(policy: Policy): PublicKey[][] {
  return policy.persons
    .map((person) => person.keys.filter((key) => key.role === 'root').map((key) => key.publicKey))
    .filter((keys) => keys.length > 0);
}

/** Longest that one hold may last. One that outlived the log could no longer be accounted for. */
export function longestHoldMs({ holdMaxDays, logRetentionDays }: Policy): number {
  return Math.min(holdMaxDays, logRetentionDays) * 86_400_000;
}

/** The recipients that a node seals to at an instant. */
export function recipientsFor(policy: Policy, node: string, utcMs: number): string[] {
  return policy.recipients
    .filter(
      ({ nodes, from, until }) =>
        (nodes === undefined || nodes.includes(node)) && from <= utcMs && utcMs < until,
    )
    .map(({ recipient }) => recipient);
}

/**
 * A policy from its envelope: signed by the trusted roots, by those of the policy in force and by its own, higher in
 * version than the one in force, and sound in itself. Throws `policy-malformed`, `policy-signature`,
 * `policy-rollback` or `policy-unsound`. A repetition of the version in force is a rollback too.
 */
export function verifyPolicy(message: Uint8Array, trust: Trust, inForce?: Policy): Policy {
  const policy = readPolicy(message, trust, inForce);
  // An old policy brought back would bring back whom it named.
  if (inForce !== undefined && policy.version <= inForce.version)
    throw new Failure(
      'denied',
      'policy-rollback',
      `version ${policy.version}, ${inForce.version} is in force`,
    );
  requireSound(policy);
  return policy;
}

function readPolicy(message: Uint8Array, trust: Trust, inForce: Policy | undefined): Policy {
  const { envelope, policy } = parsePolicy(message);
  // Its own roots are asked too, so that nobody can hand the town to keys that do not exist; they cannot stand alone.
  const own = roots(policy);
  const before = inForce ? roots(inForce) : trust.roots.map((key) => [key]);
  const needed = inForce ? (inForce.thresholds.policy.root ?? 1) : trust.threshold;
  const { signers } = mapped('policy-signature', () =>
    verifyEnvelope(envelope, payloadTypes.policy, [
      ...new Map([...before, ...own].flat().map((key) => [key.id, key])).values(),
    ]),
  );
  const count = (persons: readonly PublicKey[][]): number =>
    persons.filter((keys) => keys.some((key) => signers.some((signer) => signer.id === key.id))).length;
  if (count(before) < needed || count(own) < (policy.thresholds.policy.root ?? 1))
    throw new Failure('denied', 'policy-signature', 'the policy lacks the signatures of its roots');
  return policy;
}

/** The form alone, for tools that say what a policy claims. Nobody may act on it. Throws `policy-malformed`. */
export function parsePolicy(message: Uint8Array): { envelope: Envelope; policy: Policy } {
  const envelope = mapped('policy-malformed', () => parseEnvelope(message, maxPolicyBytes));
  const parsed = policySchema.safeParse(parseJson(envelope.payload));
  if (parsed.success) return { envelope, policy: parsed.data };
  const issue = parsed.error.issues[0];
  throw new Failure('invalid', 'policy-malformed', `policy: ${issue?.path.join('.')}: ${issue?.message}`);
}

function mapped<T>(code: string, work: () => T): T {
  try {
    return work();
  } catch (cause) {
    if (!(cause instanceof Failure)) throw cause;
    throw new Failure(cause.kind, code, cause.message, { cause });
  }
}

function requireSound(policy: Policy): void {
  const unsound = (sentence: string): never => {
    throw new Failure('denied', 'policy-unsound', sentence);
  };
  const once = (what: string, ids: readonly string[]): void => {
    const twice = ids.find((id, index) => ids.indexOf(id) !== index);
    if (twice !== undefined) unsound(`${what} ${twice} stands twice`);
  };
  once(
    'key',
    policy.persons.flatMap((person) => person.keys.map(({ keyid }) => keyid)),
  );
  // A person is known by name: under two entries, one person could hold two roles.
  once(
    'person',
    policy.persons.map(({ name }) => name),
  );
  once(
    'node',
    policy.nodes.map(({ id }) => id),
  );
  for (const [act, needed] of Object.entries(policy.thresholds))
    for (const person of policy.persons) {
      const held = new Set(person.keys.map((key) => key.role).filter((held) => held in needed));
      if (held.size > 1) unsound(`${person.name} has two roles of the threshold of ${act}`);
    }
  for (const act of ['extract', 'hold', 'release', 'snapshot'] as const)
    if (!policy.thresholds[act].operator || !policy.thresholds[act].officer)
      unsound(`${act} must need an operator and an officer`);
  if (!policy.thresholds.probe.operator) unsound('probe must need an operator');
  if (!policy.thresholds.policy.root) unsound('policy must need a root');
  for (const { id } of policy.nodes) requireRecipients(policy, id, unsound);
}

/** One lost key must not lose everything, and age files do not mix the two kinds of key. */
function requireRecipients(policy: Policy, node: string, unsound: (sentence: string) => never): void {
  const mine = policy.recipients.filter(({ nodes }) => nodes === undefined || nodes.includes(node));
  // Whoever dates the policy and its recipients in one go writes moments a little apart.
  const from = [policy.issuedAt, policy.issuedAt + gatherMs];
  if (from.every((utcMs) => new Set(recipientsFor(policy, node, utcMs)).size < 2))
    unsound(`${node} has fewer than two recipients`);
  for (const { from } of mine) {
    const together = recipientsFor(policy, node, from);
    if (new Set(together.map((recipient) => recipient.startsWith('age1pq1'))).size > 1)
      unsound(`${node} mixes post-quantum and X25519 recipients`);
  }
}
