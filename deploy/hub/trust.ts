import { createPrivateKey, type KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { codeOf, Failure } from '#protocol/failure.ts';
import { parsePublicPem, publicKeyOf } from '#protocol/key.ts';
import { type Policy, verifyPolicy } from '#protocol/policy.ts';
import { policyHashOf } from './logs/witness.ts';

/** The policy in force, as its root signed it. */
export interface Trusted {
  policy: Policy;
  envelope: Buffer;
  hash: string;
}

/** Reads `policy.dsse.json` and checks it against `root.pub`, both in `dir`. Throws `config` failures. */
export function readTrusted(dir: string, rootFile = join(dir, 'root.pub')): Trusted {
  const read = (file: string): Buffer => {
    try {
      return readFileSync(file);
    } catch (cause) {
      throw new Failure('config', 'trust', `${file} cannot be read (${codeOf(cause)})`, { cause });
    }
  };
  const envelope = read(join(dir, 'policy.dsse.json'));
  const roots = parsePublicPem(read(rootFile).toString('utf8'));
  const policy = verifyPolicy(envelope, { roots, threshold: 1 });
  return { policy, envelope, hash: policyHashOf(envelope) };
}

/** Throws `key-locked` when `passphrase` does not open it, `key-malformed` when it is no Ed25519 key. */
export function openKey(file: string, passphrase: string | undefined): KeyObject {
  let pem: string;
  try {
    pem = readFileSync(file, 'utf8');
  } catch (cause) {
    throw new Failure(
      'config',
      'key-missing',
      `${file} cannot be read (${codeOf(cause)}): name the key with --key`,
      { cause },
    );
  }
  try {
    const key = createPrivateKey(passphrase === undefined ? pem : { key: pem, passphrase });
    publicKeyOf(key);
    return key;
  } catch (cause) {
    throw isLocked(pem)
      ? new Failure('denied', 'key-locked', `the passphrase does not open ${file}`, { cause })
      : new Failure('config', 'key-malformed', `${file} is no Ed25519 private key in PEM`, { cause });
  }
}

/** Whether a PEM needs a passphrase. */
export function isLocked(pem: string): boolean {
  return pem.includes('-----BEGIN ENCRYPTED PRIVATE KEY-----');
}
