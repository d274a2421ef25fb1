import { randomUUIDv7 } from 'node:crypto';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type Clock, systemClock } from '#agent/platform/clock.ts';
import { systemFiles } from '#agent/platform/files.ts';
import { openLog } from '#agent/platform/log.ts';
import type { ExtractCommand } from '#protocol/command.ts';
import type { Health } from '#protocol/messages.ts';
import { instantText } from '#protocol/time.ts';
import { type CameraWeek, weekLog, weekOfFaults } from '../../deploy/demo/week.ts';
import { type Alarms, openAlarms } from '../../deploy/hub/alarms/alarms.ts';
import { topologyOf } from '../../deploy/hub/alarms/topology.ts';
import type { NodeSight } from '../../deploy/hub/fleet/fleet.ts';
import { openCoverage } from '../../deploy/hub/page/coverage.ts';
import type { HubSource } from '../../deploy/hub/page/hub-source.ts';
import { type LoginRole, openLogins } from '../../deploy/hub/page/logins.ts';
import { type HubPage, loginsPath, openHubPage } from '../../deploy/hub/page/open-page.ts';
import { openRegister, type Register } from '../../deploy/hub/register/register.ts';
import { enterRequest, findRequest, type RequestRecord } from '../../deploy/hub/register/requests.ts';
import type { Settings } from '../../deploy/hub/settings.ts';
import { readSites } from '../../deploy/hub/setup/sites.ts';

/** One password for all who log in here. */
export const password = 'una montagna di neve';

/** The town with a week of faults behind it, and its page; every value to be changed while somebody looks. */
export interface SimulatedTown extends AsyncDisposable {
  settings: Settings;
  clock: Clock;
  page: HubPage;
  sights: NodeSight[];
  alerts: Alarms;
  register: Register;
  cases: Awaited<ReturnType<HubSource['cases']['all']>>;
  broker: boolean;
  /** Enters a request for a camera's hour of yesterday; its number. */
  ask(node: string, camera: string): string;
  /** A case of the request, on its way from the node; its id. */
  grant(request: string): string;
  /** The same time is kept beyond the seven days. */
  keep(request: string): void;
  stop(): Promise<void>;
}

type Nodes = Settings['nodes'];

/** The places and cameras of the annexes, as hub.yaml has them. */
export function townNodes(): Pick<Settings, 'nodes' | 'place'> {
  const { hub, nodes } = readSites();
  return {
    place: { id: hub.id, name: hub.name, lat: hub.lat as number, lon: hub.lon as number },
    nodes: nodes.map(({ id, role, name, lat, lon, uplink, cameras }) => ({
      id,
      role,
      name,
      ...(lat === undefined ? {} : { lat }),
      ...(lon === undefined ? {} : { lon }),
      ...(uplink === undefined ? {} : { uplink: uplink.to }),
      cameras: cameras.map((camera) => ({ id: camera.id, name: camera.name })),
    })),
  };
}

export function sightOf(node: Nodes[number], weeks: readonly CameraWeek[], nowUtc: number): NodeSight {
  const health: Health = {
    at: nowUtc - 20_000,
    seq: 7,
    host: { uptimeSeconds: 500_000, load1: 0.3, memoryFreeBytes: 3e9, memoryTotalBytes: 8e9 },
    clock: { state: 'synced' },
    store: { freeBytes: 4e11, totalBytes: 9.6e11, segments: 10_080, oldest: nowUtc - 7 * 86_400_000 },
    ...(node.cameras.length === 0
      ? {}
      : {
          cameras: node.cameras.map(({ id }) => {
            const silent = weeks.find((week) => week.node === node.id && week.camera === id)?.silent;
            return {
              id,
              state: silent ? ('failed' as const) : ('recording' as const),
              ...(silent ? { reason: silent } : {}),
              newestSegment: silent ? nowUtc - 18 * 3_600_000 : nowUtc - 40_000,
              bitrate: silent ? 0 : 3_900_000,
              fps: silent ? 0 : 25,
            };
          }),
        }),
    links: node.uplink
      ? [{ id: 'uplink', to: node.uplink, state: 'up', lossPercent: 0.2, delayMs: 8, capacityMbit: 120 }]
      : [],
    mqtt: { connected: true, protocol: '5', reconnects: 0 },
  };
  return { id: node.id, state: 'online', since: nowUtc - 86_400_000, version: '0.1.0', health };
}

