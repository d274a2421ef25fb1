import { createHash, createPublicKey, type KeyObject } from 'node:crypto';
import { z } from 'zod';
import { Failure } from './failure.ts';

/** An Ed25519 public key with its id. */
export interface PublicKey {
  id: string;
  key: KeyObject;
  /** Base64 of the SPKI DER, as documents carry it. */
  spki: string;
}

/** From a KeyObject, public or private. Throws `key-type` for anything but Ed25519. */
export function publicKeyOf(key: KeyObject): PublicKey {
  const half = key.type === 'private' ? createPublicKey(key) : key;
  if (half.asymmetricKeyType !== 'ed25519') throw new Failure('invalid', 'key-type', 'not an Ed25519 key');
  const der = half.export({ type: 'spki', format: 'der' });
  return { id: createHash('sha256').update(der).digest('hex'), key: half, spki: der.toString('base64') };
}

/** The raw 32 bytes (RFC 8032), as C2SP notes name keys. */
export function rawPublicKey(key: PublicKey): Buffer {
  return key.key.export({ type: 'spki', format: 'der' }).subarray(-32);
}

/** Every public key of a PEM text, at least one. Throws `key-malformed`. */
export function parsePublicPem(pem: string): PublicKey[] {
  const blocks = pem.match(/-----BEGIN PUBLIC KEY-----[\s\S]+?-----END PUBLIC KEY-----/g) ?? [];
  if (blocks.length === 0) throw new Failure('invalid', 'key-malformed', 'no PEM public key in the file');
  return blocks.map((block) => {
    try {
      return publicKeyOf(createPublicKey(block));
    } catch (cause) {
      if (cause instanceof Failure) throw cause;
      throw new Failure('invalid', 'key-malformed', 'a PEM public key cannot be read', { cause });
    }
  });
}

/** Base64 SPKI DER in a document, parsed to a {@link PublicKey}. */
export const publicKey = z
  .string()
  .max(200)
  .transform((text, context): PublicKey => {
    try {
      return publicKeyOf(createPublicKey({ key: Buffer.from(text, 'base64'), format: 'der', type: 'spki' }));
    } catch {
      context.addIssue({ code: 'custom', message: 'not the base64 of an Ed25519 SPKI' });
      return z.NEVER;
    }
  });
