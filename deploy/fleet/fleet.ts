import { createHash } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemFiles } from '#agent/platform/files.ts';
import { Failure } from '#protocol/failure.ts';
import { cpuSeconds, pssBytes } from '../../test/bench/process-tree.ts';
import { type Running, start } from '../demo/programs.ts';
import { waitFor } from '../demo/wait.ts';
import type { StatusAnswer } from '../hub/api/schema.ts';
import { type HubClient, openClient } from '../hub/cli/client.ts';
import { openLogins } from '../hub/page/logins.ts';
import { loginsPath } from '../hub/page/open-page.ts';
import type { Sites } from '../hub/setup/sites.ts';
import { type Broker, startBroker } from './broker.ts';
import { type Ground, loopbackGround, networkGround } from './ground.ts';
import { camerasPlace } from './namespaces.ts';
import { type FleetNode, fleetNode } from './node.ts';
import { type Box, cameraAccount, enrolAll, type Prepared, prepareHub } from './prepare.ts';
import { type Beside, startBeside } from './programs.ts';
import type { RunRecord } from './run-record.ts';
import { mountSmallDisk } from './small-disk.ts';
import { type Place, placesOf } from './topology.ts';

/** Sixteen sites, three relays and the town hall, or some of them, running on this machine. */
export interface Fleet {
  dir: string;
  ground: Ground;
  places: readonly Place[];
  nodes: readonly FleetNode[];
  node(id: string): FleetNode;
  prepared: Prepared;
  broker: Broker;
  hub: HubClient;
  status(): Promise<StatusAnswer>;
  page: { url: string; login: string; password: string };
  /** Throws when a program ended that should run. */
  requireAlive(): void;
  /** Processor seconds and memory so far, children that ended included. */
  usage(): { cpuSeconds: number; pss: { what: string; processes: number; bytes: number }[] };
  close(): Promise<void>;
}

/** Starts of Node take a processor each for a second: more at once only wait for each other. */
const startsAtOnce = 4;
const smallDiskMegabytes = 48;
/** What a node is given to end by itself; past it, it is killed. */
const endMs = 20_000;

export interface FleetOptions {
  dir: string;
  sites: Sites;
  record: RunRecord;
  /** Whether there are namespaces to stand in. */
  network: boolean;
  /** The node whose disk is to be filled: it gets a small one. */
  smallDiskOf: string | undefined;
  /** Told of how far it is. */
  now(text: string): void;
  signal: AbortSignal;
}