export async function simulatedTown(
  folder: string,
  options: {
    logins?: readonly LoginRole[];
    web?: Partial<NonNullable<Settings['web']>>;
    nodes?: Nodes;
    clock?: Clock;
  } = {},
): Promise<SimulatedTown> {
  const clock = options.clock ?? systemClock;
  const nowUtc = clock.utc();
  const town = townNodes();
  const nodes = options.nodes ?? town.nodes;
  const settings: Settings = {
    dir: folder,
    lang: 'it',
    zone: 'Europe/Rome',
    mqtt: { url: 'mqtt://127.0.0.1:1' },
    alarms: {},
    upload: { listen: '127.0.0.1:0' },
    web: { listen: '127.0.0.1:0', origins: [], ...options.web },
    ...town,
    nodes,
  };
  const logs = join(folder, 'data', 'logs');
  mkdirSync(logs, { recursive: true });
  const weeks = weekOfFaults(nodes, nowUtc);
  for (const { id } of nodes) {
    const mine = weeks.filter(({ node }) => node === id);
    if (mine.length > 0) writeFileSync(join(logs, `${id}.jsonl`), `${weekLog(mine, nowUtc).join('\n')}\n`);
  }
  if (options.logins !== undefined) copyFileSync(await loginsOf(options.logins), loginsPath(folder));
  const utc = (): number => clock.utc();
  const sights = nodes.map((node) => sightOf(node, weeks, nowUtc));
  const ids = nodes.map(({ id }) => id);
  const alerts = openAlarms({
    path: join(folder, 'data', 'alarms.sqlite'),
    clock,
    knowledge: {
      topology: () => topologyOf(ids, nodes),
      linkOf: (node, link) =>
        sights.find(({ id }) => id === node)?.health?.links.find(({ id }) => id === link),
      heardAt: (node) =>
        sights.some(({ id, state }) => id === node && state === 'online') ? clock.monotonic() : undefined,
    },
    broken: (error) => {
      throw error;
    },
  });
  for (const { node, camera, silent } of weeks)
    if (silent)
      await alerts.raise({
        node,
        key: `camera-down.${camera}`,
        severity: 'critical',
        since: nowUtc - 18 * 3_600_000,
        detail: 'la telecamera non risponde: controllare alimentazione e cavo di rete',
        from: 'node',
      });
  const simulated = {
    settings,
    clock,
    alerts,
    sights,
    register: openRegister(join(folder, 'data', 'register.sqlite'), utc),
    cases: [] as SimulatedTown['cases'],
    broker: true,
  };
  const source: HubSource = {
    settings,
    fleet: { nodes: () => simulated.sights },
    alerts,
    register: simulated.register,
    cases: { all: () => simulated.cases },
    inbox: { delivery: async () => ({ files: 6, filesHere: 2, bytes: 6e6, bytesHere: 2e6, gaps: 0 }) },
    coverage: openCoverage(systemFiles, logs),
    brokerConnected: () => simulated.broker,
    utc,
  };
  const page = await openHubPage({
    settings,
    source,
    alerts,
    enter: async (by, asked) => enterRequest(simulated.register, asked, 'c0ffee', by, utc()),
    files: systemFiles,
    clock,
    log: openLog('silent'),
  });
  if (page === undefined) throw new Error('no page');
  let stopping: Promise<void> | undefined;
  const stop = (): Promise<void> => {
    stopping ??= page.close().then(() => {
      alerts.close();
      simulated.register.close();
    });
    return stopping;
  };
  const ask = (node: string, camera: string): string => {
    const [from, to] = [instantText(nowUtc - 26 * hour), instantText(nowUtc - 25 * hour)];
    const windows = [{ node, camera, from, to }];
    return enterRequest(simulated.register, { ...record, windows }, 'c0ffee', 'anna', utc());
  };
  const grant = (request: string): string => {
    const found = findRequest(simulated.register.lines(), request);
    const wanted = found?.record.windows[0];
    if (found === undefined || wanted === undefined) throw new Error(`no request ${request}`);
    const id = randomUUIDv7();
    const command: ExtractCommand = {
      id,
      type: 'extract',
      node: wanted.node,
      camera: wanted.camera,
      from: Date.parse(wanted.from),
      to: Date.parse(wanted.to),
      issuedAt: utc(),
      expiresAt: utc() + 72 * hour,
      policyVersion: 1,
      operator: 'ab'.repeat(32),
      officer: 'cd'.repeat(32),
      purpose: record.purpose,
      request: { protocol: record.protocol, date: record.date, recordHash: found.recordHash },
    };
    simulated.cases.push({
      id,
      request,
      state: 'authorised',
      createdAt: utc(),
      command,
      envelope: '{}',
      revision: 1,
      status: { id, version: 1, state: 'running', progress: 0.3, auditSeq: 9 },
    });
    return id;
  };
  const keep = (request: string): void => {
    const id = grant(request);
    const one = simulated.cases.find((known) => known.id === id);
    if (one?.command.type !== 'extract') throw new Error('no extraction to be like');
    const command = { ...one.command, type: 'hold' as const, until: utc() + 30 * 24 * hour };
    simulated.cases[simulated.cases.indexOf(one)] = { ...one, command, state: 'executed', executedAt: utc() };
  };
  return Object.assign(simulated, { page, ask, grant, keep, stop, [Symbol.asyncDispose]: stop });
}

