import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { initHub } from '../../deploy/hub/setup/init.ts';
import { readSites } from '../../deploy/hub/setup/sites.ts';

export interface TownCamera {
  id: string;
  rtsp: string;
  credentials?: { user: string; password: string };
}

export interface Town {
  hub: string;
  node: string;
  /** The folder of the node, as its box would have it. */
  box: string;
  config: string;
  store: string;
  socket: string;
}

/** A hub's folder with one node, every secret in the clear, below `folder`. */
export async function makeTown(
  folder: string,
  options: {
    cameras: TownCamera[];
    node?: string;
    mqtt?: string;
    upload?: string;
    listen?: string;
    segment?: string;
    agent?: Record<string, unknown>;
  },
): Promise<Town> {
  const node = options.node ?? 'site-01';
  const hub = join(folder, 'hub');
  const store = join(folder, 'store');
  const socket = join(folder, 'agent.sock');
  const sites = join(folder, 'sites.json');
  writeFileSync(
    sites,
    JSON.stringify({
      hub: {
        name: 'Municipio',
        mqtt: options.mqtt ?? 'mqtt://127.0.0.1:1',
        upload: options.upload ?? 'http://127.0.0.1:1/upload',
        listen: options.listen ?? '127.0.0.1:0',
      },
      nodes: [
        {
          id: node,
          role: 'site',
          name: 'Polo scolastico',
          cameras: options.cameras.map(({ id, rtsp, credentials }) => ({
            id,
            name: `Telecamera ${id}`,
            rtsp,
            credentials: credentials ? id : null,
          })),
          agent: {
            store: { path: store, segment: options.segment ?? '2s' },
            socket,
            health: { interval: '5s' },
            ...options.agent,
          },
        },
      ],
    }),
  );
  await initHub({
    dir: hub,
    sites: readSites(sites),
    names: { root: 'Sindaco', operator: 'Anna Incaricata', officer: 'Bruno Responsabile' },
    lang: 'it',
    passphrases: 'insecure-demo',
    utcMs: Date.now(),
  });
  const box = join(hub, 'nodes', node);
  mkdirSync(join(box, 'secrets'), { recursive: true });
  for (const { id, credentials } of options.cameras)
    if (credentials) writeFileSync(join(box, 'secrets', id), `${credentials.user}:${credentials.password}\n`);
  return { hub, node, box, config: join(box, 'agent.yaml'), store, socket };
}
