import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Words } from '#agent/alert/condition.ts';
import { conditions } from '#agent/alert/conditions.ts';
import { fill, type Values } from '#agent/alert/words.ts';
import { systemFiles } from '#agent/platform/files.ts';
import type { AlertPayload } from '#protocol/messages.ts';
import { instantText } from '#protocol/time.ts';
import { startSimulator } from '../../test/simulator/simulator.ts';
import { loginRoles, openLogins } from '../hub/page/logins.ts';
import { loginsPath } from '../hub/page/open-page.ts';
import { initHub } from '../hub/setup/init.ts';
import { readSites, type Sites } from '../hub/setup/sites.ts';
import { startBroker } from './broker.ts';
import { fillStore } from './fill.ts';
import { edit, prepareFolder } from './folder.ts';
import { freePort } from './free-port.ts';
import { type Running, start, type } from './programs.ts';
import { type SimulatedNode, simulateNodes } from './simulated-nodes.ts';
import { socketPath } from './site.ts';
import { waitFor } from './wait.ts';
import { weekLog, weekOfFaults } from './week.ts';

/** The town after a week, and what of it can be looked at. */
export interface Week {
  hub: string;
  site: string;
  relay: string;
  socket: string;
  pages: { hub: string; site: string };
  logins: readonly string[];
  password: string;
  /** What the town hall's page says first, to whoever logs in as maintainer. */
  firstLineOfHub(): Promise<string>;
  /** Cuts off a node and what is behind it, or puts them back; what happened, in one line. Undefined for no such node. */
  toggle(id: string): Promise<string | undefined>;
  /** Throws when a program ended that should run. */
  requireAlive(): void;
  close(): Promise<void>;
}

/** One of its two cameras has not answered for 18 hours. */
const site = 'site-02';
const relay = 'relay-c';
/** For everybody, and printed: there is nothing to protect here. */
const password = 'una montagna di neve';

export async function openWeek(dir: string): Promise<Week> {
  prepareFolder(dir, true);
  await using opened = new AsyncDisposableStack();
  const broker = await startBroker();
  opened.defer(() => broker.close());
  const [listen, hubPort, sitePort] = [await freePort(), await freePort(), await freePort()];
  const sites = { ...readSites() };
  const mqtt = `mqtt://127.0.0.1:${broker.port}`;
  const upload = `http://127.0.0.1:${listen}/upload`;
  sites.hub = { ...sites.hub, mqtt, upload, listen: `127.0.0.1:${listen}` };
  const hub = join(dir, 'hub');
  const nowUtc = Date.now();
  const names = { root: 'Rita Radice', operator: 'Anna Incaricata', officer: 'Bruno Responsabile' };
  await initHub({ dir: hub, sites, names, lang: 'it', passphrases: 'insecure-demo', utcMs: nowUtc });
  edit(join(hub, 'hub.yaml'), [[['web'], { listen: `127.0.0.1:${hubPort}` }]]);
  const logins = openLogins(systemFiles, loginsPath(hub));
  for (const role of loginRoles) await logins.put({ name: role, role }, password);

  const nodes = nodesOf(sites, nowUtc);
  const simulated = nodes.filter(({ id }) => id !== site);
  const logs = join(hub, 'data', 'logs');
  mkdirSync(logs, { recursive: true });
  for (const { id, log } of simulated) writeFileSync(join(logs, `${id}.jsonl`), `${log.join('\n')}\n`);

  const cameras = await startSimulator({ cameras: [{ path: '/cam-1', ownPort: true }] });
  opened.defer(() => cameras.close());
  const own = nodes.find(({ id }) => id === site) as SimulatedNode;
  const store = join(dir, 'store');
  const socket = socketPath(dir);
  const box = join(hub, 'nodes', site);
  // Nobody listens at a port that was free a moment ago.
  const dead = `rtsp://127.0.0.1:${await freePort()}/cam-2`;
  edit(join(box, 'agent.yaml'), [
    [['store'], { path: store, segment: '60s' }],
    [['socket'], socket],
    [['health'], { interval: '15s' }],
    [['web'], { listen: `127.0.0.1:${sitePort}` }],
    [['links'], []],
    [
      ['cameras'],
      (sites.nodes.find(({ id }) => id === site)?.cameras ?? []).map(({ id, name }) => ({
        id,
        name,
        rtsp: id === 'cam-1' ? cameras.camera('/cam-1').url : dead,
      })),
    ],
  ]);
  fillStore(store, own.weeks, own.log, nowUtc);

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
  run('agent', ['run', '--config', join(box, 'agent.yaml')]);
  const pages = { hub: `http://127.0.0.1:${hubPort}/`, site: `http://127.0.0.1:${sitePort}/` };
  const answers = (address: string) => async (): Promise<boolean> => {
    requireAlive();
    return await fetch(`${address}healthz`).then(
      ({ ok }) => ok,
      () => false,
    );
  };
  await waitFor('the page of the town hall', 30_000, answers(pages.hub));
  const said = await simulateNodes(hub, mqtt, simulated);
  opened.defer(() => said.close());
  await waitFor('the page of the site', 30_000, answers(pages.site));
  await enterRequests(hub, said, nowUtc);

  const cut = new Set<string>();
  const all = opened.move();
  return {
    hub,
    site,
    relay,
    socket,
    pages,
    logins: loginRoles,
    password,
    firstLineOfHub: () => firstLineOfHub(pages.hub),
    async toggle(id) {
      const known = simulated.find((node) => node.id === id);
      if (known === undefined) return undefined;
      // The cause first: these say at once what a broker says half a minute after the last word.
      const behind = [known, ...simulated.filter((node) => isBehind(node, id, simulated))].map(
        (node) => node.id,
      );
      const away = !cut.delete(id);
      if (away) cut.add(id);
      await said.cut(behind, away);
      return away ? `${behind.join(', ')}: cut off` : `${behind.join(', ')}: back again`;
    },
    requireAlive,
    async close() {
      await all.disposeAsync();
      if (existsSync(socket)) rmSync(socket);
    },
  };
}