const hour = 3_600_000;

/** What is asked for besides the cameras; every word of it is for those alone who may know of requests. */
export const record: Omit<RequestRecord, 'windows'> = {
  protocol: '4711/2026',
  date: '2026-11-20',
  authority: 'Procura della Repubblica di Trento',
  persons: [{ name: 'Mario Rossi', qualification: 'maresciallo' }],
  purpose: 'judicial-police',
  reason: 'Danneggiamento di un veicolo',
};

const madeLogins = new Map<string, Promise<string>>();

/** The file with these logins, their hashes cheaper than real ones and made once for all towns of a test. */
function loginsOf(roles: readonly LoginRole[]): Promise<string> {
  const made = madeLogins.get(roles.join());
  if (made) return made;
  const making = (async () => {
    const path = join(mkdtempSync(join(tmpdir(), 'peio-logins-')), 'logins.json');
    const logins = openLogins(systemFiles, path, { N: 2 ** 12, r: 8, p: 1 });
    for (const role of roles) await logins.put({ name: role, role }, password);
    // The file alone is wanted, for as long as this process runs.
    process.once('exit', () => rmSync(dirname(path), { recursive: true }));
    return path;
  })();
  madeLogins.set(roles.join(), making);
  return making;
}

/** A relay breaks: it, and whoever is behind it, is not heard any more since 12 minutes; who is behind it. */
export async function cutOff(town: SimulatedTown, relay: string): Promise<string[]> {
  const { nodes } = town.settings;
  const behind = nodes.filter(({ uplink }) => uplink === relay).map(({ id }) => id);
  for (const sight of town.sights)
    if (sight.id === relay || behind.includes(sight.id)) {
      sight.state = 'offline';
      await town.alerts.raise({
        node: sight.id,
        key: 'node-down',
        severity: 'critical',
        since: town.clock.utc() - 12 * 60_000,
        detail: 'il nodo non risponde: controllare alimentazione e ponte radio',
        from: 'hub',
      });
    }
  return behind;
}
