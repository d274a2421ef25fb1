import { createPrivateKey } from 'node:crypto';
import { readdirSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { codeOf, Failure } from '#protocol/failure.ts';
import { parsePublicPem, publicKeyOf } from '#protocol/key.ts';
import type { Policy } from '#protocol/policy.ts';

/** Sealed footage, and copies of logs: large, made by this hub alone. */
const skipped = new Set(['data/cases', 'data/logs']);
const maxSecretBytes = 64 * 1024;
/** A thousand nodes have five files each; a folder with more is no hub's, and would take minutes. */
const maxFiles = 20_000;

/**
 * Files below `dir` with a secret that a hub must not be able to read: a signing key of an officer or a root, an age
 * identity. Encrypted ones count: a passphrase is one keystroke logger away on the machine that meets the network.
 * Judged by what is in a file, not by its name; relative paths. Throws `config` `too-many-files`: what was not looked at
 * must not pass for harmless.
 */
export function foreignSecrets(dir: string, policy: Policy): string[] {
  const found: string[] = [];
  let budget = maxFiles;
  /** Links are followed: a secret on a stick that is linked here can be read here. */
  const walked = new Set<string>();
  const walk = (folder: string): void => {
    const real = realpathSync(folder);
    if (walked.has(real)) return;
    walked.add(real);
    for (const name of unlessShut(() => readdirSync(folder)) ?? []) {
      const path = join(folder, name);
      const about = unlessShut(() => statSync(path));
      if (about?.isDirectory()) {
        if (!skipped.has(relative(dir, path))) unlessShut(() => walk(path));
        continue;
      }
      if (budget-- <= 0)
        throw new Failure(
          'config',
          'too-many-files',
          `${dir} holds more than ${maxFiles} files beside its cases`,
        );
      if (about?.isFile() && about.size <= maxSecretBytes && isForeign(path, policy))
        found.push(relative(dir, path));
    }
  };
  walk(dir);
  return found.sort();
}

/** What cannot be read is no danger here; a link that leads nowhere neither. */
function unlessShut<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch (error) {
    if (['EACCES', 'EPERM', 'ENOENT', 'ELOOP'].includes(codeOf(error))) return undefined;
    throw error;
  }
}

function isForeign(path: string, policy: Policy): boolean {
  const text = unlessShut(() => readFileSync(path, 'latin1'));
  if (text === undefined) return false;
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
