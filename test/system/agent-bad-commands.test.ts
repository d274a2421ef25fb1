import { createPrivateKey, generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { unverifiedId } from '#protocol/command.ts';
import { payloadTypes, signEnvelope } from '#protocol/envelope.ts';
import { publicKeyOf } from '#protocol/key.ts';
import { instantText } from '#protocol/time.ts';
import { startSimulator } from '../simulator/simulator.ts';
import { ledgerOf, logOf, startAgent, startHub, verifyTown } from '../support/agent-child.ts';
import { embeddedBroker, mosquittoBroker, mosquittoProgram, type TestBroker } from '../support/brokers.ts';
import { eventually } from '../support/eventually.ts';
import { uuidV7 } from '../support/signed-world.ts';
import { suite } from '../support/suite.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { makeTown } from '../support/town.ts';
import { tapWire } from '../support/wire-tap.ts';

const test = suite('commands that are none', { timeoutMs: 240_000 });
/** Unverified refusals answered one by one in any minute. */
const answeredAMinute = 10;

async function refuseAll(open: (folder: string) => Promise<TestBroker>, protocol: string): Promise<void> {
  using folder = temporaryFolder();
  await using opened = new AsyncDisposableStack();
  const broker = await open(folder.path);
  opened.defer(() => broker.close());
  await using simulator = await startSimulator({ cameras: [{ path: '/cam-1', frameRate: 40 }] });
  const camera = { id: 'cam-1', rtsp: simulator.url('/cam-1') };
  const town = await makeTown(folder.path, { mqtt: broker.url, cameras: [camera] });
  await using hub = await startHub(town);
  await using tap = await tapWire(broker.url);
  await using agent = startAgent(town);
  await agent.recording();
  const { node } = town;
  const topic = `peio/v1/${node}/command`;
  const key = (name: string): KeyObject =>
    createPrivateKey(readFileSync(join(town.hub, 'keys', `${name}.key`)));
  const operator = key('operator');
  const stranger = generateKeyPairSync('ed25519').privateKey;
  const now = Date.now();
  const probe = (change: object = {}) => ({
    id: uuidV7(now),
    type: 'probe',
    node,
    issuedAt: instantText(now - 1000),
    expiresAt: instantText(now + 3_600_000),
    policyVersion: 1,
    operator: publicKeyOf(operator).id,
    ...change,
  });
  const sign = (payload: unknown, ...signers: KeyObject[]): Buffer =>
    Buffer.from(signEnvelope(payloadTypes.command, Buffer.from(JSON.stringify(payload)), signers));
  const signed = JSON.parse(sign(probe(), operator).toString());

  // One by one: each is answered with its code, under the hash of its bytes, logged, and not retained.
  const wrong: [string, Buffer, string][] = [
    ['2 MB', randomBytes(2_000_000), 'too-large'],
    ['2 MB, rightly signed', sign(probe({ padding: 'x'.repeat(1_500_000) }), operator), 'too-large'],
    ['random bytes', randomBytes(300), 'malformed'],
    ['nothing', Buffer.alloc(0), 'malformed'],
    ['valid JSON', Buffer.from('{"open":"everything"}'), 'malformed'],
    ['an envelope with one more field', Buffer.from(JSON.stringify({ ...signed, force: true })), 'malformed'],
    ['a signed command with one more field', sign(probe({ force: true }), operator), 'malformed'],
    ['signed by nobody known', sign(probe(), stranger), 'bad-signature'],
  ];
  const seqs: number[] = [];
  for (const [what, message, code] of wrong) {
    const since = performance.now();
    await tap.say(topic, message);
    const id = unverifiedId(message);
    const answer = await tap.wait(what, (heard) => heard.topic === `${topic}/${id}/status`, since);
    assert.is(answer.retained, false);
    const status = tap.statuses(node).find((one) => one.id === id);
    assert.equal([status?.state, status?.reason], ['refused', code], what);
    seqs.push(status?.auditSeq ?? 0);
    const line = await eventually('its line', () =>
      tap.events(node).find(({ seq }) => seq === status?.auditSeq),
    );
    assert.equal(
      [line.kind, line['id'], line['code'], line['bytes']],
      ['command-refused', id, code, message.length],
    );
  }

  // Fifty at once: what is left of the ten is answered, the rest counted in one line.
  const before = tap.statuses(node).length;
  const flood = Array.from({ length: 50 }, () => randomBytes(200));
  await Promise.all(flood.map((message) => tap.say(topic, message)));
  await eventually(
    'the answers',
    () => tap.statuses(node).length - before === answeredAMinute - wrong.length,
  );
  // A right one is obeyed in the middle of it: only what cannot be verified is counted.
  const right = probe({ id: uuidV7(now) });
  await tap.say(topic, sign(right, operator));
  await eventually('the right one to be done', () =>
    tap.statuses(node).some(({ id, state }) => id === right.id && state === 'done'),
  );
  const malformed = tap.statuses(node).filter(({ reason }) => reason === 'malformed');
  assert.is(malformed.filter(({ id }) => id.startsWith('sha256-')).length, 7);
  // The one that was rightly signed is answered under the id it gave, too.
  assert.is(malformed.length, 8);
  // Over 4 MiB: whether broker or agent refuses it, nothing comes of it.
  await tap.say(topic, Buffer.alloc(5 * 1024 * 1024)).catch(() => {});

  const { health, alerts } = (await agent.status()) ?? {};
  assert.is(health?.mqtt.protocol, protocol);
  assert.is(health?.cameras?.[0]?.state, 'recording');
  assert.equal(alerts, []);
  await using later = await tapWire(broker.url, 'later');
  await later.wait('what is retained', (heard) => heard.topic === `${topic}/${right.id}/status`);
  assert.equal(
    [...new Set(later.heard.filter((heard) => heard.topic.startsWith(topic)).map((heard) => heard.topic))],
    [`${topic}/${right.id}/status`],
  );
  assert.equal(await agent.stop(), { code: 0, signal: null });
  const lines = logOf(town);
  const kinds = new Set(lines.map(({ kind }) => kind));
  assert.equal(
    [...kinds].filter((kind) => !['start', 'gap', 'stop', 'register-head'].includes(kind)).sort(),
    ['command-accepted', 'command-done', 'command-refused', 'commands-refused'],
  );
  assert.is(lines.filter(({ kind }) => kind === 'command-refused').length, answeredAMinute);
  const counted = lines.filter(({ kind }) => kind === 'commands-refused');
  const all = wrong.length + flood.length + 1 - answeredAMinute;
  // The one over 4 MiB reaches the agent only where the broker does not keep it.
  const total = counted.reduce((sum, line) => sum + (line['count'] as number), 0);
  assert.ok(total === all || total === all - 1, JSON.stringify(counted));
  assert.is(new Set(seqs).size, wrong.length);
  assert.equal(readdirSync(join(town.store, 'reservations')), []);
  assert.equal(readdirSync(join(town.store, 'holds')), []);
  assert.is(readdirSync(join(town.store, 'commands')).length, 1);
  assert.equal(
    ledgerOf(town, 'cam-1')
      .slice(1)
      .filter(({ kind }) => kind === 'gap'),
    [],
  );
  const verified = await verifyTown(town);
  assert.equal([verified.code, verified.findings], [0, []]);
  assert.equal(await hub.stop(), { code: 0, signal: null });
}

test('embedded broker, MQTT 3.1.1', () => refuseAll(() => embeddedBroker(), '3.1.1'));

if (mosquittoProgram === undefined) test.skip('mosquitto, MQTT 5', 'mosquitto is not installed');
else test('mosquitto, MQTT 5', () => refuseAll((folder) => mosquittoBroker(folder), '5'));
