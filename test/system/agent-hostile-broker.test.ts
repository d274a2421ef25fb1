import { createPrivateKey, randomBytes } from 'node:crypto';
import { cpSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { cosignCheckpoint } from '#protocol/checkpoint.ts';
import { payloadTypes, signEnvelope } from '#protocol/envelope.ts';
import { publicKeyOf } from '#protocol/key.ts';
import { instantText } from '#protocol/time.ts';
import { startSimulator } from '../simulator/simulator.ts';
import { ledgerOf, startAgent, startHub, verifyTown } from '../support/agent-child.ts';
import { embeddedBroker } from '../support/brokers.ts';
import { eventually } from '../support/eventually.ts';
import { payloadOf } from '../support/hub-town.ts';
import { uuidV7 } from '../support/signed-world.ts';
import { suite } from '../support/suite.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { makeTown, type Town } from '../support/town.ts';
import { tapWire } from '../support/wire-tap.ts';

const test = suite('agent and a broker that is not its friend', { timeoutMs: 240_000 });

async function site(folder: string, opened: AsyncDisposableStack) {
  const broker = await embeddedBroker();
  opened.defer(() => broker.close());
  const simulator = opened.use(await startSimulator({ cameras: [{ path: '/cam-1', frameRate: 40 }] }));
  const camera = { id: 'cam-1', rtsp: simulator.url('/cam-1') };
  const town = await makeTown(folder, { mqtt: broker.url, cameras: [camera] });
  return { broker, town };
}

/** Resident bytes of a process at most so far (proc_pid_status(5)). */
function peakMemory(pid: number): number {
  const text = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmHWM:\s+(\d+) kB/m.exec(text)?.[1]) * 1024;
}
const bigBytes = 64 * 2 ** 20;

function probe(town: Town): string {
  const operator = createPrivateKey(readFileSync(join(town.hub, 'keys', 'operator.key')));
  const now = Date.now();
  const payload = {
    id: uuidV7(now),
    type: 'probe',
    node: town.node,
    issuedAt: instantText(now - 1000),
    expiresAt: instantText(now + 3_600_000),
    policyVersion: 1,
    operator: publicKeyOf(operator).id,
  };
  return signEnvelope(payloadTypes.command, Buffer.from(JSON.stringify(payload)), [operator]);
}

test('noise and packets of 64 MB on every topic it hears: recorded throughout, little memory, few lines', async () => {
  using folder = temporaryFolder();
  await using opened = new AsyncDisposableStack();
  const { broker, town } = await site(folder.path, opened);
  const hub = opened.use(await startHub(town));
  const tap = opened.use(await tapWire(broker.url));
  const agent = opened.use(startAgent(town));
  await agent.recording();
  await tap.wait('a cosignature', ({ topic }) => topic.endsWith('/cosignature'));
  const { node } = town;
  const heard = [`peio/v1/${node}/cosignature`, 'peio/v1/hub/policy', `peio/v1/${node}/command`];
  const nested = Buffer.from('['.repeat(200_000));
  for (const topic of heard)
    for (let i = 0; i < 60; i++) {
      const noise = [
        randomBytes(1 + i * 997),
        Buffer.alloc(i),
        nested,
        Buffer.from(`{"a":${'9'.repeat(400)}}`),
      ][i % 4];
      await tap.say(topic, Buffer.concat([noise as Buffer, Buffer.from(String(i))]));
    }
  await eventually('the last of the noise to have been heard', async () =>
    agent.log.some(({ msg }) => msg === 'cosignature refused'),
  );
  const before = peakMemory(agent.pid);
  // Whatever it does about these, it does not gather them.
  for (const topic of heard) await tap.say(topic, Buffer.alloc(bigBytes, 0x7b)).catch(() => {});
  await eventually(
    'the connection to stand again',
    async () => {
      const health = (await agent.status())?.health;
      return health?.mqtt.connected && health.cameras?.[0]?.state === 'recording';
    },
    40_000,
  );
  const more = peakMemory(agent.pid) - before;
  process.stdout.write(
    `\n  measured: ${Math.round(before / 1e6)} MB resident at most under noise, ${Math.round(more / 1e6)} MB more under packets of ${bigBytes / 2 ** 20} MB\n`,
  );
  // The heap keeps what was read for a while; gathering whole packets would take several times this.
  assert.ok(more < 2 * bigBytes, `${more} bytes more`);
  assert.equal(await agent.stop(), { code: 0, signal: null }, agent.err().slice(-3000));
  const refused = tap
    .events(node)
    .filter(({ kind }) => kind === 'policy-refused' || kind === 'command-refused');
  assert.ok(refused.length <= 27, `${refused.length} lines of the log for noise`);
  assert.equal(
    ledgerOf(town, 'cam-1')
      .slice(1)
      .filter(({ kind }) => kind === 'gap'),
    [],
  );
  const verified = await verifyTown(town);
  assert.equal([verified.code, verified.findings], [0, []]);
  assert.is(hub.ended(), undefined);
});

