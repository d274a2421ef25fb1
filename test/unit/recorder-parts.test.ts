import { generateX25519Identity, identityToRecipient } from 'age-encryption';
import * as assert from 'uvu/assert';
import type { Fragment } from '#agent/camera/ingest.ts';
import type { MonotonicMs } from '#agent/platform/clock.ts';
import { systemRandom } from '#agent/platform/random.ts';
import { openCameraClock } from '#agent/recorder/camera-clock.ts';
import { emptyRates } from '#agent/recorder/rates.ts';
import { openRun } from '#agent/recorder/run-clock.ts';
import { spareSeals } from '#agent/recorder/spare-seals.ts';
import { openSealed, openSealer, parseRecipients, type Recipients } from '#protocol/seal/seal.ts';
import { fakeClock } from '../support/fake-clock.ts';
import { suite } from '../support/suite.ts';

const test = suite('recorder parts');

test('labels of a run count on from its first keyframe, whatever UTC does afterwards', async () => {
  const clock = fakeClock(Date.UTC(2026, 0, 15, 12));
  const first = clock.monotonic();
  await clock.advance(400); // The fragment is handed over later than it came.
  const run = openRun(clock, first);
  assert.is(run.label(first), Date.UTC(2026, 0, 15, 12));
  clock.stepUtc(1000); // A leap second.
  assert.not.ok(run.stepped());
  clock.stepUtc(1000);
  assert.ok(run.stepped());
  assert.is(run.label(clock.monotonic()), Date.UTC(2026, 0, 15, 12) + 400);
  const back = openRun(clock, clock.monotonic());
  clock.stepUtc(-1600);
  assert.ok(back.stepped());
});

test('three weeks of one run drift by nothing', async () => {
  const clock = fakeClock(Date.UTC(2026, 0, 1));
  const run = openRun(clock, clock.monotonic());
  await clock.advance(21 * 86_400_000);
  assert.not.ok(run.stepped());
  assert.is(run.label(clock.monotonic()), Date.UTC(2026, 0, 22));
});

const fragment = (bytes: number, seconds: number, samples: number): Fragment =>
  ({ bytes: Buffer.alloc(bytes), durationTicks: seconds * 90_000, samples }) as Fragment;

test('rates are of the last ten seconds of the stream', () => {
  const rates = emptyRates();
  assert.is(rates.bitsPerSecond(), 0);
  for (let i = 0; i < 20; i++) rates.add(fragment(100_000, 2, 50), 90_000);
  assert.is(rates.bitsPerSecond(), 400_000);
  assert.is(rates.framesPerSecond(), 25);
  for (let i = 0; i < 5; i++) rates.add(fragment(1000, 2, 10), 90_000);
  assert.is(rates.bitsPerSecond(), 4000);
  assert.is(rates.framesPerSecond(), 5);
  rates.add(fragment(50_000, 40, 1000), 90_000); // A smart codec's GOP is longer than the window.
  assert.is(rates.bitsPerSecond(), 10_000);
  rates.clear();
  assert.is(rates.framesPerSecond(), 0);
});

test('the distance of keyframes is told whole, however many fragments lie between them', () => {
  const rates = emptyRates();
  const add = (seconds: number, keyframe: boolean): void =>
    rates.add({ ...fragment(1000, seconds, 25), keyframe }, 90_000);
  add(5, false);
  assert.is(rates.gopSeconds(), undefined);
  for (let i = 0; i < 4; i++) add(2, true);
  assert.is(rates.gopSeconds(), 2);
  // A smart codec: 30 s in pieces of 5, twice.
  for (let i = 0; i < 12; i++) add(5, i % 6 === 0);
  assert.is(rates.gopSeconds(), 30);
  add(5, true);
  assert.is(rates.gopSeconds(), 30, 'what has just begun says nothing yet');
  for (let i = 0; i < 20; i++) add(1, true);
  assert.is(rates.gopSeconds(), 1);
  rates.clear();
  assert.is(rates.gopSeconds(), undefined);
});

async function opens(identity: string, parts: Buffer[]): Promise<boolean> {
  try {
    await openSealed(
      { identities: [identity] },
      (async function* () {
        yield* parts;
      })(),
    );
    return true;
  } catch {
    return false;
  }
}

test('what was prepared for recipients of yesterday is used for nothing', async () => {
  const people = await Promise.all([0, 1, 2].map(() => generateX25519Identity()));
  const known = await Promise.all(people.map((identity) => identityToRecipient(identity)));
  let recipients: Recipients = parseRecipients([known[0]!, known[1]!]);
  const spares = spareSeals(() => recipients, systemRandom);
  assert.is(spares.take(), undefined);
  await spares.ready();
  assert.ok(spares.available());
  recipients = parseRecipients([known[1]!, known[2]!]);
  assert.not.ok(spares.available());
  await spares.ready();
  const seal = spares.take()!;
  const parts = [seal.head, ...openSealer(seal).final()];
  assert.not.ok(await opens(people[0]!, parts));
  assert.ok(await opens(people[1]!, parts));
  assert.ok(await opens(people[2]!, parts));
});

test('a camera clock that runs fast or slow is measured through the jitter of a network, and told after an hour', () => {
  for (const ppm of [-400, 0, 250]) {
    const drift = openCameraClock();
    let seed = 7;
    const jitterMs = (): number => {
      seed = (seed * 48_271) % 0x7fffffff;
      return (seed / 0x7fffffff) * 300;
    };
    const watch = (fromMs: number, toMs: number): void => {
      for (let at = fromMs; at < toMs; at += 2000)
        drift.add((at - fromMs) * (1 + ppm / 1e6), (at + jitterMs()) as MonotonicMs);
    };
    watch(0, 3_000_000);
    assert.is(drift.driftPpm(), undefined);
    watch(0, 8_000_000);
    const found = drift.driftPpm();
    assert.ok(found !== undefined && Math.abs(found - ppm) <= 10, `${found} of ${ppm}`);
    drift.begin();
    assert.is(drift.driftPpm(), undefined);
    watch(9_000_000, 17_000_000);
    assert.ok(Math.abs(drift.driftPpm()! - ppm) <= 10, 'another track has another zero');
  }
});
