import { mkdir, readdir, rename, rmdir, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { stringify } from 'yaml';
import { payloadTypes, signEnvelope } from '#protocol/envelope.ts';
import { codeOf, Failure } from '#protocol/failure.ts';
import { parsePublicPem } from '#protocol/key.ts';
import { verifyPolicy } from '#protocol/policy.ts';
import type { HubFile } from '../settings.ts';
import { agentConfig } from './agent-config.ts';
import { firstPolicy, type Names } from './first-policy.ts';
import { makeIdentity, makeSigningKey, type SigningKey } from './keys.ts';
import type { Sites } from './sites.ts';

/** Whose secret each passphrase protects. */
export const secretNames = [
  'root',
  'operator',
  'officer',
  'hub',
  'officer-identity',
  'escrow-identity',
] as const;
export type Passphrases = Record<(typeof secretNames)[number], string>;

export interface Setup {
  dir: string;
  sites: Sites;
  names: Names;
  lang: 'it' | 'en';
  /** `insecure-demo` writes every secret in the clear and says so in hub.yaml. */
  passphrases: Passphrases | 'insecure-demo';
  utcMs: number;
}

/** What somebody has to carry away: paths relative to the hub's folder. */
export const carriedOff = {
  officer: ['keys/officer.key', 'identities/officer.age'],
  escrow: ['identities/escrow.age'],
  root: ['keys/root.key'],
} as const;

/**
 * Makes a hub's folder: keys, identities, the first policy, and a folder a node with all its box needs but camera
 * passwords and certificates. Everything is made beside `dir` and renamed, so that it is there whole or not at all.
 * Throws `denied` `not-empty` when there is something in `dir`.
 */
export async function initHub({ dir, sites, names, lang, passphrases, utcMs }: Setup): Promise<void> {
  const target = resolve(dir);
  if ((await entriesOf(target)).length > 0)
    throw new Failure('denied', 'not-empty', `${dir} is not empty: name a new folder, or empty this one`);
  const clear = passphrases === 'insecure-demo';
  const phrase = (name: keyof Passphrases): string | undefined => (clear ? undefined : passphrases[name]);

  const keys = {
    root: makeSigningKey(phrase('root')),
    operator: makeSigningKey(phrase('operator')),
    officer: makeSigningKey(phrase('officer')),
    hub: makeSigningKey(phrase('hub')),
  };
  const officer = await makeIdentity(phrase('officer-identity'));
  const escrow = await makeIdentity(phrase('escrow-identity'));
  // In the clear: a box must start by itself. With it a node's folder is all its box needs; "agent enrol" and "hub
  // enrol" replace it by a key that the box made and that never travelled.
  const nodeKeys = new Map(sites.nodes.map(({ id }) => [id, makeSigningKey(undefined)]));
  const recipients = { officer: officer.recipient, escrow: escrow.recipient };
  const payload = firstPolicy({ sites, names, keys, nodeKeys, recipients, utcMs });
  const policy = signEnvelope(payloadTypes.policy, Buffer.from(JSON.stringify(payload)), [keys.root.key]);
  verifyPolicy(Buffer.from(policy), { roots: parsePublicPem(keys.root.publicPem), threshold: 1 });

  const fresh = join(dirname(target), `.${basename(target)}.${process.pid}.new`);
  const write = (path: string, text: string): Promise<void> =>
    writeFile(join(fresh, path), text, { mode: 0o600, flag: 'wx', flush: true });
  const folder = (path: string) => mkdir(join(fresh, path), { mode: 0o700, recursive: true });

  for (const name of ['keys', 'identities', 'data']) await folder(name);
  await write('hub.yaml', hubYaml(sites, lang, clear));
  await write('policy.dsse.json', policy);
  await write('root.pub', keys.root.publicPem);
  for (const [name, key] of Object.entries(keys)) {
    await write(`keys/${name}.key`, key.privatePem);
    await write(`keys/${name}.key.pub`, key.publicPem);
  }
  await write('identities/officer.age', officer.file);
  await write('identities/escrow.age', escrow.file);
  for (const node of sites.nodes) {
    const at = `nodes/${node.id}`;
    await folder(`${at}/secrets`);
    await write(`${at}/agent.yaml`, agentConfig(sites, node));
    await write(`${at}/policy.dsse.json`, policy);
    await write(`${at}/root.pub`, keys.root.publicPem);
    await write(`${at}/secrets/node-key`, (nodeKeys.get(node.id) as SigningKey).privatePem);
  }
  await rmdir(target).catch((error: unknown) => {
    if (codeOf(error) !== 'ENOENT') throw error;
  });
  await rename(fresh, target);
}

async function entriesOf(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (cause) {
    if (codeOf(cause) === 'ENOENT') return [];
    throw new Failure('usage', 'not-a-folder', `${folder} cannot be used (${codeOf(cause)})`, { cause });
  }
}

function hubYaml(sites: Sites, lang: 'it' | 'en', insecureDemo: boolean): string {
  const { hub } = sites;
  const tls = (url: string, scheme: string, own: Record<string, string>) =>
    url.startsWith(`${scheme}:`) ? own : {};
  // Nodes that hang at the town hall itself measure their link to a port here.
  const port = sites.nodes.find(({ uplink }) => uplink?.to === hub.id)?.uplink?.target.match(/:(\d+)$/)?.[1];
  const file: HubFile = {
    lang,
    ...(insecureDemo ? { insecureDemo } : {}),
    mqtt: { url: hub.mqtt, ...tls(hub.mqtt, 'mqtts', { ca: 'ca.crt', cert: 'hub.crt', key: 'hub-tls.key' }) },
    upload: {
      listen: hub.listen,
      ...tls(hub.upload, 'https', { cert: 'hub.crt', key: 'hub-tls.key', clientCa: 'ca.crt' }),
    },
    ...(port === undefined ? {} : { stamp: { listen: `0.0.0.0:${port}` } }),
    ...(hub.lat === undefined || hub.lon === undefined
      ? {}
      : { place: { id: hub.id, name: hub.name, lat: hub.lat, lon: hub.lon } }),
    nodes: sites.nodes.map(({ id, role, name, lat, lon, uplink, cameras }) => ({
      id,
      role,
      name,
      ...(lat === undefined ? {} : { lat }),
      ...(lon === undefined ? {} : { lon }),
      ...(uplink === undefined ? {} : { uplink: uplink.to }),
      cameras: cameras.map((camera) => ({ id: camera.id, name: camera.name })),
    })),
  };
  return stringify(file, { lineWidth: 0 });
}
