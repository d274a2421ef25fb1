import { createPrivateKey, type KeyObject } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { codeOf, Failure } from '#protocol/failure.ts';
import { parsePublicPem, publicKeyOf } from '#protocol/key.ts';
import { type Policy, parsePolicy, type Trust, verifyPolicy } from '#protocol/policy.ts';
import { policyHashOf } from './logs/witness.ts';

/** A policy as its roots signed it. */
export interface Trusted {
  policy: Policy;
  envelope: Buffer;
  hash: string;
}

/** The policy in force, with every version that led to it. */
export interface History extends Trusted {
  trust: Trust;
  /** Oldest first, each signed by the roots of the one before. */
  all: readonly Trusted[];
  at(version: number): Trusted | undefined;
}

/** Where `hub serve` keeps every version that it published, below the hub's folder. */
export const keptPolicies = join('data', 'policies');

export function policyFile(version: number): string {
  return `${String(version).padStart(10, '0')}.dsse.json`;
}

/**
 * Reads `policy.dsse.json` and the versions kept below `dir`, and follows them from `root.pub`. One that does not
 * follow is refused, whichever it is: a hub must not fall back to older rules by itself. Throws `config` failures.
 */
export function readTrusted(dir: string, rootFile = join(dir, 'root.pub')): History {
  const read = (file: string): Buffer => {
    try {
      return readFileSync(file);
    } catch (cause) {
      throw new Failure('config', 'trust', `${file} cannot be read (${codeOf(cause)})`, { cause });
    }
  };
  const newest = read(join(dir, 'policy.dsse.json'));
  const trust = { roots: parsePublicPem(read(rootFile).toString('utf8')), threshold: 1 };
  const kept = join(dir, keptPolicies);
  const names = existsSync(kept) ? readdirSync(kept).filter((name) => name.endsWith('.dsse.json')) : [];
  return historyOf(trust, [newest, ...names.map((name) => read(join(kept, name)))]);
}

/** Throws what `verifyPolicy` throws for the first that does not follow. */
export function historyOf(trust: Trust, envelopes: readonly Buffer[]): History {
  const distinct = new Map(envelopes.map((envelope) => [policyHashOf(envelope), envelope]));
  const all: Trusted[] = [];
  const inOrder = [...distinct]
    .map(([hash, envelope]) => ({ hash, envelope, claimed: parsePolicy(envelope).policy.version }))
    .sort((a, b) => a.claimed - b.claimed);
  for (const { hash, envelope } of inOrder)
    all.push({ policy: verifyPolicy(envelope, trust, all.at(-1)?.policy), envelope, hash });
  const newest = all.at(-1) as Trusted;
  return { ...newest, trust, all, at: (version) => all.find(({ policy }) => policy.version === version) };
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
