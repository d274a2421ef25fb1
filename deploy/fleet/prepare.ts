import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { takeAnswer } from '#agent/enrol/answer.ts';
import { makeRequest, placeBundle } from '#agent/enrol/request.ts';
import { systemFiles } from '#agent/platform/files.ts';
import { edit } from '../demo/folder.ts';
import { initHub } from '../hub/setup/init.ts';
import { readSites, type Sites } from '../hub/setup/sites.ts';
import { done, type } from './command.ts';
import type { Ground } from './ground.ts';
import type { Place } from './topology.ts';

/** User and password of every simulated camera. */
export const cameraAccount = { user: 'rec', password: 'Paese-47' };
/** Short, so that a run of minutes seals many. */
export const segmentSeconds = 5;

export interface Box {
  node: string;
  /** Configuration, keys and secrets, as in /etc/peio-agent. */
  etc: string;
  config: string;
  store: string;
  socket: string;
}

export interface Prepared {
  /** The town hall's folder, with the authority for certificates in it. */
  hub: string;
  rootKey: string;
  boxes: ReadonlyMap<string, Box>;
}

/** A town hall's folder and its authority, made as `deploy/README.md` says; below `dir`. */
export async function prepareHub(options: {
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
  const boxes = new Map(
    options.sites.nodes.map(({ id }) => {
      const etc = join(dir, 'boxes', id, 'etc');
      const config = join(etc, 'agent.yaml');
      const store = join(dir, 'boxes', id, 'store');
      return [id, { node: id, etc, config, store, socket: options.socketOf(id) }];
    }),
  );
  const stampOf = (id: string): string => {
    const { host, port } = ground.stamp(id);
    return `${host}:${port}`;
  };
  const sites = {
    ...options.sites,
    hub: { ...options.sites.hub, ...ground.hub },
    nodes: options.sites.nodes.map((node) => {
      const place = places.find(({ id }) => id === node.id) as Place;
      const { store, socket } = boxes.get(node.id) as Box;
      const measured = places.some(({ uplink }) => uplink?.to === node.id);
      return {
        ...node,
        ...(node.uplink ? { uplink: { ...node.uplink, target: stampOf(node.uplink.to) } } : {}),
        cameras: node.cameras.map((camera, index) => ({
          ...camera,
          rtsp: `rtsp://${ground.cameraHost(place, index)}:${ground.simulator.port}/cam-${options.cameraNumber(node.id, camera.id)}`,
        })),
        agent: {
          store: { path: store, retention: '7d', segment: `${segmentSeconds}s` },
          socket,
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
  const web = {
    listen: ground.page,
    cert: 'hub.crt',
    key: 'hub-tls.key',
    origins: [`https://${ground.page}`],
  };
  edit(join(hub, 'hub.yaml'), [[['web'], web]]);
  done(await type('hub', ['ca', 'init', '--hub', hub, ...ground.doors.flatMap((one) => ['--address', one])]));
  return { hub, rootKey: join(hub, 'keys', 'root.key'), boxes };
}

/**
 * Gives every box its place: a bundle from the town hall, keys made on the box, the answer with certificate, policy and
 * camera passwords encrypted to it.
 */
export async function enrolAll(
  { hub, rootKey, boxes }: Prepared,
  options: { dir: string; sites: Sites; signal: AbortSignal },
): Promise<void> {
  const at = (path: string): string => join(options.dir, path);
  for (const folder of ['requests', 'answers']) mkdirSync(at(folder), { recursive: true });
  done(await type('hub', ['provision', '--all', '--out', at('bundles'), '--hub', hub]));
  const request = ({ node }: Box): string => at(`requests/${node}.json`);
  // What "agent enrol" does on the box, without the second that each of twice nineteen processes takes to start.
  const given = { credentials: undefined, utcMs: Date.now() };
  for (const box of boxes.values()) {
    options.signal.throwIfAborted();
    await placeBundle(systemFiles, at(`bundles/${box.node}`), box.config);
    writeFileSync(request(box), (await makeRequest(systemFiles, box.config, given)).text);
  }
  const secrets = options.sites.nodes.flatMap(({ id, cameras }) =>
    cameras.map((camera) => `${id}/${camera.id}=${cameraAccount.user}:${cameraAccount.password}\n`),
  );
  writeFileSync(at('secrets'), secrets.join(''), { mode: 0o600 });
  done(
    await type('hub', [
      ...['enrol', ...[...boxes.values()].map(request), '--root-key', rootKey, '--out', at('answers')],
      ...['--secrets', at('secrets'), '--yes', '--hub', hub],
    ]),
  );
  for (const { node, config } of boxes.values()) {
    const { missing } = await takeAnswer(
      systemFiles,
      config,
      readFileSync(at(`answers/${node}.answer.json`)),
      undefined,
    );
    if (missing.length > 0) throw new Error(`${node} has no ${missing.join(', ')}`);
  }
}
