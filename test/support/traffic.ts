import * as assert from 'uvu/assert';
import { planLinks, probeCosts, snmpCost } from '#agent/link/plan.ts';
import { objectsOf } from '#agent/link/radio-models.ts';
import { fillStore } from '../bench/filled-store.ts';
import { startSimulator } from '../simulator/simulator.ts';
import { startAgent, startHub } from './agent-child.ts';
import { embeddedBroker, mosquittoBroker, mosquittoProgram } from './brokers.ts';
import { eventually } from './eventually.ts';
import { temporaryFolder } from './temporary-folder.ts';
import { makeTown } from './town.ts';
import { openMeter } from './wire-meter.ts';
import { tapWire } from './wire-tap.ts';

/** IPv4 and TCP with timestamps, for each packet of data and for what acknowledges it. */
const packetBytes = 52;
const mss = 1448;
const wireBytes = (payload: number): number => payload + 2 * packetBytes * Math.ceil(payload / mss);

/** Bit/s on the link of a node, both directions, all headers. */
export interface Traffic {
  health: number;
  heads: number;
  pings: number;
  /** An uplink by STAMP and its radio by SNMP, as planned: `agent/link/plan.ts`. */
  links: number;
  /** All of these. */
  idle: number;
  /** Beyond watching: the log's lines of a week that is full, one a camera and minute. */
  sweeps: number;
  healthBytes: number;
  headBytes: number;
  sweepBytes: number;
}

/** Measures what a real agent with so many cameras says at rest, over a real broker; takes a minute. */
export async function measureTraffic(count: number): Promise<Traffic> {
  const cameras = Array.from({ length: count }, (_, index) => `cam-${index + 1}`);
  using folder = temporaryFolder();
  await using opened = new AsyncDisposableStack();
  const broker = mosquittoProgram ? await mosquittoBroker(folder.path) : await embeddedBroker();
  opened.defer(() => broker.close());
  await using meter = await openMeter(broker.port);
  await using simulator = await startSimulator({ cameras: cameras.map((id) => ({ path: `/${id}` })) });
  const intervalMs = 5000;
  const town = await makeTown(folder.path, {
    // The hub on the broker, the node by way of the meter.
    mqtt: broker.url,
    node: 'site-01',
    segment: '60s',
    cameras: cameras.map((id) => ({ id, rtsp: simulator.url(`/${id}`) })),
    agent: {
      mqtt: { url: `mqtt://127.0.0.1:${meter.port}` },
      health: { interval: `${intervalMs}ms` },
    },
  });
  // A week is full: a minute of each camera goes with every sweep.
  const weekMs = 168 * 3_600_000;
  // The first has been expired for a minute: the sweep at the start takes it.
  fillStore(town.store, cameras, cameras.length, Date.now() - weekMs - 61_000);
  await using _hub = await startHub(town);
  await using tap = await tapWire(broker.url);
  await using agent = startAgent(town);
  await agent.recording(cameras, 30_000);
  const topic = (rest: string): string => `peio/v1/${town.node}/${rest}`;
  const messages = (rest: string) => tap.heard.filter((heard) => heard.topic === topic(rest));
  await eventually('a head with everything so far to be cosigned', () => messages('cosignature').length > 0);
  await eventually(
    'the sweep to be told',
    () => tap.events(town.node).filter(({ kind }) => kind === 'sweep').length === count,
    // At the start.
    90_000,
  );
  // Every camera has a bitrate and nothing changes any more.
  await eventually(
    'every camera to be at its rate',
    async () => (await agent.status())?.health.cameras?.every(({ bitrate }) => bitrate > 300_000),
    90_000,
  );
  const heard = messages('health').length;
  await eventually('a health message', () => messages('health').length > heard);
  const before = meter.reading();
  const first = messages('health').length;
  const heads = messages('checkpoint').length;
  await eventually('six health messages', () => messages('health').length >= first + 6, 90_000);
  const after = meter.reading();
  assert.is(messages('checkpoint').length, heads, 'nothing but health in between');

  const healthBytes = (after.upBytes - before.upBytes + after.downBytes - before.downBytes) / 6;
  const said = (rest: string): number => {
    const [newest] = messages(rest).slice(-1);
    return (newest?.payload.length ?? 0) + topic(rest).length + 8;
  };
  const ack = 4;
  const headBytes = wireBytes(said('checkpoint')) + wireBytes(said('cosignature')) + 2 * wireBytes(ack);
  const sweepLines = messages('event').filter(({ payload }) => payload.includes('"kind":"sweep"'));
  const sweepBytes = sweepLines.reduce(
    (sum, { payload }) => sum + payload.length + topic('event').length + 8 + ack,
    0,
  );
  const bitsPerSecond = (bytesAnHour: number): number => Math.round((bytesAnHour * 8) / 3600);
  const health = bitsPerSecond(60 * (wireBytes(healthBytes) + wireBytes(ack)));
  const head = bitsPerSecond(12 * headBytes);
  const ping = bitsPerSecond((3600 / 20) * 2 * wireBytes(2));
  // Twenty lines are under way together: their packets are full.
  const sweep = bitsPerSecond(60 * wireBytes(sweepBytes));
  const links = Math.round(
    planLinks([probeCosts.stamp, snmpCost(objectsOf('ubiquiti-airmax', {}).length, '2c')]).bitsPerSecond,
  );
  assert.equal(await agent.stop(), { code: 0, signal: null });
  return {
    health,
    heads: head,
    pings: ping,
    links,
    idle: health + head + ping + links,
    sweeps: sweep,
    healthBytes: Math.round(healthBytes),
    headBytes,
    sweepBytes,
  };
}
