import { dirname, join } from 'node:path';
import { z } from 'zod';
import { fingerprintOf, maxRequestBytes, readRequest, signRequest } from '#protocol/enrolment.ts';
import { parseJson } from '#protocol/envelope.ts';
import { codeOf, Failure } from '#protocol/failure.ts';
import { nodeId } from '#protocol/ids.ts';
import { parsePublicPem, publicKeyOf } from '#protocol/key.ts';
import { verifyPolicy } from '#protocol/policy.ts';
import { instantText } from '#protocol/time.ts';
import { type Files, makeFolderDurably, readIfThere, writeDurably } from '../platform/files.ts';
import { boxKeys, certificateRequest } from './keys.ts';
import { type Places, readPlaces } from './places.ts';

const maxFileBytes = 1024 * 1024;

export interface MadeRequest {
  node: string;
  lang: 'it' | 'en';
  /** What goes to the town hall. */
  text: string;
  /** What two people compare. */
  fingerprint: string;
  /** Of the roots that this box believes: the first 16 digits of each key's id. */
  roots: string[];
}

const bundleSchema = z.object({ version: z.int(), node: nodeId });

/**
 * Puts a bundle in its place beside `config`. What is there stays; other roots than those that are there are refused.
 * Throws `config` `bundle` for what is no bundle; `denied` `other-roots`, `other-node`; what `verifyPolicy` throws.
 */
export async function placeBundle(files: Files, bundle: string, config: string): Promise<void> {
  const read = async (name: string): Promise<Buffer> => {
    try {
      return await files.read(join(bundle, name), maxFileBytes);
    } catch (cause) {
      throw new Failure(
        'config',
        'bundle',
        `${join(bundle, name)} cannot be read (${codeOf(cause)}): "hub provision" makes such a folder`,
        { cause },
      );
    }
  };
  const described = bundleSchema.safeParse(parseJson(await read('bundle.json')));
  if (!described.success || described.data.version !== 1)
    throw new Failure('config', 'bundle', `${bundle} was not made by "hub provision" of this version`);
  const [roots, policy, agentYaml] = [
    await read('root.pub'),
    await read('policy.dsse.json'),
    await read('agent.yaml'),
  ];
  verifyPolicy(policy, { roots: parsePublicPem(roots.toString('utf8')), threshold: 1 });
  const authority = await readIfThere(files, join(bundle, 'ca.crt'), maxFileBytes);
  const from = await readPlaces(files, join(bundle, 'agent.yaml'), undefined);
  if (from.node !== described.data.node)
    throw new Failure('config', 'bundle', `${bundle}: agent.yaml is of ${from.node}`);
  if ((await files.size(config)) === undefined) {
    await makeFolderDurably(files, dirname(config));
    await writeDurably(files, config, agentYaml);
  }
  const places = await readPlaces(files, config, undefined);
  if (places.node !== from.node)
    throw new Failure('denied', 'other-node', `this box is ${places.node}, the bundle is of ${from.node}`);
  const trusted = await readIfThere(files, places.roots, maxFileBytes);
  if (trusted === undefined) await writeDurably(files, places.roots, roots);
  else if (!sameKeys(trusted, roots))
    throw new Failure(
      'denied',
      'other-roots',
      `the bundle trusts other roots than ${places.roots}: whose is it? To begin anew, remove that file`,
    );
  const place = async (path: string, bytes: Buffer | undefined): Promise<void> => {
    if (bytes !== undefined && (await files.size(path)) === undefined) await writeDurably(files, path, bytes);
  };
  await place(places.policy, policy);
  await place(places.authority, authority);
}

/** Makes the keys that are missing and a request over them; one that stands and names them is repeated as it is. */
export async function makeRequest(
  files: Files,
  config: string,
  given: { credentials: string | undefined; utcMs: number },
): Promise<MadeRequest> {
  const { utcMs } = given;
  const places = await readPlaces(files, config, given.credentials);
  const roots = await readRoots(files, places);
  const keys = await boxKeys(files, places);
  const answer = (text: string): MadeRequest => ({
    node: places.node,
    lang: places.lang,
    text,
    fingerprint: fingerprintOf(readRequest(Buffer.from(text)).hash),
    roots,
  });
  const stands = await readIfThere(files, places.request, maxRequestBytes);
  if (stands !== undefined) {
    const { node, nodeKey, recipient, at } = readRequest(stands);
    const same =
      node === places.node && nodeKey.id === publicKeyOf(keys.nodeKey).id && recipient === keys.recipient;
    // Asking again after a year is asking for a new certificate.
    if (same && utcMs - at < repeatMs && utcMs >= at) return answer(stands.toString('utf8'));
  }
  const text = signRequest(
    {
      version: 1,
      node: places.node,
      nodeKey: publicKeyOf(keys.nodeKey).spki,
      certificateRequest: await certificateRequest(places.node, keys.tlsKey),
      recipient: keys.recipient,
      at: instantText(utcMs),
    },
    keys.nodeKey,
  );
  await writeDurably(files, places.request, text);
  return answer(text);
}

/** For so long a request that stands is repeated, so that the answer that is on its way fits it. */
const repeatMs = 30 * 86_400_000;

/** Throws `config` `roots`. */
export async function readRoots(files: Files, places: Places): Promise<string[]> {
  try {
    const pem = await files.read(places.roots, maxFileBytes);
    return parsePublicPem(pem.toString('utf8')).map(({ id }) => id.slice(0, 16));
  } catch (cause) {
    throw new Failure(
      'config',
      'roots',
      `${places.roots} cannot be read (${codeOf(cause)}): give the bundle of this node with --bundle`,
      { cause },
    );
  }
}

function sameKeys(a: Buffer, b: Buffer): boolean {
  const ids = (pem: Buffer): string =>
    parsePublicPem(pem.toString('utf8'))
      .map(({ id }) => id)
      .sort()
      .join();
  return ids(a) === ids(b);
}
