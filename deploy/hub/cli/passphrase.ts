import type { KeyObject } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { codeOf, Failure } from '#protocol/failure.ts';
import { isLocked, openKey } from '../trust.ts';
import type { Call } from './command.ts';

const maxBytes = 4096;

/** The text of a passphrase file, without its last newline. Throws `passphrase-file`. */
export function readPassphrase(file: string): string {
  let text: string;
  try {
    text = readFileSync(file, 'utf8').replace(/\r?\n$/, '');
  } catch (cause) {
    throw new Failure('config', 'passphrase-file', `${file} cannot be read (${codeOf(cause)})`, { cause });
  }
  if (text === '' || text.length > maxBytes)
    throw new Failure('config', 'passphrase-file', `${file} holds no passphrase`);
  return text;
}

/** A person's signing key: `--key`, else the one in the hub's folder; its passphrase from a file or the terminal. */
export async function personalKey(call: Call, role: 'operator' | 'officer'): Promise<KeyObject> {
  const file = call.option('key') ?? join(call.dir, 'keys', `${role}.key`);
  return await unlock(call, file);
}

/** `fallback` is a passphrase file that is used when it is there and no other was named. */
export async function unlock(call: Call, file: string, fallback?: string): Promise<KeyObject> {
  const locked = lockedFile(file);
  const given = call.option('passphrase-file') ?? (fallback && existsSync(fallback) ? fallback : undefined);
  if (!locked) return openKey(file, undefined);
  if (given !== undefined) return openKey(file, readPassphrase(given));
  if (!call.terminal.interactive)
    throw new Failure('usage', 'no-passphrase', `${file} needs its passphrase: give --passphrase-file`);
  return openKey(file, await call.terminal.ask(`Passphrase ${file}: `, { hidden: true }));
}

export const keyOptions = {
  key: { type: 'string', value: 'FILE', help: 'signing key (else from keys/ of the hub)' },
  'passphrase-file': { type: 'string', value: 'FILE', help: 'file with its passphrase (else asked for)' },
} as const;

/** The keys of `--root-key`, each with the `--passphrase-file` of its place in the order, else asked for. */
export async function rootKeys(call: Call): Promise<KeyObject[]> {
  const files = call.options('root-key');
  if (files.length === 0) throw new Failure('usage', 'usage', '--root-key FILE is needed');
  const keys: KeyObject[] = [];
  for (const [index, file] of files.entries()) {
    const phrase = call.options('passphrase-file')[index];
    if (!lockedFile(file)) keys.push(openKey(file, undefined));
    else if (phrase) keys.push(openKey(file, readPassphrase(phrase)));
    else keys.push(openKey(file, await call.terminal.ask(`Passphrase ${file}: `, { hidden: true })));
  }
  return keys;
}

/** A file that cannot be read counts as not locked: openKey says what is wrong with it. */
function lockedFile(file: string): boolean {
  try {
    return isLocked(readFileSync(file, 'utf8'));
  } catch {
    return false;
  }
}
