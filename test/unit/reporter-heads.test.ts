import { generateKeyPairSync } from 'node:crypto';
import * as assert from 'uvu/assert';
import type { Bus } from '#agent/mqtt/bus.ts';
import { openHeads } from '#agent/reporter/heads.ts';
import { type Cosigned, cosignCheckpoint, signCheckpoint } from '#protocol/checkpoint.ts';
import { Failure } from '#protocol/failure.ts';
import { publicKeyOf } from '#protocol/key.ts';
import { type FakeClock, fakeClock } from '../support/fake-clock.ts';
import { quietLog } from '../support/log.ts';
import { suite } from '../support/suite.ts';

const test = suite('what the hub cosigned');
const [nodeKey, hubKey] = [0, 1].map(() => generateKeyPairSync('ed25519').privateKey) as [never, never];
const second = 1000;
const start = Date.UTC(2026, 0, 15, 12);

/** The hub's answer to a head of `size` lines, made `seconds` after noon. */
function answer(size: number, seconds: number, registerSize = 1): Buffer {
  const head = { size, root: Buffer.alloc(32, size), policyHash: 'ab'.repeat(32), policyVersion: 1 };
  const statement = { policyVersion: 1, registerSize, registerHead: 'cd'.repeat(32) };
  const note = signCheckpoint('site-01', head, nodeKey);
  return Buffer.from(cosignCheckpoint('site-01', note, statement, hubKey, start + seconds * second));
}

function rig(options: { covered?: number; fail?: Failure; clock?: FakeClock; head?: number } = {}) {
  const taken: string[] = [];
  const behind: number[] = [];
  const clock = options.clock ?? fakeClock();
  let covered = options.covered ?? 0;
  let hear: (payload: Buffer) => Promise<void> = async () => {};
  const bus: Bus = {
    publish: async () => {},
    connected: () => true,
    protocol: () => '5',
    reconnects: () => 0,
    onConnect: () => {},
    subscribe: (_, handle) => {
      hear = (payload) => handle({ topic: '', payload, retained: false });
    },
    close: async () => {},
  };
  const heads = openHeads({
    node: 'site-01',
    nodeKey: publicKeyOf(nodeKey),
    bus,
    clock,
    log: quietLog,
    hubKey: () => publicKeyOf(hubKey),
    checkpoint: async () => (options.head === undefined ? undefined : { note: 'head', size: options.head }),
    unanswered: () => {},
    fellBehind: (size) => void behind.push(size),
    cosignedSize: () => covered,
    async cosigned({ head, at, statement }: Cosigned) {
      if (options.fail) throw options.fail;
      taken.push(`${head.size} at ${(at - start) / second}, register ${statement.registerSize}`);
      covered = Math.max(covered, head.size);
    },
  });
  return { heads, taken, behind, hear: (payload: Buffer) => hear(payload) };
}

test('news is what covers more lines, or the same ones later; repetitions are nothing', async () => {
  const { taken, hear } = rig();
  const [first, again, more] = [answer(5, 10), answer(5, 400, 2), answer(9, 500, 2)];
  for (const message of [first, first, again, first, again, more, again, first, more]) await hear(message);
  assert.equal(taken, ['5 at 10, register 1', '5 at 400, register 2', '9 at 500, register 2']);
});

test('after a restart nothing older than what was covered is news', async () => {
  const { taken, hear } = rig({ covered: 9 });
  for (const message of [answer(5, 10), answer(9, 500), answer(9, 500), answer(9, 400)]) await hear(message);
  assert.equal(taken, ['9 at 500, register 1']);
});

test('a hub whose clock was put back is believed about new lines', async () => {
  const { taken, hear } = rig();
  for (const message of [answer(5, 3600), answer(6, 60), answer(6, 50), answer(6, 70)]) await hear(message);
  assert.equal(taken, ['5 at 3600, register 1', '6 at 60, register 1', '6 at 70, register 1']);
});

test('noise, other keys and a disk that refuses break nothing', async () => {
  const { hear, taken } = rig();
  const forged = answer(5, 10).toString().replaceAll('peio/v1/hub', 'peio/v1/hug');
  for (const message of ['', '\n\n', 'x'.repeat(100_000), forged, '— peio/v1/hub AAAA\n'])
    await hear(Buffer.from(message));
  assert.equal(taken, []);
  for (const fail of [
    new Failure('denied', 'cosignature-ahead', ''),
    new Failure('exhausted', 'disk-full', ''),
  ])
    await rig({ fail }).hear(answer(5, 10));
});

test('a hub that was restored says from where it goes on: believed while a head waits, and not for ever', async () => {
  const clock = fakeClock();
  const { heads, behind, taken, hear } = rig({ covered: 50, clock, head: 60 });
  await hear(answer(10, 5));
  assert.equal(behind, [], 'nothing waits: a repetition of the broker');
  heads.show();
  await clock.advance(1000);
  await hear(answer(10, 5));
  await hear(answer(12, 6));
  assert.equal(behind, [10], 'the second within ten minutes costs nothing more');
  await clock.advance(10 * 60_000);
  await hear(answer(12, 6));
  assert.equal(behind, [10, 12]);
  await hear(answer(60, 900));
  assert.equal(taken, ['60 at 900, register 1']);
  await clock.advance(11 * 60_000);
  await hear(answer(60, 1600, 2));
  await hear(answer(10, 5));
  assert.equal(behind, [10, 12], 'answered');
  await heads.close();
});