test('cosignatures said again: nothing is logged for them, and a hub that is gone stays gone', async () => {
  using folder = temporaryFolder();
  await using opened = new AsyncDisposableStack();
  const { broker, town } = await site(folder.path, opened);
  const hub = opened.use(await startHub(town));
  const tap = opened.use(await tapWire(broker.url));
  const agent = opened.use(startAgent(town));
  await agent.recording();
  const { node } = town;
  const topic = `peio/v1/${node}/cosignature`;
  const cosignatures = (): Buffer[] =>
    tap.heard.filter((heard) => heard.topic === topic).map(({ payload }) => payload);
  // As recorded while the register at the town hall grew: all rightly signed, none of them new.
  await tap.say(`peio/v1/${node}/command`, probe(town));
  const said = await eventually('the cosignature of the command', () => {
    const done = tap.events(node).find(({ kind }) => kind === 'command-done');
    return (
      done && cosignatures().findLast((payload) => Number(payload.toString().split('\n')[1]) >= done.seq)
    );
  });
  assert.equal(await hub.stop(), { code: 0, signal: null });
  const hubKey = createPrivateKey(readFileSync(join(town.hub, 'keys', 'hub.key')));
  const note = said.toString().split(/(?<=\n)— peio\/v1\/hub /)[0] as string;
  const recorded = [1, 2, 3, 4].map((size) => {
    const statement = { policyVersion: 1, registerSize: size, registerHead: String(size).repeat(64) };
    return cosignCheckpoint(node, note, statement, hubKey, Date.now() - (10 - size) * 60_000);
  });
  const lines = tap.events(node).length;
  for (let i = 0; i < 100; i++) await tap.say(topic, recorded[i % recorded.length] as string);
  await tap.say(`peio/v1/${node}/command`, probe(town));
  await eventually(
    'the command behind them',
    () => tap.events(node).filter(({ kind }) => kind === 'command-done').length === 2,
  );
  const added = tap
    .events(node)
    .slice(lines)
    .map(({ kind }) => kind);
  assert.equal(
    added.filter((kind) => !kind.startsWith('command-')),
    [],
  );
  assert.equal(await agent.stop(), { code: 0, signal: null });
});

test('a cosignature of a log that this box has lost: it goes on recording', async () => {
  using folder = temporaryFolder();
  await using opened = new AsyncDisposableStack();
  const { broker, town } = await site(folder.path, opened);
  const hub = opened.use(await startHub(town));
  const tap = opened.use(await tapWire(broker.url));
  const first = opened.use(startAgent(town));
  await first.recording();
  assert.is((await first.stop()).code, 0);
  cpSync(join(town.store, 'audit'), join(folder.path, 'older'), { recursive: true });
  const older = (await verifyTown(town)).auditLines;
  const second = opened.use(startAgent(town));
  await second.recording();
  const topic = `peio/v1/${town.node}/cosignature`;
  const size = (payload: Buffer): number => Number(payload.toString().split('\n')[1]);
  const ahead = await tap.wait(
    'a cosignature',
    (heard) => heard.topic === topic && size(heard.payload) > older,
  );
  assert.is((await second.stop()).code, 0);
  // The disk is put back to what it was: the town hall has seen more of this log than the box.
  rmSync(join(town.store, 'audit'), { recursive: true });
  cpSync(join(folder.path, 'older'), join(town.store, 'audit'), { recursive: true });
  assert.ok(readdirSync(join(town.store, 'audit')).length > 0);
  await hub.stop();
  const third = opened.use(startAgent(town));
  await third.logged('connected to the broker');
  await tap.say(topic, ahead.payload);
  await third.recording();
  await tap.say(topic, ahead.payload);
  await tap.say(topic, 'and noise');
  await eventually(
    'the noise to be refused',
    () => third.log.filter(({ msg }) => msg === 'cosignature refused').length >= 1,
  );
  assert.is(third.ended(), undefined);
  assert.is((await third.status())?.health.cameras?.[0]?.state, 'recording');
  assert.equal(await third.stop(), { code: 0, signal: null });
});

test('a command that the broker retains runs once, however often the agent meets it', async () => {
  using folder = temporaryFolder();
  await using opened = new AsyncDisposableStack();
  const { broker, town } = await site(folder.path, opened);
  const tap = opened.use(await tapWire(broker.url));
  const envelope = probe(town);
  const { id } = payloadOf(Buffer.from(envelope));
  await tap.say(`peio/v1/${town.node}/command`, envelope, true);
  for (let life = 0; life < 3; life++) {
    const agent = opened.use(startAgent(town));
    await agent.recording();
    await eventually(
      'its answer in this life',
      () =>
        tap.statuses(town.node).filter((status) => status.id === id && status.state === 'done').length > life,
    );
    assert.equal(await agent.stop(), { code: 0, signal: null });
  }
  const about = tap.events(town.node).filter((line) => line['id'] === id);
  assert.equal(
    about.map(({ kind }) => kind),
    ['command-accepted', 'command-done'],
  );
});