function isBehind({ uplink }: SimulatedNode, id: string, nodes: readonly SimulatedNode[]): boolean {
  const passed = new Set<string>();
  for (
    let at = uplink;
    at !== undefined && !passed.has(at);
    at = nodes.find((one) => one.id === at)?.uplink
  ) {
    if (at === id) return true;
    passed.add(at);
  }
  return false;
}

function nodesOf(sites: Sites, nowUtc: number): SimulatedNode[] {
  const weeks = weekOfFaults(sites.nodes, nowUtc);
  return sites.nodes.map(({ id, uplink }) => {
    const mine = weeks.filter(({ node }) => node === id);
    const said = standing[id];
    const since = instantText(nowUtc - (said?.hours ?? 0) * 3_600_000);
    return {
      id,
      uplink: uplink?.to,
      weeks: mine,
      // The agent that takes over finds what its predecessor wrote down when it stopped: also the gap that goes on.
      log: weekLog(mine, id === site ? nowUtc + 1 : nowUtc),
      lossPercent: said?.key === 'link-lossy.uplink' ? 6.2 : 0.2,
      alerts:
        said === undefined
          ? []
          : [
              {
                key: said.key,
                state: 'raised',
                severity: 'warning',
                since,
                detail: fill(said.words, 'it', { to: uplink?.to ?? '', ...said.values }),
              },
            ],
    };
  });
}

/** What is wrong now at nodes that are simulated, besides their week. */
const standing: Readonly<
  Record<string, { hours: number; words: Words; values: Values } & Pick<AlertPayload, 'key'>>
> = {
  'site-01': {
    key: 'short-retention.store',
    hours: 24,
    words: conditions['short-retention'].reasons.forecast,
    values: { hours: 160, wanted: 168 },
  },
  'site-13': {
    key: 'link-lossy.uplink',
    hours: 3,
    words: conditions['link-lossy'].reasons.loss,
    values: { percent: 6.2 },
  },
};

/** One request that was rejected, one that nobody has looked at yet, and one whose footage is on its way. */
async function enterRequests(
  hub: string,
  nodes: Awaited<ReturnType<typeof simulateNodes>>,
  nowUtc: number,
): Promise<void> {
  const at = (hours: number): string => instantText(nowUtc - hours * 3_600_000);
  const hubDo = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await type('hub', [...args, '--hub', hub]);
    if (code !== 0) throw new Error(`hub ${args[0]}: ${stderr}`);
    return stdout.trim();
  };
  const ask = (
    protocol: string,
    authority: string,
    person: string,
    purpose: string,
    camera: string,
    from: number,
  ) =>
    hubDo(
      ...['request', '--protocol', protocol, '--date', at(2).slice(0, 10), '--authority', authority],
      ...['--person', person, '--purpose', purpose, '--reason', 'Danneggiamento di un veicolo in sosta'],
      ...['--node', 'site-09', '--camera', camera, '--from', at(from), '--to', at(from - 1)],
    );
  const granted = await ask(
    '4711/2026',
    'Procura della Repubblica di Trento',
    'Mario Rossi, maresciallo',
    'judicial-police',
    'cam-2',
    30,
  );
  const refused = await ask(
    '4698/2026',
    'Assicurazioni Val di Sole',
    'Carla Bianchi, perita',
    'defence',
    'cam-3',
    50,
  );
  await ask('4723/2026', 'Avv. Luca Verdi', 'Luca Verdi, difensore', 'defence', 'cam-1', 72);
  await hubDo('reject', refused, '--reason', 'Non si vede quale procedimento riguardi');
  const { id } = JSON.parse(await hubDo('extract', '--request', granted)) as { id: string };
  await hubDo('authorise', id, '--yes');
  await nodes.answer('site-09', {
    id,
    version: 1,
    state: 'running',
    progress: 0.4,
    segments: 14,
    bytes: 420_000_000,
    auditSeq: 12,
  });
}

async function firstLineOfHub(address: string): Promise<string> {
  const form = new URLSearchParams({ name: 'maintainer', password });
  const headers = { 'sec-fetch-site': 'same-origin' };
  const { headers: sent } = await fetch(`${address}login`, {
    method: 'POST',
    body: form,
    headers,
    redirect: 'manual',
  });
  const cookie = sent.get('set-cookie')?.split(';')[0] ?? '';
  const look = async (): Promise<string | undefined> => {
    const text = await (await fetch(address, { headers: { cookie } })).text();
    return /<h1[^>]*>([^<]*)<\/h1>/.exec(text)?.[1];
  };
  // The agent has fifteen seconds to find out that a camera does not answer.
  return await waitFor('the alert of the camera', 40_000, async () => {
    const line = await look();
    return line?.includes('cam-2') ? line : undefined;
  });
}
