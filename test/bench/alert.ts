import { startSimulator } from '../simulator/simulator.ts';
import { type AgentChild, startAgent, startHub } from '../support/agent-child.ts';
import { type FaultRow, watchAlarms } from '../support/alarm-watch.ts';
import { embeddedBroker, mosquittoBroker, mosquittoProgram } from '../support/brokers.ts';
import { cutLink } from '../support/cut-link.ts';
import { eventually } from '../support/eventually.ts';
import { makeNodes } from '../support/nodes-town.ts';
import { tapWire } from '../support/wire-tap.ts';
import { median, table } from './table.ts';

/** Camera pulled → alarm at the hub; node or link dead → alarm at the hub. */
const cameraBarSeconds = 15;
const nodeBarSeconds = 75;

export interface AlertResult {
  broker: string;
  rounds: number;
  kinds: { cause: string; seconds: number[]; cleared: number[]; barSeconds: number }[];
  bars: Record<string, { bar: string; found: number; met: boolean }>;
}

/** Times from a fault to what the hub says of it, with real agents, broker and hub, and simulated cameras. */
export async function benchAlert(options: {
  folder: string;
  rounds: number;
  say(text: string): void;
}): Promise<AlertResult> {
  await using opened = new AsyncDisposableStack();
  const broker = mosquittoProgram ? await mosquittoBroker(options.folder) : await embeddedBroker();
  opened.defer(() => broker.close());
  const ids = ['pulled', 'mute', 'good'];
  const simulator = opened.use(
    await startSimulator({ cameras: ids.map((id) => ({ path: `/${id}`, ownPort: true })) }),
  );
  const link = await cutLink();
  opened.defer(() => link.close());
  const town = await makeNodes(options.folder, {
    mqtt: broker.url,
    nodes: [
      { id: 'relay-c', role: 'relay', name: 'San Rocco' },
      { id: 'site-02', role: 'site', name: 'Peio Fonti CRM', uplink: 'relay-c' },
      {
        id: 'site-04',
        role: 'site',
        name: 'Park-funivia',
        cameras: ids.map((id) => ({ id, rtsp: simulator.url(`/${id}`) })),
        agent: {
          links: [{ id: 'uplink', to: 'municipio', probe: 'stamp', target: `127.0.0.1:${link.port}` }],
        },
      },
    ],
  });
  opened.use(await startHub({ ...town.box('site-04'), hub: town.hub, box: '' }));
  const tap = opened.use(await tapWire(broker.url));
  const watch = watchAlarms(tap);
  const agents = new Map<string, AgentChild>();
  const start = async (...nodes: string[]): Promise<void> => {
    for (const id of nodes) agents.set(id, opened.use(startAgent(town.box(id))));
    for (const id of nodes)
      await eventually(
        `${id} to be connected`,
        async () => (await agents.get(id)?.status())?.health.mqtt.connected,
        60_000,
      );
  };
  const kill = async (...nodes: string[]): Promise<void> => {
    for (const id of nodes) agents.get(id)?.signal('SIGKILL');
    for (const id of nodes) await agents.get(id)?.exit;
  };
  await start('relay-c', 'site-02', 'site-04');
  await agents.get('site-04')?.recording(ids, 60_000);
  const camera = (id: string) => simulator.camera(`/${id}`);
  for (let round = 0; round < options.rounds; round++) {
    options.say(`round ${round + 1} of ${options.rounds}\n`);
    await Promise.all([
      watch.fault({
        cause: 'camera pulled',
        alarm: 'site-04.camera-down.pulled',
        inject: () => camera('pulled').unplug(),
        limitMs: 60_000,
        mend: () => camera('pulled').plug(),
      }),
      watch.fault({
        cause: 'camera sends nothing',
        alarm: 'site-04.camera-down.mute',
        inject: () => camera('mute').stopSending(),
        limitMs: 60_000,
        mend: () => camera('mute').resumeSending(),
      }),
      watch.fault({
        cause: 'link dead',
        alarm: 'site-04.link-down.uplink',
        inject: () => link.drop(true),
        limitMs: 120_000,
        mend: () => link.drop(false),
        clearLimitMs: 120_000,
      }),
      watch.fault({
        cause: 'relay dead, with the site behind it',
        alarm: 'relay-c.node-down',
        inject: () => kill('site-02', 'relay-c'),
        limitMs: 120_000,
        mend: () => start('relay-c', 'site-02'),
        clearLimitMs: 120_000,
      }),
    ]);
  }
  const others = watch.others();
  if (others.length > 0) throw new Error(`alarms that nobody asked for: ${others.join('; ')}`);
  const causes = [...new Set(watch.rows.map(({ cause }) => cause))];
  const kinds = causes.map((cause) => {
    const rows = watch.rows.filter((row: FaultRow) => row.cause === cause);
    return {
      cause,
      seconds: rows.map(({ raisedSeconds }) => raisedSeconds),
      cleared: rows.map(({ clearedSeconds }) => clearedSeconds ?? Number.NaN),
      barSeconds: cause.startsWith('camera') ? cameraBarSeconds : nodeBarSeconds,
    };
  });
  return {
    broker: mosquittoProgram ? 'mosquitto' : 'embedded (MQTT 3.1.1, no will delay)',
    rounds: options.rounds,
    kinds,
    bars: Object.fromEntries(
      kinds.map(({ cause, seconds, barSeconds }) => {
        const found = median(seconds);
        return [cause, { bar: `≤ ${barSeconds} s`, found, met: found <= barSeconds }];
      }),
    ),
  };
}

export function alertTable({ broker, rounds, kinds, bars }: AlertResult): string {
  const seconds = (values: readonly number[]): string => `${median(values).toFixed(1)} s`;
  const rows = [
    ['fault', 'told after', 'worst', 'bar', 'over after'],
    ...kinds.map((kind) => [
      kind.cause,
      seconds(kind.seconds),
      `${Math.max(...kind.seconds).toFixed(1)} s`,
      `≤ ${kind.barSeconds} s`,
      seconds(kind.cleared),
    ]),
  ];
  const lines = Object.entries(bars).map(
    ([cause, { bar, found, met }]) => `${met ? '•' : '✘'} ${cause} ${bar}: ${found.toFixed(1)} s\n`,
  );
  return `medians of ${rounds}, at the hub; broker: ${broker}\n${table(rows)}\n${lines.join('')}`;
}
