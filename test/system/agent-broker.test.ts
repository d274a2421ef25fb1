import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { startSimulator } from '../simulator/simulator.ts';
import { ledgerOf, startAgent, startHub, verifyTown } from '../support/agent-child.ts';
import { embeddedBroker, mosquittoBroker, mosquittoProgram, type TestBroker } from '../support/brokers.ts';
import { eventually } from '../support/eventually.ts';
import { suite } from '../support/suite.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { makeTown, type Town } from '../support/town.ts';
import { tapWire } from '../support/wire-tap.ts';

const test = suite('agent, while its broker is gone', { timeoutMs: 240_000 });
/** A minute in the field; the waits of the reconnection are what matters, and they are past their first by then. */
const outageMs = 10_000;

function auditLines(town: Town): string[] {
  const folder = join(town.store, 'audit');
  return readdirSync(folder)
    .filter((name) => /^\d{4}-\d\d\.jsonl$/.test(name))
    .sort()
    .flatMap((name) => readFileSync(join(folder, name), 'utf8').trimEnd().split('\n'));
}

function mirroredLines(town: Town): string[] {
  return readFileSync(join(town.hub, 'data', 'logs', `${town.node}.jsonl`), 'utf8')
    .trimEnd()
    .split('\n');
}

async function outage(open: (folder: string) => Promise<TestBroker>, protocol: string): Promise<void> {
  using folder = temporaryFolder();
  await using opened = new AsyncDisposableStack();
  const broker = await open(folder.path);
  opened.defer(() => broker.close());
  await using simulator = await startSimulator({
    cameras: ['cam-1', 'cam-2', 'cam-3'].map((id) => ({ path: `/${id}`, frameRate: 40, ownPort: true })),
  });
  const camera = (id: string) => simulator.camera(`/${id}`);
  const town = await makeTown(folder.path, {
    mqtt: broker.url,
    cameras: ['cam-1', 'cam-2', 'cam-3'].map((id) => ({ id, rtsp: camera(id).url })),
  });
  const topic = (rest: string): string => `peio/v1/${town.node}/${rest}`;
  const alertOf = (id: string): string => topic(`alert/camera-down.${id}`);
  await using hub = await startHub(town);
  await using agent = startAgent(town);
  const before = await tapWire(broker.url, 'tap-before');
  await agent.recording();
  const { bootId, sessionId } = before.newest(topic('state')) ?? {};
  await camera('cam-3').unplug();
  await before.wait(
    'cam-3 to be missed',
    (heard) => heard.topic === alertOf('cam-3') && heard.payload.includes('"raised"'),
  );
  await before.close();

  await broker.kill();
  await eventually(
    'the agent to notice',
    async () => (await agent.status())?.health.mqtt.connected === false,
  );
  const linesAtKill = auditLines(town).length;
  await camera('cam-2').unplug();
  await camera('cam-3').plug();
  await new Promise((resolve) => setTimeout(resolve, outageMs));
  await eventually('the log to have grown', () => auditLines(town).length > linesAtKill);
  await eventually('cam-2 to be missed, cam-3 to be back', async () => {
    const keys = (await agent.status())?.alerts.map(({ key }) => key);
    return keys?.length === 1 && keys[0] === 'camera-down.cam-2';
  });

  await broker.start();
  await using after = await tapWire(broker.url, 'tap-after');
  await after.wait('the agent', ({ topic: at }) => at === topic('state'), 0, 40_000);
  await eventually('alerts as they are', () => after.newest(alertOf('cam-2'))?.['state'] === 'raised');
  await eventually('no alert of what is over', () => after.newest(alertOf('cam-3'))?.['state'] !== 'raised');
  const state = after.newest(topic('state'));
  assert.equal([state?.['state'], state?.['bootId'], state?.['sessionId']], ['online', bootId, sessionId]);
  await after.wait('health', ({ topic: at }) => at === topic('health'));
  await eventually(
    'the copy at the town hall to be whole',
    () => {
      const kept = auditLines(town);
      const mirrored = mirroredLines(town);
      return mirrored.length === kept.length && mirrored.every((line, index) => line === kept[index]);
      // A line that the broker lost is sent again once a head has gone unanswered for 15 s, twice at worst.
    },
    45_000,
  );
  // Whoever listened to the broker alone has every line of the outage too, in order.
  const seqs = after.events(town.node).map(({ seq }) => seq);
  assert.ok((seqs[0] as number) <= linesAtKill + 1, `${seqs}, ${linesAtKill} before`);
  assert.equal(
    seqs,
    seqs.map((_, index) => (seqs[0] as number) + index),
  );
  const told = after.events(town.node).filter(({ kind }) => kind === 'alert');
  assert.ok(told.some(({ key, state: now }) => key === 'camera-down.cam-2' && now === 'raised'));
  assert.ok(told.some(({ key, state: now }) => key === 'camera-down.cam-3' && now === 'cleared'));
  const { health } = (await agent.status()) ?? {};
  assert.equal(health?.mqtt, { connected: true, protocol, reconnects: 1 });

  assert.equal(await agent.stop(), { code: 0, signal: null });
  assert.is(hub.ended(), undefined);
  const lines = ledgerOf(town, 'cam-1');
  // The first line may be the wait for the camera.
  assert.equal(
    lines.slice(1).filter(({ kind }) => kind === 'gap'),
    [],
  );
  for (const [index, line] of lines.slice(1).entries()) assert.is(line.start, lines[index]?.end);
  assert.ok((lines.at(-1)?.end ?? 0) - (lines[0]?.start ?? 0) > outageMs);
  const verified = await verifyTown(town);
  assert.equal([verified.code, verified.findings], [0, []]);
  assert.equal(await hub.stop(), { code: 0, signal: null });
}

test('embedded broker, MQTT 3.1.1, which forgets everything', () => outage(() => embeddedBroker(), '3.1.1'));

if (mosquittoProgram === undefined) test.skip('mosquitto, MQTT 5', 'mosquitto is not installed');
else
  test('mosquitto, MQTT 5, killed with what it wrote down', () =>
    outage((folder) => mosquittoBroker(folder, 'autosave_on_changes true\nautosave_interval 1\n'), '5'));
