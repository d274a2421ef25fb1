// The library registers its algorithms with decorators, whose metadata this keeps; it must come first.
import 'reflect-metadata';
import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  webcrypto,
} from 'node:crypto';
import { basename, join } from 'node:path';
import { Pkcs10CertificateRequestGenerator } from '@peculiar/x509';
import { generateX25519Identity, identityToRecipient } from 'age-encryption';
import { Failure } from '#protocol/failure.ts';
import { type Files, makeFolderDurably, readIfThere, writeDurably } from '../platform/files.ts';
import type { Places } from './places.ts';

const maxKeyBytes = 64 * 1024;
const curve = { name: 'ECDSA', namedCurve: 'P-256' };

/** What only this box has. */
export interface BoxKeys {
  /** Ed25519. */
  nodeKey: KeyObject;
  /** P-256. */
  tlsKey: KeyObject;
  /** `AGE-SECRET-KEY-1…`, and its public half. */
  identity: string;
  recipient: string;
}

/**
 * Reads the keys of this box and, before its first request, makes those that are missing. Throws `config`
 * `key-malformed`; `keys-away` for a box that has asked and whose keys are elsewhere: others would be another box.
 */
export async function boxKeys(files: Files, places: Places): Promise<BoxKeys> {
  await makeFolderDurably(files, places.secrets);
  const pem = (type: 'ed25519' | 'ec'): string => {
    const { privateKey } =
      type === 'ed25519'
        ? generateKeyPairSync('ed25519')
        : generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
    return privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
  };
  const own = (path: string, make: () => string | Promise<string>): Promise<string> =>
    kept(files, places, path, make);
  const nodeKey = readKey(places.nodeKey, await own(places.nodeKey, () => pem('ed25519')), 'ed25519');
  const tlsKey = readKey(places.tlsKey, await own(places.tlsKey, () => pem('ec')), 'ec');
  const text = await own(places.identity, async () => `${await generateX25519Identity()}\n`);
  const identity = text.split(/\r?\n/).find((line) => line.startsWith('AGE-SECRET-KEY-1'));
  if (identity === undefined) return malformed(places.identity);
  try {
    return { nodeKey, tlsKey, identity, recipient: await identityToRecipient(identity) };
  } catch (cause) {
    return malformed(places.identity, cause);
  }
}

/** PKCS#10 over the connection's key; @peculiar/x509 because node:crypto makes none. PEM. */
export async function certificateRequest(node: string, tlsKey: KeyObject): Promise<string> {
  const der = tlsKey.export({ type: 'pkcs8', format: 'der' });
  const publicDer = createPublicKey(tlsKey).export({ type: 'spki', format: 'der' });
  const { subtle } = webcrypto;
  const made = await Pkcs10CertificateRequestGenerator.create(
    {
      name: [{ CN: [node] }],
      keys: {
        privateKey: await subtle.importKey('pkcs8', der, curve, false, ['sign']),
        publicKey: await subtle.importKey('spki', publicDer, curve, true, ['verify']),
      },
      signingAlgorithm: { name: 'ECDSA', hash: 'SHA-256' },
    },
    webcrypto,
  );
  return `${made.toString('pem').trimEnd()}\n`;
}

async function kept(
  files: Files,
  { credentials, request }: Places,
  path: string,
  make: () => string | Promise<string>,
): Promise<string> {
  const candidates = [...(credentials === undefined ? [] : [join(credentials, basename(path))]), path];
  for (const candidate of candidates) {
    const there = await readIfThere(files, candidate, maxKeyBytes);
    if (there !== undefined) return there.toString('utf8');
  }
  if ((await files.size(request)) !== undefined)
    throw new Failure(
      'config',
      'keys-away',
      `there is no ${path}, though this box has asked for its place: where its secrets are encrypted, decrypt them into a folder in memory and name it in CREDENTIALS_DIRECTORY; for a box that begins anew, remove ${request}`,
    );
  const made = await make();
  await writeDurably(files, path, made);
  return made;
}

function readKey(path: string, pem: string, type: 'ed25519' | 'ec'): KeyObject {
  try {
    const key = createPrivateKey(pem);
    if (key.asymmetricKeyType === type) return key;
  } catch (cause) {
    return malformed(path, cause);
  }
  return malformed(path);
}

function malformed(path: string, cause?: unknown): never {
  throw new Failure(
    'config',
    'key-malformed',
    `${path} is not the key it should be: it was not made by enrol`,
    {
      cause,
    },
  );
}
