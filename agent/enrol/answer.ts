import { X509Certificate } from 'node:crypto';
import { basename, join } from 'node:path';
import {
  type EnrolmentAnswer,
  maxRequestBytes,
  openSecrets,
  readAnswer,
  readRequest,
  type Secrets,
} from '#protocol/enrolment.ts';
import { Failure } from '#protocol/failure.ts';
import { parsePublicPem, publicKeyOf } from '#protocol/key.ts';
import { maxPolicyBytes, parsePolicy, verifyPolicy } from '#protocol/policy.ts';
import { type Files, readIfThere, writeDurably } from '../platform/files.ts';
import { type BoxKeys, boxKeys } from './keys.ts';
import { type Places, readPlaces } from './places.ts';

const maxFileBytes = 64 * 1024;

export interface Enrolled {
  node: string;
  lang: 'it' | 'en';
  /** Of the certificate, UTC milliseconds. */
  until: number;
  policyVersion: number;
  /** Names of the secrets that were written. */
  secrets: string[];
  /** Names that the configuration asks for and that are nowhere yet. */
  missing: string[];
}

/**
 * Checks an answer whole, then puts it in its place. Throws `bad-signature`, `missing-signature`, `malformed`,
 * `other-node`, `other-request`, `other-certificate`, `other-key`, `secrets-locked`, and what `verifyPolicy` throws.
 */
export async function takeAnswer(
  files: Files,
  config: string,
  answer: Uint8Array,
  credentials: string | undefined,
): Promise<Enrolled> {
  const places = await readPlaces(files, config, credentials);
  const request = await readIfThere(files, places.request, maxRequestBytes);
  if (request === undefined)
    throw new Failure('config', 'no-request', `there is no ${places.request}: make a request first`);
  const keys = await boxKeys(files, places);
  const roots = parsePublicPem((await files.read(places.roots, maxFileBytes)).toString('utf8'));
  const read = readAnswer(answer, roots, places.threshold);
  if (read.node !== places.node)
    throw new Failure('denied', 'other-node', `the answer is for ${read.node}, this box is ${places.node}`);
  if (read.request !== readRequest(request).hash)
    throw new Failure(
      'denied',
      'other-request',
      'the answer is to another request than the last of this box',
    );
  const until = requireCertificate(read, keys);
  const policy = verifyPolicy(Buffer.from(read.policy), { roots, threshold: places.threshold });
  if (policy.nodes.find(({ id }) => id === places.node)?.key.id !== publicKeyOf(keys.nodeKey).id)
    throw new Failure('denied', 'other-key', 'the policy in the answer names another key for this node');
  const secrets =
    read.secrets === undefined ? {} : await openSecrets(Buffer.from(read.secrets, 'base64'), keys.identity);
  requireNoKey(secrets, places);

  for (const [name, value] of Object.entries(secrets))
    await writeDurably(files, join(places.secrets, name), `${value}\n`);
  await writeDurably(files, places.certificate, read.certificate);
  await writeDurably(files, places.authority, read.authority);
  const before = await readIfThere(files, places.policy, maxPolicyBytes);
  if (before === undefined || parsePolicy(before).policy.version < policy.version)
    await writeDurably(files, places.policy, read.policy);
  const missing: string[] = [];
  for (const name of places.expected) {
    const folders = [places.secrets, ...(credentials === undefined ? [] : [credentials])];
    const sizes = await Promise.all(folders.map((folder) => files.size(join(folder, name))));
    if (sizes.every((size) => size === undefined)) missing.push(name);
  }
  const { node, lang } = places;
  return { node, lang, until, policyVersion: policy.version, secrets: Object.keys(secrets), missing };
}

/** Over this box's key, for its name, by the authority that comes with it. */
function requireCertificate(answer: EnrolmentAnswer, keys: BoxKeys): number {
  const refuse = (sentence: string, cause?: unknown): never => {
    throw new Failure('denied', 'other-certificate', `the certificate ${sentence}`, { cause });
  };
  let certificate: X509Certificate;
  let authority: X509Certificate;
  try {
    certificate = new X509Certificate(answer.certificate);
    authority = new X509Certificate(answer.authority);
  } catch (cause) {
    return refuse('cannot be read', cause);
  }
  if (!certificate.checkPrivateKey(keys.tlsKey)) refuse('is over another key than this box has');
  if (certificate.subject !== `CN=${answer.node}`) refuse(`is for ${certificate.subject}`);
  if (!authority.ca || !certificate.verify(authority.publicKey))
    refuse('is not signed by the authority beside it');
  return Date.parse(certificate.validTo);
}

/** An answer must not replace what this box made. */
function requireNoKey(secrets: Secrets, places: Places): void {
  const own = [places.nodeKey, places.tlsKey, places.identity].map((path) => basename(path));
  const taken = Object.keys(secrets).find((name) => own.includes(name));
  if (taken !== undefined)
    throw new Failure('denied', 'malformed', `the answer would replace the key ${taken}`);
}
