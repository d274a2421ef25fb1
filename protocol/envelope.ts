import { createHash, type KeyObject, sign, verify } from 'node:crypto';
import { z } from 'zod';
import { Failure } from './failure.ts';
import { type PublicKey, publicKeyOf } from './key.ts';

/** DSSE v1 (secure-systems-lab/dsse), Ed25519. The bytes that came are verified, and those same bytes are parsed. */

export const payloadTypes = {
  command: 'application/vnd.peio.command+json',
  policy: 'application/vnd.peio.policy+json',
  status: 'application/vnd.peio.status+json',
  manifest: 'application/vnd.peio.manifest+json',
  minutes: 'application/vnd.peio.minutes+json',
  enrolment: 'application/vnd.peio.enrolment+json',
  enrolled: 'application/vnd.peio.enrolled+json',
} as const;
export type PayloadType = (typeof payloadTypes)[keyof typeof payloadTypes];

/** More signatures than any threshold could ask for: each costs a verification. */
const maxSignatures = 16;

/** Either alphabet of RFC 4648, as DSSE has it, with its padding or without; in it only the one way to write given bytes. */
function isBase64(text: string): boolean {
  const bytes = Buffer.from(text, 'base64');
  const standard = bytes.toString('base64');
  const urlSafe = bytes.toString('base64url');
  const padding = standard.slice(urlSafe.length);
  return [standard, standard.slice(0, urlSafe.length), urlSafe, urlSafe + padding].includes(text);
}
const base64 = z
  .string()
  .meta({ format: 'base64', contentEncoding: 'base64' })
  .refine(isBase64, 'not canonical base64');
/**
 * A key id may be any word (envelope.md, Parsing rules). Fields that are not known here are refused, where DSSE would leave
 * them aside: what orders something has nothing in it that nobody here reads.
 */
export const envelopeSchema = z.strictObject({
  payloadType: z.string().max(200),
  payload: base64,
  signatures: z
    .array(z.strictObject({ keyid: z.string().max(200).optional(), sig: base64.max(200) }))
    .min(1)
    .max(maxSignatures),
});

export interface Envelope {
  payloadType: string;
  /** The signed bytes, decoded. */
  payload: Buffer;
  signatures: { keyid?: string | undefined; sig: Buffer }[];
}

/** What may be read of an envelope whose every signature is good. Only {@link verifyEnvelope} makes one. */
export interface VerifiedEnvelope {
  readonly payload: Buffer;
  /** Distinct keys that signed. */
  readonly signers: readonly PublicKey[];
  readonly verified: unique symbol;
}

/** Pre-authentication encoding: what is signed. */
export function pae(payloadType: string, payload: Uint8Array): Buffer {
  const type = Buffer.from(payloadType);
  return Buffer.concat([
    Buffer.from(`DSSEv1 ${type.length} `),
    type,
    Buffer.from(` ${payload.length} `),
    payload,
  ]);
}

/** Parses without believing. Throws `too-large` beyond `maxBytes`, `malformed` for anything that is no envelope. */
export function parseEnvelope(bytes: Uint8Array, maxBytes: number): Envelope {
  if (bytes.length > maxBytes)
    throw new Failure('invalid', 'too-large', `${bytes.length} bytes, at most ${maxBytes} are accepted`);
  const parsed = envelopeSchema.safeParse(parseJson(bytes));
  if (!parsed.success) throw new Failure('invalid', 'malformed', 'not a DSSE envelope');
  return {
    payloadType: parsed.data.payloadType,
    payload: Buffer.from(parsed.data.payload, 'base64'),
    signatures: parsed.data.signatures.map(({ keyid, sig }) => ({ keyid, sig: Buffer.from(sig, 'base64') })),
  };
}

/**
 * Checks every signature against `keys`. Throws `malformed` for another payload type and `bad-signature` as soon as one
 * signature is by none of the keys: an envelope with a bad signature is not a good one with some noise.
 * `keyid` only orders the search.
 */
export function verifyEnvelope(
  envelope: Envelope,
  payloadType: PayloadType,
  keys: readonly PublicKey[],
): VerifiedEnvelope {
  if (envelope.payloadType !== payloadType)
    throw new Failure('invalid', 'malformed', `payload type is not ${payloadType}`);
  const signed = pae(payloadType, envelope.payload);
  const signers = new Map<string, PublicKey>();
  for (const { keyid, sig } of envelope.signatures) {
    const inOrder = [...keys].sort((a, b) => Number(b.id === keyid) - Number(a.id === keyid));
    const signer = inOrder.find((key) => verify(null, signed, key.key, sig));
    if (signer === undefined)
      throw new Failure('invalid', 'bad-signature', 'a signature is by no key that the policy names');
    signers.set(signer.id, signer);
  }
  return { payload: envelope.payload, signers: [...signers.values()] } as unknown as VerifiedEnvelope;
}

/** An envelope over `payload` with one signature a key, as JSON text. */
export function signEnvelope(
  payloadType: PayloadType,
  payload: Uint8Array,
  keys: readonly KeyObject[],
): string {
  const signed = pae(payloadType, payload);
  return JSON.stringify({
    payloadType,
    payload: Buffer.from(payload).toString('base64'),
    signatures: keys.map((key) => signature(signed, key)),
  });
}

/** Adds a signature over the same bytes; the caller has read and understood them. */
export function addSignature(envelope: Envelope, key: KeyObject): string {
  return JSON.stringify({
    payloadType: envelope.payloadType,
    payload: envelope.payload.toString('base64'),
    signatures: [
      ...envelope.signatures.map(({ keyid, sig }) => ({ keyid, sig: sig.toString('base64') })),
      signature(pae(envelope.payloadType, envelope.payload), key),
    ],
  });
}

function signature(signed: Buffer, key: KeyObject): { keyid: string; sig: string } {
  return { keyid: publicKeyOf(key).id, sig: sign(null, signed, key).toString('base64') };
}

/** JSON of UTF-8 bytes, or undefined (which no schema accepts). */
export function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    return undefined;
  }
}

/** Lower-case hex SHA-256. */
export function sha256(bytes: Uint8Array | string): string {
  return createHash('sha256').update(bytes).digest('hex');
}
