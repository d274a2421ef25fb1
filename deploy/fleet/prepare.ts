import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseDocument } from 'yaml';
import { testAuthority } from '../../test/support/certificates.ts';
import { initHub } from '../hub/setup/init.ts';
import { readSites, type Sites } from '../hub/setup/sites.ts';
import type { BrokerFiles } from './broker.ts';
import type { Ground } from './ground.ts';
import type { Place } from './topology.ts';

/** User and password of every simulated camera. */
export const cameraAccount = { user: 'rec', password: 'Paese-47' };
/** Short, so that a run of minutes seals many. */
export const segmentSeconds = 5;

export interface Prepared {
  /** The town hall's folder. */
  hub: string;
  boxes: ReadonlyMap<string, { box: string; store: string; socket: string }>;
  broker: BrokerFiles;
  /** Takes a node's certificate back and makes the next list of what is revoked. */
  revoke(node: string): void;
}

/** The hub's folder, a box for every node, and the certificates of all; below `dir`, which is new. */
export async function prepare(options: {
  dir: string;
  sites: Sites;
  places: readonly Place[];
  ground: Ground;
  socketOf(node: string): string;
  /** Number of a camera among all that the simulator shows, from 1. */
  cameraNumber(node: string, camera: string): number;
}): Promise<Prepared> {
  const { dir, places, ground } = options;
  const hub = join(dir, 'hub');
  const store = (node: string): string => join(dir, 'boxes', node, 'store');
  const sites: Sites = {
    ...options.sites,
    hub: { ...options.sites.hub, ...ground.hub },
    nodes: options.sites.nodes.map((node) => {
      const place = places.find(({ id }) => id === node.id) as Place;
      const stampOf = (id: string): string => {
        const { host, port } = ground.stamp(id);
        return `${host}:${port}`;
      };
      const measured = places.some(({ uplink }) => uplink?.to === node.id);
      return {
        ...node,
        ...(node.uplink ? { uplink: { ...node.uplink, target: stampOf(node.uplink.to) } } : {}),
        cameras: node.cameras.map((camera, index) => ({
          ...camera,
          rtsp: `rtsp://${ground.cameraHost(place, index)}:${ground.simulator.port}/cam-${options.cameraNumber(node.id, camera.id)}`,
        })),
        agent: {
          store: { path: store(node.id), retention: '7d', segment: `${segmentSeconds}s` },
          socket: options.socketOf(node.id),
          lang: 'en',
          health: { interval: '10s' },
          ...(measured ? { stamp: { listen: stampOf(node.id) } } : {}),
        },
      };
    }),
  };
  const list = join(dir, 'sites.json');
  writeFileSync(list, JSON.stringify(sites, null, 2));
  await initHub({
    dir: hub,
    sites: readSites(list),
    names: { root: 'Rita Radice', operator: 'Anna Incaricata', officer: 'Bruno Responsabile' },
    lang: 'en',
    passphrases: 'insecure-demo',
    utcMs: Date.now(),
  });
  const authority = testAuthority(join(dir, 'authority'));
  const own = authority.issue('hub', { addresses: ground.hubAddresses });
  cpSync(authority.ca, join(hub, 'ca.crt'));
  cpSync(own.cert, join(hub, 'hub.crt'));
  cpSync(own.key, join(hub, 'hub-tls.key'));
  const hubFile = join(hub, 'hub.yaml');
  const hubYaml = parseDocument(readFileSync(hubFile, 'utf8'));
  hubYaml.setIn(['web'], {
    listen: ground.page,
    cert: 'hub.crt',
    key: 'hub-tls.key',
    origins: [`https://${ground.page}`],
  });
  writeFileSync(hubFile, hubYaml.toString({ lineWidth: 0 }), { mode: 0o600 });

  const issued = new Map<string, ReturnType<typeof authority.issue>>();
  const boxes = new Map<string, { box: string; store: string; socket: string }>();
  for (const { id, cameras } of sites.nodes) {
    const box = join(dir, 'boxes', id, 'etc');
    mkdirSync(join(dir, 'boxes', id), { recursive: true });
    cpSync(join(hub, 'nodes', id), box, { recursive: true });
    const certificate = authority.issue(id);
    issued.set(id, certificate);
    cpSync(authority.ca, join(box, 'ca.crt'));
    cpSync(certificate.cert, join(box, `${id}.crt`));
    cpSync(certificate.key, join(box, `${id}.key`));
    for (const camera of cameras)
      writeFileSync(join(box, 'secrets', camera.id), `${cameraAccount.user}:${cameraAccount.password}\n`, {
        mode: 0o600,
      });
    boxes.set(id, { box, store: store(id), socket: options.socketOf(id) });
  }
  const ofBroker = authority.issue('broker', { addresses: ground.hubAddresses });
  return {
    hub,
    boxes,
    broker: { ca: authority.ca, crl: authority.crl, ...ofBroker },
    revoke(node) {
      const certificate = issued.get(node);
      if (certificate) authority.revoke(certificate);
    },
  };
}
