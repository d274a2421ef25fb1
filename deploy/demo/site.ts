import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startSimulator } from '../../test/simulator/simulator.ts';
import { initHub } from '../hub/setup/init.ts';
import { readSites } from '../hub/setup/sites.ts';
import { startBroker } from './broker.ts';
import { edit, prepareFolder } from './folder.ts';
import { freePort } from './free-port.ts';
import { type Running, start, type } from './programs.ts';
import { type TcpProxy, tcpProxy } from './tcp-proxy.ts';
import { waitFor } from './wait.ts';

/** A camera of one's own, instead of the simulated ones. */
export interface RealCamera {
  rtsp: string;
  credentials: { user: string; password: string } | undefined;
}

/** One site, its town hall, broker and cameras, all on this computer's loopback. */
export interface DemoSite {
  dir: string;
  node: string;
  hub: string;
  socket: string;
  store: string;
  mqttUrl: string;
  cameras: string[];
  /** Addresses of the town hall's page and of the site's. */
  pages: { hub: string; site: string };
  /** Undefined with a real camera. */
  simulator: Awaited<ReturnType<typeof startSimulator>> | undefined;
  /** The way of the uploads, which can be cut. */
  uploadWay: TcpProxy;
  /** Throws when a program ended that should run. */
  requireAlive(): void;
  close(): Promise<void>;
}

const node = 'site-01';
/** Prepares the folder and starts everything. Throws a failure that says what is in the way. */
export async function openSite(options: {
  dir: string;
  camera: RealCamera | undefined;
  fresh: boolean;
  /** Lines of configuration of the upload and the like, for the tour. */
  uploadLimit: string;
  /** The clip of the first camera begins when the agent begins to record it. */
  fromStart?: boolean;
}): Promise<DemoSite> {
  const { dir } = options;
  prepareFolder(dir, options.fresh);
  await using opened = new AsyncDisposableStack();
  const broker = await startBroker();
  opened.defer(() => broker.close());
  const simulator = options.camera
    ? undefined
    : await startSimulator({
        cameras: [
          { path: '/cam-1', ownPort: true, fromStart: options.fromStart ?? false },
          { path: '/cam-2', ownPort: true, user: 'demo', password: 'demo', startAtSeconds: 10 },
        ],
      });
  if (simulator) opened.defer(() => simulator.close());
  const listen = await freePort();
  const pages = { hub: await freePort(), site: await freePort() };
  const uploadWay = await tcpProxy(listen);
  opened.defer(() => uploadWay.close());

  const cameras = options.camera
    ? [
        {
          id: 'cam-1',
          name: 'Telecamera propria',
          rtsp: options.camera.rtsp,
          credentials: options.camera.credentials,
        },
      ]
    : ['cam-1', 'cam-2'].map((id) => ({
        id,
        name: id === 'cam-1' ? 'Parcheggio nord' : 'Parcheggio sud',
        rtsp: simulator?.camera(`/${id}`).url ?? '',
        credentials: id === 'cam-2' ? { user: 'demo', password: 'demo' } : undefined,
      }));
  const hub = join(dir, 'hub');
  const store = join(dir, 'store');
  const socket = socketPath(dir);
  const urls = {
    mqtt: `mqtt://127.0.0.1:${broker.port}`,
    upload: `http://127.0.0.1:${uploadWay.port}/upload`,
  };
  const sites = {
    hub: { name: 'Municipio', ...urls, listen: `127.0.0.1:${listen}` },
    nodes: [
      {
        id: node,
        role: 'site',
        name: 'Polo scolastico',
        cameras: ['cam-1', 'cam-2'].map((id) => ({
          id,
          name: id,
          rtsp: 'rtsp://127.0.0.1/',
          credentials: null,
        })),
      },
    ],
  };
  if (!existsSync(hub)) {
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
  }
  const box = join(hub, 'nodes', node);
  // Ports are free ones of this start; what the folder was made with may be taken by now.
  edit(join(hub, 'hub.yaml'), [
    [['mqtt', 'url'], urls.mqtt],
    [['upload', 'listen'], `127.0.0.1:${listen}`],
    [['web'], { listen: `127.0.0.1:${pages.hub}` }],
  ]);
  edit(join(box, 'agent.yaml'), [
    [['store'], { path: store, segment: '5s' }],
    [['socket'], socket],
    [['lang'], 'en'],
    [['mqtt', 'url'], urls.mqtt],
    [['upload'], { url: urls.upload, limit: options.uploadLimit }],
    [['health'], { interval: '10s' }],
    [['web'], { listen: `127.0.0.1:${pages.site}` }],
    [
      ['cameras'],
      cameras.map(({ id, name, rtsp, credentials }) => ({
        id,
        name,
        rtsp,
        ...(credentials ? { credentials: id } : {}),
      })),
    ],
  ]);
  for (const { id, credentials } of cameras)
    if (credentials)
      writeFileSync(join(box, 'secrets', id), `${credentials.user}:${credentials.password}\n`, {
        mode: 0o600,
      });

  mkdirSync(join(dir, 'log'), { recursive: true });
  const programs: Running[] = [];
  const run = (program: 'agent' | 'hub', args: string[]): void => {
    const running = start(program, args, join(dir, 'log', `${program}.log`));
    programs.push(running);
    opened.defer(() => running.stop());
  };
  const requireAlive = (): void => {
    for (const program of programs) {
      const why = program.ended();
      if (why !== undefined) throw new Error(why);
    }
  };
  run('hub', ['serve', '--hub', hub]);
  await waitFor('the hub', 60_000, async () => {
    requireAlive();
    return (await type('hub', ['status', '--hub', hub, '--json'])).code === 0;
  });
  run('agent', ['run', '--config', join(box, 'agent.yaml')]);
  await waitFor('the agent', 60_000, () => {
    requireAlive();
    return existsSync(socket);
  });
  const all = opened.move();
  return {
    dir,
    node,
    hub,
    socket,
    store,
    mqttUrl: urls.mqtt,
    cameras: cameras.map(({ id }) => id),
    pages: { hub: `http://127.0.0.1:${pages.hub}/`, site: `http://127.0.0.1:${pages.site}/` },
    simulator,
    uploadWay,
    requireAlive,
    close: () => all.disposeAsync(),
  };
}

/** Beside the store where the path is short enough for a socket, else below the temporary folder. */
export function socketPath(dir: string): string {
  const near = join(dir, 'agent.sock');
  if (Buffer.byteLength(near) <= 107) return near;
  return join(tmpdir(), `peio-demo-${createHash('sha256').update(dir).digest('hex').slice(0, 12)}.sock`);
}
