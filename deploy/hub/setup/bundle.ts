import { X509Certificate } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { codeOf, Failure } from '#protocol/failure.ts';
import { nodeId } from '#protocol/ids.ts';
import type { Policy } from '#protocol/policy.ts';
import { instantText } from '#protocol/time.ts';
import { makeFolder, placeFile } from '../authority/place.ts';
import type { Settings } from '../settings.ts';
import type { Trusted } from '../trust.ts';
import { agentConfig } from './agent-config.ts';
import { readSites } from './sites.ts';

/** Scalars that hold a secret where only its name belongs: `scheme://user:password@…`. */
const secretAddress = /[a-z][a-z0-9+.-]*:\/\/[^/\s@]*:[^/\s@]*@/i;

/**
 * One folder a node, for its box: `agent.yaml policy.dsse.json root.pub`, `ca.crt` where TLS is used, `bundle.json`.
 * Nothing in it is secret: keys are made on the box, passwords come with the answer to its request.
 * Throws `config`: `unknown-node`, `agent-yaml`, `secret-in-file`, `authority-missing`.
 */
export function makeBundle(
  node: string,
  given: { settings: Settings; trusted: Trusted; out: string; sites?: string | undefined; utcMs: number },
): string {
  const { settings, trusted, out, utcMs } = given;
  if (!trusted.policy.nodes.some(({ id }) => id === node))
    throw new Failure('config', 'unknown-node', `the policy knows no ${node}`);
  const config = configOf(node, settings, given.sites);
  const { url, ca } = brokerOf(node, config);
  const authority = ca === undefined ? undefined : authorityOf(settings.dir);
  const folder = join(out, node);
  makeFolder(folder);
  const place = (name: string, content: string | Uint8Array): void =>
    placeFile(join(folder, name), content, 0o644);
  place('agent.yaml', config);
  place('policy.dsse.json', trusted.envelope);
  place('root.pub', rootsOf(trusted.policy));
  if (authority !== undefined) place('ca.crt', authority);
  const described = {
    version: 1,
    node,
    made: instantText(utcMs),
    broker: url,
    policyVersion: trusted.policy.version,
    ...(authority === undefined ? {} : { authority: new X509Certificate(authority).fingerprint256 }),
  };
  // Last: a folder that has it is whole.
  place('bundle.json', `${JSON.stringify(described, null, 2)}\n`);
  return folder;
}

/** The node's configuration as it stands at the hub; made from the list of sites where there is none yet. */
function configOf(node: string, settings: Settings, list: string | undefined): string {
  const file = join(settings.dir, 'nodes', node, 'agent.yaml');
  if (existsSync(file)) return readFileSync(file, 'utf8');
  const sites = readSites(list);
  const site = sites.nodes.find(({ id }) => id === node);
  if (site === undefined)
    throw new Failure(
      'config',
      'unknown-node',
      `there is no ${file}, and the list of sites knows no ${node}`,
    );
  const made = agentConfig(sites, site);
  makeFolder(join(settings.dir, 'nodes', node));
  placeFile(file, made, 0o600);
  return made;
}

const connected = z.looseObject({
  node: nodeId,
  mqtt: z.looseObject({ url: z.string(), ca: z.string().optional() }),
});

function brokerOf(node: string, config: string): { url: string; ca: string | undefined } {
  if (secretAddress.test(config))
    throw new Failure(
      'config',
      'secret-in-file',
      `agent.yaml of ${node} holds an address with a password: name a secret with "credentials" instead`,
    );
  let value: unknown;
  try {
    value = parse(config);
  } catch (cause) {
    throw new Failure('config', 'agent-yaml', `agent.yaml of ${node} is no YAML (${codeOf(cause)})`, {
      cause,
    });
  }
  const parsed = connected.safeParse(value);
  if (!parsed.success || parsed.data.node !== node)
    throw new Failure(
      'config',
      'agent-yaml',
      `agent.yaml of ${node} must name the node and the broker's address`,
    );
  return { url: parsed.data.mqtt.url, ca: parsed.data.mqtt.ca };
}

function authorityOf(dir: string): string {
  try {
    return readFileSync(join(dir, 'ca.crt'), 'utf8');
  } catch (cause) {
    throw new Failure('config', 'authority-missing', `there is no ${join(dir, 'ca.crt')}: hub ca init`, {
      cause,
    });
  }
}

/** The roots of now, as a box is to know them: those that came with the hub may have been replaced. */
function rootsOf({ persons }: Policy): string {
  return persons
    .flatMap(({ keys }) => keys)
    .filter(({ role }) => role === 'root')
    .map(({ publicKey }) => publicKey.key.export({ type: 'spki', format: 'pem' }))
    .join('');
}
