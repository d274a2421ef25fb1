import { existsSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { parse, stringify } from 'yaml';
import { startSimulator } from '../simulator/simulator.ts';
import { ledgerOf, startAgent, startHub, verifyTown } from '../support/agent-child.ts';
import { embeddedBroker } from '../support/brokers.ts';
import { runProgram, startProgram } from '../support/child-program.ts';
import { eventually } from '../support/eventually.ts';
import { openLink } from '../support/link.ts';
import { suite } from '../support/suite.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { makeTown } from '../support/town.ts';
import { tapWire } from '../support/wire-tap.ts';

const test = suite('agent, how it ends', { timeoutMs: 180_000 });
const agent = (...args: string[]) => runProgram('agent/main.ts', args);

test('a second agent on the same store gives way with 69, the first goes on', async () => {
  using folder = temporaryFolder();
  await using simulator = await startSimulator({ cameras: [{ path: '/cam-1', frameRate: 40 }] });
  const camera = { id: 'cam-1', rtsp: simulator.url('/cam-1') };
  const town = await makeTown(folder.path, { cameras: [camera], segment: '1s' });
  await using first = startAgent(town);
  await first.recording();
  const before = ledgerOf(town, 'cam-1').length;
  const second = await agent('run', '--config', town.config);
  assert.is(second.code, 69, second.err);
  assert.match(second.err, town.store);
  // Another socket helps nobody: the store is what there is one of.
  const config = parse(readFileSync(town.config, 'utf8'));
  writeFileSync(
    join(town.box, 'other.yaml'),
    stringify({ ...config, socket: join(folder.path, 'other.sock') }),
  );
  assert.is((await agent('run', '--config', join(town.box, 'other.yaml'))).code, 69);
  await eventually('the first to go on', () => ledgerOf(town, 'cam-1').length >= before + 2);
  assert.is((await agent('status', '--socket', town.socket)).code, 0);
  assert.equal(await first.stop(), { code: 0, signal: null });
  assert.is((await agent('status', '--socket', town.socket)).code, 69);
  assert.equal(
    ledgerOf(town, 'cam-1').filter(({ reason }) => reason === 'agent-crashed'),
    [],
  );
  const verified = await verifyTown(town);
  assert.equal([verified.code, verified.findings], [0, []]);
});

test('SIGTERM: seals what is open, says offline, writes its last line, within seconds', async () => {
  using folder = temporaryFolder();
  await using opened = new AsyncDisposableStack();
  const broker = await embeddedBroker();
  opened.defer(() => broker.close());
  await using simulator = await startSimulator({ cameras: [{ path: '/cam-1', frameRate: 40 }] });
  const camera = { id: 'cam-1', rtsp: simulator.url('/cam-1') };
  // No segment ends by itself during this test.
  const town = await makeTown(folder.path, { mqtt: broker.url, cameras: [camera], segment: '10m' });
  await using hub = await startHub(town);
  await using tap = await tapWire(broker.url);
  await using running = startAgent(town);
  await running.recording();
  await eventually('a head to be cosigned', () => existsSync(join(town.store, 'audit', 'cosigned')));
  const asked = performance.now();
  assert.equal(await running.stop(), { code: 0, signal: null });
  const tookMs = performance.now() - asked;
  assert.ok(tookMs < 10_000, `${tookMs} ms`);
  const rows = ledgerOf(town, 'cam-1').filter(({ kind }) => kind === 'segment');
  assert.is(rows.length, 1);
  assert.is(rows[0]?.torn, false);
  await tap.wait(
    'the goodbye',
    ({ topic, payload }) => topic.endsWith('/state') && payload.includes('"offline"'),
  );
  await using later = await tapWire(broker.url, 'later');
  const kept = await later.wait('what is retained', ({ topic }) => topic === `peio/v1/${town.node}/state`);
  assert.equal([kept.retained, JSON.parse(kept.payload.toString()).state], [true, 'offline']);
  const verified = await verifyTown(town);
  assert.equal([verified.code, verified.findings], [0, []]);
  const audit = lastLines(town.store);
  assert.is(audit.at(-1)?.['kind'], 'stop');

  // What it did not get to tell before it went, the hub learns from the next life.
  await using again = startAgent(town);
  await again.recording();
  await tap.wait(
    'the line of the stop',
    ({ topic, payload }) => topic.endsWith('/event') && payload.includes('"kind":"stop"'),
  );
  const start = lastLines(town.store).findLast(({ kind }) => kind === 'start');
  assert.is(start?.['after'], 'agent-stopped');
  assert.is((await again.stop()).code, 0);
  assert.is((await hub.stop()).code, 0);
});

test('an orderly end signs the log to its last line: what is cut off afterwards is found, though nobody ever saw a head', async () => {
  using folder = temporaryFolder();
  const town = await makeTown(folder.path, { cameras: [] });
  await using running = startAgent(town);
  await eventually('the agent to answer', async () => (await running.status()) !== undefined, 60_000);
  assert.equal(await running.stop(), { code: 0, signal: null });
  const [month] = readdirSync(join(town.store, 'audit')).filter((name) => name.endsWith('.jsonl'));
  const path = join(town.store, 'audit', month!);
  const whole = readFileSync(path, 'utf8');
  assert.is(lastLines(town.store).at(-1)?.['kind'], 'stop');
  assert.is((await verifyTown(town)).code, 0);
  writeFileSync(path, whole.slice(0, whole.trimEnd().lastIndexOf('\n') + 1));
  const { code, findings } = await verifyTown(town);
  assert.equal([code, findings.map((one) => one.code)], [1, ['audit-truncated']]);
});

/** A node whose way to the broker is dead without a word: a stop has something to wait for. */
async function behindSilence(folder: string, opened: AsyncDisposableStack) {
  const broker = await embeddedBroker();
  opened.defer(() => broker.close());
  const link = await openLink(broker.port);
  opened.defer(() => link.close());
  const simulator = opened.use(await startSimulator({ cameras: [{ path: '/cam-1', frameRate: 40 }] }));
  const camera = { id: 'cam-1', rtsp: simulator.url('/cam-1') };
  const town = await makeTown(folder, { mqtt: `mqtt://127.0.0.1:${link.port}`, cameras: [camera] });
  const running = opened.use(startAgent(town));
  await running.recording();
  await running.logged('connected to the broker');
  link.hush();
  return { town, running };
}

test('a broker that fell silent holds up no stop; one Ctrl-C that comes twice is one', async () => {
  using folder = temporaryFolder();
  await using opened = new AsyncDisposableStack();
  const { town, running } = await behindSilence(folder.path, opened);
  const asked = performance.now();
  running.signal('SIGINT');
  running.signal('SIGTERM');
  assert.equal(await running.exit, { code: 0, signal: null });
  const tookMs = performance.now() - asked;
  assert.ok(tookMs < 10_000, `${tookMs} ms`);
  assert.is(lastLines(town.store).at(-1)?.['kind'], 'stop');
  const verified = await verifyTown(town);
  assert.equal([verified.code, verified.findings], [0, []]);
});

test('a second signal ends it at once, and the store is made for that', async () => {
  using folder = temporaryFolder();
  await using opened = new AsyncDisposableStack();
  const { town, running } = await behindSilence(folder.path, opened);
  running.signal('SIGTERM');
  await running.logged('stopping');
  // Later than npm takes to hand on the first.
  await new Promise((resolve) => setTimeout(resolve, 700));
  const asked = performance.now();
  running.signal('SIGINT');
  assert.equal(await running.exit, { code: 1, signal: null });
  assert.ok(performance.now() - asked < 5000);
  const verified = await verifyTown(town);
  assert.is(verified.code, 0, JSON.stringify(verified.findings));
});

test('a folder that goes with its disk ends no agent: it tells of itself, and stops with a sentence', async () => {
  using folder = temporaryFolder();
  const town = await makeTown(folder.path, { cameras: [], agent: { health: { interval: '1s' } } });
  await using running = startAgent(town);
  const seq = async (): Promise<number> => (await running.status())?.health.seq ?? -1;
  await eventually('the first health', async () => (await seq()) > 0, 60_000);
  const before = await seq();
  // As a mount point is without its disk.
  renameSync(town.store, `${town.store}-away`);
  await eventually('health to go on', async () => (await seq()) >= before + 3, 60_000);
  assert.equal(await running.stop(), { code: 69, signal: null });
  assert.match(running.err(), /the disk of the store has left/);
  assert.not.match(running.err(), /\n\s+at /);
});

test('a socket that a crash left is taken over, one that answers is not', async () => {
  using folder = temporaryFolder();
  await using simulator = await startSimulator({ cameras: [{ path: '/cam-1', frameRate: 40 }] });
  const camera = { id: 'cam-1', rtsp: simulator.url('/cam-1') };
  const town = await makeTown(folder.path, { cameras: [camera] });
  const squatter = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve) => squatter.listen(town.socket, resolve));
  const refused = await agent('run', '--config', town.config);
  assert.is(refused.code, 69, refused.err);
  await new Promise<void>((resolve) => squatter.close(() => resolve()));
  await using killed = startProgram('agent/main.ts', ['run', '--config', town.config]);
  await eventually('the socket', () => existsSync(town.socket));
  killed.signal('SIGKILL');
  await killed.exit;
  assert.is(existsSync(town.socket), true);
  await using running = startAgent(town);
  await running.recording();
  assert.is((await running.stop()).code, 0);
});

function lastLines(store: string): Record<string, unknown>[] {
  const month = new Date().toISOString().slice(0, 7);
  return readFileSync(join(store, 'audit', `${month}.jsonl`), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
}
