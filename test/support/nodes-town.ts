import { createSocket } from 'node:dgram';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { initHub } from '../../deploy/hub/setup/init.ts';
import { readSites } from '../../deploy/hub/setup/sites.ts';

export interface TownNode {
  id: string;
  role: 'site' | 'relay';
  name: string;
  /** The node it reaches the town hall by; the town hall itself when absent. */
  uplink?: string;
  cameras?: { id: string; rtsp: string; onvif?: string }[];
  agent?: Record<string, unknown>;
}

export interface NodesTown {
  hub: string;
  /** The files of a node's box. */
  box(id: string): { config: string; socket: string; store: string; node: string };
}

/** A hub's folder with several nodes, every secret in the clear, below `folder`. */
export async function makeNodes(
  folder: string,
  options: { mqtt: string; nodes: readonly TownNode[] },
): Promise<NodesTown> {
  const hub = join(folder, 'hub');
  const box = (id: string) => ({
    node: id,
    config: join(hub, 'nodes', id, 'agent.yaml'),
    socket: join(folder, `${id}.sock`),
    store: join(folder, `store-${id}`),
  });
  const ports = await Promise.all(options.nodes.map(freeUdpPort));
  const sites = join(folder, 'sites.json');
  writeFileSync(
    sites,
    JSON.stringify({
      hub: {
        name: 'Municipio',
        mqtt: options.mqtt,
        upload: 'http://127.0.0.1:1/upload',
        listen: '127.0.0.1:0',
      },
      nodes: options.nodes.map(({ id, role, name, uplink, cameras = [], agent }) => ({
        id,
        role,
        name,
        ...(uplink === undefined ? {} : { uplink: { to: uplink, target: '127.0.0.1:1' } }),
        cameras: cameras.map((camera) => ({ ...camera, name: `Telecamera ${camera.id}`, credentials: null })),
        agent: {
          store: { path: box(id).store, segment: '2s' },
          socket: box(id).socket,
          health: { interval: '5s' },
          // Each says what it measures.
          links: [],
          ...(role === 'relay' ? { stamp: { listen: `127.0.0.1:${ports.pop()}` } } : {}),
          ...agent,
        },
      })),
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
  return { hub, box };
}

async function freeUdpPort(): Promise<number> {
  const socket = createSocket('udp4');
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  const { port } = socket.address();
  await new Promise<void>((resolve) => socket.close(() => resolve()));
  return port;
}
