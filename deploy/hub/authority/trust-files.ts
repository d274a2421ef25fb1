import { X509Certificate } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { hubNode } from '#protocol/topics.ts';
import type { Settings } from '../settings.ts';
import { type Authority, brokerName } from './authority.ts';
import { makeFolder, placeFile } from './place.ts';

/** Below the hub's folder: what the broker needs, to be put where it reads it. */
export const brokerFolder = 'broker';

/** The authority's certificate and its newest list, for the hub and its broker. */
export function placeTrust(hubDir: string, authority: Authority): void {
  makeFolder(join(hubDir, brokerFolder));
  for (const folder of [hubDir, join(hubDir, brokerFolder)]) {
    placeFile(join(folder, 'ca.crt'), authority.certificate, 0o644);
    placeFile(join(folder, 'ca.crl'), authority.revocationList(), 0o644);
  }
}

/** New certificates and keys for hub and broker; what they had before is taken back. */
export async function placeServers(hubDir: string, authority: Authority, addresses: string[]): Promise<void> {
  for (const [name, at] of [
    [hubNode, { cert: 'hub.crt', key: 'hub-tls.key' }],
    [brokerName, { cert: `${brokerFolder}/broker.crt`, key: `${brokerFolder}/broker.key` }],
  ] as const) {
    makeFolder(join(hubDir, brokerFolder));
    const before = authority.standing(name);
    const { certificate, key } = await authority.issueWithKey(name, addresses);
    // The key first: a certificate without its key would keep hub or broker from starting.
    placeFile(join(hubDir, at.key), key, 0o600);
    placeFile(join(hubDir, at.cert), certificate, 0o644);
    if (before.length > 0)
      await authority.revoke(name, 'replaced', new X509Certificate(certificate).publicKey);
  }
  placeTrust(hubDir, authority);
}

const addressed = z.object({
  mqtt: z.object({ url: z.string() }).optional(),
  upload: z.object({ url: z.string() }).optional(),
});

/** Under which the nodes of this hub reach broker and hub, as their configurations say. */
export function serverAddresses(settings: Settings): string[] {
  const urls = [settings.mqtt.url];
  const nodes = join(settings.dir, 'nodes');
  for (const node of existsSync(nodes) ? readdirSync(nodes) : []) {
    const file = join(nodes, node, 'agent.yaml');
    if (!existsSync(file)) continue;
    const parsed = addressed.safeParse(parse(readFileSync(file, 'utf8')));
    if (parsed.success)
      urls.push(...[parsed.data.mqtt?.url, parsed.data.upload?.url].flatMap((url) => url ?? []));
  }
  return [...new Set(urls.map((url) => new URL(url).hostname.replaceAll(/[[\]]/g, '')))];
}