export async function openFleet(options: FleetOptions): Promise<Fleet> {
  const { dir, sites, record, now, signal } = options;
  await using opened = new AsyncDisposableStack();
  // The last to go: it ends what an orderly end has left.
  opened.defer(() => record.clear());
  const places = placesOf(sites);
  const hubPlace = (places[0] as Place).id;
  const ground = options.network ? networkGround(sites, places, record.tag) : await loopbackGround(places);
  const began = record.program;
  mkdirSync(join(dir, 'log'), { recursive: true });
  const log = (name: string): string => join(dir, 'log', `${name}.log`);

  const cameras = places.flatMap((place) => place.cameras.map(({ id }) => `${place.id}/${id}`));
  const besides: Beside[] = [];
  const beside = async (
    what: string,
    place: string,
    entry: string,
    args: readonly string[],
  ): Promise<void> => {
    const within = ground.within(place);
    const one = await startBeside({ what, entry, args, within, log: log(what), began });
    besides.push(one);
    opened.defer(() => one.stop());
  };
  await beside('cameras', camerasPlace, 'test/simulator/main.ts', [
    ...['--host', ground.simulator.host, '--port', String(ground.simulator.port)],
    ...['--cameras', String(cameras.length), '--file', smallPictures],
    ...['--user', cameraAccount.user, '--password', cameraAccount.password],
  ]);
  const { host, port } = ground.stamp(hubPlace);
  await beside('reflector', hubPlace, 'deploy/fleet/reflector-child.ts', [host, String(port)]);

  const prepared = await prepareHub({
    dir,
    sites,
    places,
    ground,
    socketOf: (id) => socketPath(join(dir, 'boxes', id), record.tag, id),
    cameraNumber: (node, camera) => cameras.indexOf(`${node}/${camera}`) + 1,
  });
  const broker = await startBroker({
    folder: join(dir, 'broker'),
    files: join(prepared.hub, 'broker'),
    log: log('broker'),
    listener: ground.listener,
    within: ground.within(hubPlace),
    began,
  });
  opened.defer(() => broker.stop());

  const login = { name: 'maintainer', role: 'maintainer' } as const;
  const password = 'una montagna di neve';
  await openLogins(systemFiles, loginsPath(prepared.hub)).put(login, password);
  const serving: Running = start('hub', ['serve', '--hub', prepared.hub], log('hub'), {
    within: ground.within(hubPlace),
  });
  began(serving.pid);
  opened.defer(() => serving.stop());
  const hub = openClient(prepared.hub);
  const status = (): Promise<StatusAnswer> => hub.get('GET /status');
  await waitFor('the town hall', 60_000, async () => {
    signal.throwIfAborted();
    const why = serving.ended();
    if (why !== undefined) throw new Error(why);
    return await status().then(
      ({ broker: { connected } }) => connected,
      (error: unknown) => {
        if (error instanceof Failure) return false;
        throw error;
      },
    );
  });
  now('town hall, broker and cameras run');
  await enrolAll(prepared, { dir, sites, signal });
  now(`${sites.nodes.length} boxes made their keys and are enrolled`);

  if (options.smallDiskOf !== undefined) {
    const { store } = prepared.boxes.get(options.smallDiskOf) as Box;
    record.mounted(store);
    opened.defer(mountSmallDisk(store, smallDiskMegabytes));
  }
  let closing = false;
  const nodes = sites.nodes.map(({ id, name, cameras: mine }) => {
    const { etc, store, socket } = prepared.boxes.get(id) as Box;
    const ids = mine.map((camera) => camera.id);
    const within = ground.within(id);
    return fleetNode({
      id,
      name,
      cameras: ids,
      etc,
      store,
      socket,
      within,
      log: log(id),
      began,
      closing: () => closing,
    });
  });
  opened.defer(() => {
    closing = true;
    return endAll(nodes);
  });
  let started = 0;
  // Relays first: who measures a link to one that is not there yet tells of it.
  const rank = ({ id }: FleetNode): number => places.findIndex((place) => place.id === id);
  const waiting = [...nodes].sort((a, b) => rank(a) - rank(b));
  await Promise.all(
    Array.from({ length: startsAtOnce }, async () => {
      for (let node = waiting.shift(); node !== undefined; node = waiting.shift()) {
        const one = node;
        signal.throwIfAborted();
        one.start();
        await waitFor(`${one.id} to answer`, 120_000, async () => {
          signal.throwIfAborted();
          const why = one.ended();
          if (why !== undefined) throw new Error(`${one.id}: ${why}`);
          return (await one.status()) !== undefined;
        });
        started += 1;
        now(`${started} of ${nodes.length} agents started`);
      }
    }),
  );

  const requireAlive = (): void => {
    const dead = [serving.ended(), ...besides.map((one) => one.ended()), ...nodes.map((one) => one.ended())];
    const [why] = dead.filter((one) => one !== undefined);
    if (why !== undefined) throw new Error(why);
  };
  const all = opened.move();
  return {
    dir,
    ground,
    places,
    nodes,
    node(id) {
      const found = nodes.find((one) => one.id === id);
      if (found === undefined) throw new Error(`no node ${id}`);
      return found;
    },
    prepared,
    broker,
    hub,
    status,
    page: { url: `https://${ground.page}/`, login: login.name, password },
    requireAlive,
    usage() {
      const group = (what: string, pids: number[]) => {
        const alive = pids.filter((pid) => pid > 0);
        return { what, processes: alive.length, bytes: pssBytes(alive) };
      };
      return {
        cpuSeconds: cpuSeconds([process.pid]),
        pss: [
          group(
            'agents',
            nodes.map((one) => one.pid()),
          ),
          group('town hall', [serving.pid]),
          group('broker', [broker.pid()]),
          group(
            'cameras and reflector',
            besides.map(({ pid }) => pid),
          ),
        ],
      };
    },
    close: () => all.disposeAsync(),
  };
}

const smallPictures = join(import.meta.dirname, '..', '..', 'test', 'fixtures', 'walkers-bframes.mp4');

/** All at once; what does not end by itself is killed. */
async function endAll(nodes: readonly FleetNode[]): Promise<void> {
  const pids = nodes.map((node) => node.pid());
  const ending = nodes.map(async (node, index) => {
    await node.stop();
    pids[index] = 0;
  });
  const late = setTimeout(() => {
    for (const pid of pids) if (pid > 0) process.kill(pid, 'SIGKILL');
  }, endMs);
  await Promise.all(ending);
  clearTimeout(late);
}

/** In the node's folder where the path is short enough for a socket, else below the temporary folder. */
function socketPath(folder: string, tag: string, id: string): string {
  const near = join(folder, 'agent.sock');
  if (Buffer.byteLength(near) <= 107) return near;
  const short = createHash('sha256').update(id).digest('hex').slice(0, 8);
  return join(tmpdir(), `peio-fleet-${tag}-${short}.sock`);
}
