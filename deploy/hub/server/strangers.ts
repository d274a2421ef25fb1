import { createPrivateKey } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { codeOf } from '#protocol/failure.ts';
import { parsePublicPem, publicKeyOf } from '#protocol/key.ts';
import type { Policy } from '#protocol/policy.ts';

/** Sealed footage: large, and opened by none of the keys here. */
const skipped = new Set(['data']);
const maxSecretBytes = 64 * 1024;
const maxFiles = 1000;

/**
 * Files below `dir` with a secret that a hub must not be able to read: a signing key of an officer or a root, an age
 * identity. Encrypted ones count: a passphrase is one keystroke logger away on the machine that meets the network.
 * Judged by what is in a file, not by its name; relative paths.
 */
export function foreignSecrets(dir: string, policy: Policy): string[] {
  const found: string[] = [];
  let budget = maxFiles;
  const walk = (folder: string): void => {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) {
        if (folder !== dir || !skipped.has(entry.name)) walk(path);
      } else if (budget-- > 0 && isForeign(path, policy)) found.push(relative(dir, path));
    }
  };
  walk(dir);
  return found.sort();
}

function isForeign(path: string, policy: Policy): boolean {
  let text: string;
  try {
    if (!statSync(path).isFile() || statSync(path).size > maxSecretBytes) return false;
    text = readFileSync(path, 'latin1');
  } catch (error) {
    if (['EACCES', 'EPERM', 'ENOENT'].includes(codeOf(error))) return false; // What cannot be read is no danger here.
    throw error;
  }
  if (text.includes('AGE-SECRET-KEY-') || text.includes('-----BEGIN AGE ENCRYPTED FILE-----')) return true;
  if (text.startsWith('age-encryption.org/v1')) return true;
  if (!/-----BEGIN (?:ENCRYPTED )?PRIVATE KEY-----/.test(text)) return false;
  const holder = keyIdOf(path, text);
  // A locked key without its public half beside it could be anybody's.
  if (holder === undefined) return true;
  return policy.persons.some(({ keys }) =>
    keys.some(({ keyid, role }) => keyid === holder && (role === 'officer' || role === 'root')),
  );
}

function keyIdOf(path: string, text: string): string | undefined {
  try {
    return publicKeyOf(createPrivateKey(text)).id;
  } catch {
    // Locked, or no Ed25519 key (such as the key of a certificate): its public half tells, where there is one.
  }
  try {
    return parsePublicPem(readFileSync(`${path}.pub`, 'utf8'))[0]?.id;
  } catch {
    return text.includes('ENCRYPTED') ? undefined : 'of a certificate';
  }
}
