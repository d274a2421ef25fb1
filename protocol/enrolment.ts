import type { KeyObject } from 'node:crypto';
import { Decrypter, Encrypter } from 'age-encryption';
import { z } from 'zod';
import { parseEnvelope, parseJson, payloadTypes, sha256, signEnvelope, verifyEnvelope } from './envelope.ts';
import { Failure } from './failure.ts';
import { ageRecipient, nodeId, sha256Hex } from './ids.ts';
import { type PublicKey, publicKey } from './key.ts';
import { maxPolicyBytes } from './policy.ts';
import { instant } from './time.ts';

/**
 * How a box asks to be taken into the town, and what it is answered; both travel as files on a stick.
 * Readers ignore fields that a later version adds.
 */

/** A request is a few keys; an answer holds a policy in base64. */
export const maxRequestBytes = 32 * 1024;
export const maxAnswerBytes = 2 * maxPolicyBytes;
export const maxSecretsBytes = 64 * 1024;

const pem = (label: string) =>
  z
    .string()
    .max(16 * 1024)
    .regex(
      new RegExp(`^-----BEGIN ${label}-----\\n[A-Za-z0-9+/=\\n]+\\n-----END ${label}-----\\n?$`),
      `is no ${label} in PEM`,
    );

/** The name of a secret, as an agent's configuration names it and as a file is called. */
export const secretName = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, 'is no name of a secret: letters, digits, dots, hyphens');

const requestSchema = z.object({
  version: z.literal(1),
  node: nodeId,
  /** Signs the log, statuses, manifests, and this. */
  nodeKey: publicKey,
  /** PKCS#10 (RFC 2986) for the connection, signed with the key it names; its CN is the node. */
  certificateRequest: pem('CERTIFICATE REQUEST'),
  /** To whom secrets for this box are encrypted. */
  recipient: ageRecipient,
  at: instant,
});
export type EnrolmentRequest = z.output<typeof requestSchema>;
export type EnrolmentRequestPayload = z.input<typeof requestSchema>;

const answerSchema = z.object({
  version: z.literal(1),
  node: nodeId,
  /** {@link requestHash} of the request that is answered. */
  request: sha256Hex,
  certificate: pem('CERTIFICATE'),
  authority: pem('CERTIFICATE'),
  /** The envelope of the policy that names the box. */
  policy: z.string().min(1).max(maxPolicyBytes),
  /** An age file, base64, of {@link secretsSchema}; absent when nothing changes. */
  secrets: z
    .base64()
    .max(2 * maxSecretsBytes)
    .optional(),
  at: instant,
});
export type EnrolmentAnswer = z.output<typeof answerSchema>;
export type EnrolmentAnswerPayload = z.input<typeof answerSchema>;

/** What lies in an answer for the box alone: secret by name, each one line. */
export const secretsSchema = z
  .record(
    secretName,
    z
      .string()
      .min(1)
      .max(1000)
      .regex(/^[^\r\n]+$/, 'is not one line'),
  )
  .refine((secrets) => Object.keys(secrets).length <= 128, 'more than 128 secrets');

export type Secrets = z.output<typeof secretsSchema>;

/** Secrets for one box, as an age file. Throws `usage` `secrets` for what is no set of secrets. */
export async function sealSecrets(secrets: Secrets, recipient: string): Promise<Buffer> {
  const parsed = secretsSchema.safeParse(secrets);
  if (!parsed.success) throw new Failure('usage', 'secrets', issueOf(parsed.error));
  const encrypter = new Encrypter();
  encrypter.addRecipient(recipient);
  return Buffer.from(await encrypter.encrypt(JSON.stringify(parsed.data)));
}

/** Throws `invalid` `secrets-locked` (made for another box), `malformed`. */
export async function openSecrets(sealed: Uint8Array, identity: string): Promise<Secrets> {
  const decrypter = new Decrypter();
  decrypter.addIdentity(identity);
  let opened: Uint8Array;
  try {
    opened = await decrypter.decrypt(sealed);
  } catch (cause) {
    throw new Failure('invalid', 'secrets-locked', 'the secrets are not for this box, or are damaged', {
      cause,
    });
  }
  const parsed = secretsSchema.safeParse(parseJson(opened));
  if (!parsed.success) throw new Failure('invalid', 'malformed', `secrets: ${issueOf(parsed.error)}`);
  return parsed.data;
}

/** A request as a file's text, signed by the node's own key. */
export function signRequest(payload: EnrolmentRequestPayload, nodeKey: KeyObject): string {
  return signEnvelope(payloadTypes.enrolment, Buffer.from(JSON.stringify(payload)), [nodeKey]);
}

/**
 * A request whose signature is by the key that it names: who made it holds that key. Whether that is the box is for a
 * person to compare, by {@link fingerprintOf}. Throws `too-large`, `malformed`, `bad-signature`.
 */
export function readRequest(bytes: Uint8Array): EnrolmentRequest & { hash: string } {
  const envelope = parseEnvelope(bytes, maxRequestBytes);
  const claimed = requestSchema.safeParse(parseJson(envelope.payload));
  if (!claimed.success)
    throw new Failure('invalid', 'malformed', `not a request of a box: ${issueOf(claimed.error)}`);
  verifyEnvelope(envelope, payloadTypes.enrolment, [claimed.data.nodeKey]);
  return { ...claimed.data, hash: sha256(envelope.payload) };
}

/** An answer as a file's text, signed by the roots. */
export function signAnswer(payload: EnrolmentAnswerPayload, roots: readonly KeyObject[]): string {
  return signEnvelope(payloadTypes.enrolled, Buffer.from(JSON.stringify(payload)), roots);
}

/** Throws `too-large`, `malformed`, `bad-signature`; `missing-signature` below `threshold` distinct keys. */
export function readAnswer(
  bytes: Uint8Array,
  roots: readonly PublicKey[],
  threshold: number,
): EnrolmentAnswer {
  const { payload, signers } = verifyEnvelope(
    parseEnvelope(bytes, 2 * maxAnswerBytes),
    payloadTypes.enrolled,
    roots,
  );
  if (signers.length < threshold)
    throw new Failure('invalid', 'missing-signature', `the answer needs ${threshold} roots`);
  const parsed = answerSchema.safeParse(parseJson(payload));
  if (!parsed.success) throw new Failure('invalid', 'malformed', `not an answer: ${issueOf(parsed.error)}`);
  return parsed.data;
}

/** 80 bits of a request's hash, as two people compare them over the telephone. */
export function fingerprintOf(hash: string): string {
  return (hash.slice(0, 20).match(/.{4}/g) ?? []).join('-');
}

function issueOf({ issues: [issue] }: z.ZodError): string {
  return `${issue?.path.join('.')}: ${issue?.message}`;
}
