import * as assert from 'uvu/assert';
import { runProbe } from '#agent/lifecycle/probe.ts';
import { openLink } from '#agent/link/link.ts';
import { parsePing } from '#agent/link/ping.ts';
import { linkBitsPerSecond, planLinks, probeCosts, snmpCost } from '#agent/link/plan.ts';
import { objectsOf, radioModels, radioOf } from '#agent/link/radio-models.ts';
import type { Answer, Asker, Radio, Sample } from '#agent/link/sample.ts';
import { parseSnmpSecret } from '#agent/link/snmp-question.ts';
import { openWindow } from '#agent/link/window.ts';
import { toldConditions } from '../support/conditions.ts';
import { type FakeClock, fakeClock } from '../support/fake-clock.ts';
import { suite } from '../support/suite.ts';

const test = suite('links judged');

/** A link whose answers a test decides. */
async function scripted(
  answer: (clock: FakeClock, asks: number) => Sample,
  kind: 'stamp' | 'snmp' = 'stamp',
) {
  const clock = fakeClock();
  const told = await toldConditions(clock);
  const stop = new AbortController();
  let asks = 0;
  const asker: Asker = { ask: async () => answer(clock, ++asks), close() {} };
  const parts = { id: 'uplink', to: 'relay-c', kind, asker, slowMs: 200, everyMs: 10_000, delayMs: 0 };
  const link = openLink({ ...parts, clock, conditions: told.conditions });
  const running = runProbe(clock, stop.signal, link.probe);
  return {
    ...told,
    clock,
    link,
    asks: () => asks,
    async [Symbol.asyncDispose]() {
      stop.abort();
      await running;
      assert.is(clock.pending(), 0, 'no timer is left');
    },
  };
}
const answered = (roundTripMs = 8, more: Partial<Answer> = {}): Sample => ({
  kind: 'answer',
  roundTripMs,
  ...more,
});
const lost: Sample = { kind: 'lost', reason: 'no-answer' };

test('a link that dies is told within 75 s of its last answer, and told to be back after two answers', async () => {
  let alive = true;
  await using one = await scripted(() => (alive ? answered() : lost));
  await one.clock.advance(95_000);
  assert.is(one.link.reading().state, 'up');
  alive = false;
  const died = one.clock.monotonic();
  while (one.said.length === 0 && one.clock.monotonic() - died < 100_000) await one.clock.advance(1000);
  assert.equal(one.said, ['link-down.uplink raised no-answer']);
  assert.ok(one.clock.monotonic() - died <= 28_000, `${one.clock.monotonic() - died} ms`);
  assert.equal([one.link.reading().state, one.link.reading().delayMs], ['down', undefined]);
  assert.match(one.details[0] ?? '', /relay-c/);
  await one.clock.advance(600_000);
  assert.is(one.said.length, 1);
  const before = one.asks();
  await one.clock.advance(100_000);
  assert.is(one.asks() - before, 10, 'a dead link is not asked more often');
  alive = true;
  await one.clock.advance(21_000);
  assert.equal(one.said.slice(1), ['link-down.uplink cleared']);
  await one.clock.advance(3_600_000);
  assert.is(one.said.length, 2, 'what was lost while it was down is no loss');
});

test('seven lost in a row are loss and no death', async () => {
  await using one = await scripted((_, asks) => (asks % 80 < 7 ? lost : answered()));
  await one.clock.advance(3_600_000);
  assert.equal(one.said, []);
  assert.ok(one.link.reading().lossPercent! < 5);
});

test('a fifth of the packets lost is told, and over when it is', async () => {
  let share = 5;
  await using one = await scripted((_, asks) => (asks % share === 0 ? lost : answered()));
  // Each lost packet is asked again: the repetition is answered and not counted.
  await one.clock.advance(900_000);
  assert.equal(one.said, ['link-lossy.uplink raised loss']);
  assert.match(one.details[0] ?? '', /2\d,?\d* %/);
  share = Number.MAX_SAFE_INTEGER;
  await one.clock.advance(1_500_000);
  assert.equal(one.said.slice(1), ['link-lossy.uplink cleared']);
});

test('slow is told by the median, over with distance to the limit', async () => {
  let delay = 8;
  await using one = await scripted((_, asks) => answered(asks % 4 === 0 ? 900 : delay));
  await one.clock.advance(600_000);
  assert.equal(one.said, [], 'every fourth packet late');
  delay = 230;
  await one.clock.advance(300_000);
  assert.equal(one.said, ['link-slow.uplink raised delay']);
  delay = 170;
  await one.clock.advance(1_200_000);
  assert.is(one.said.length, 1, 'between the two limits');
  delay = 20;
  await one.clock.advance(600_000);
  assert.equal(one.said.slice(1), ['link-slow.uplink cleared']);
});

test('a radio that fades is told, with what it says; one that gives nothing is unknown', async () => {
  let radio: Radio = { signalDbm: -60, noiseDbm: -95 };
  let sample = (): Sample => answered(5, { radio });
  await using one = await scripted(() => sample(), 'snmp');
  await one.clock.advance(300_000);
  assert.equal(one.said, []);
  radio = { signalDbm: -78, noiseDbm: -95 };
  await one.clock.advance(300_000);
  assert.equal(one.said, ['link-weak.uplink raised signal']);
  radio = { signalDbm: -74, noiseDbm: -95 };
  await one.clock.advance(1_200_000);
  assert.is(one.said.length, 1);
  radio = { signalDbm: -60, noiseDbm: -95 };
  await one.clock.advance(900_000);
  assert.equal(one.said.slice(1), ['link-weak.uplink cleared']);
  radio = { signalDbm: -60, noiseDbm: -70 };
  await one.clock.advance(300_000);
  assert.equal(one.said.slice(2), ['link-weak.uplink raised noise']);
  sample = () => ({ kind: 'unmeasured', reason: 'auth' });
  await one.clock.advance(60_000);
  assert.equal(one.said.slice(3), ['link-probe.uplink raised auth']);
  assert.is(one.link.reading().state, 'unknown');
});

test('one answer that nobody understands is no finding, two in a row are', async () => {
  let odd = 0;
  await using one = await scripted(() => {
    odd -= 1;
    return odd >= 0 ? { kind: 'unmeasured', reason: 'broken' } : answered();
  }, 'snmp');
  await one.clock.advance(60_000);
  odd = 1;
  await one.clock.advance(60_000);
  assert.equal(one.said, []);
  assert.is(one.link.reading().state, 'up');
  odd = 3;
  await one.clock.advance(25_000);
  assert.equal(one.said, ['link-probe.uplink raised broken']);
  await one.clock.advance(60_000);
  assert.equal(one.said.slice(1), ['link-probe.uplink cleared']);
});

test('a day of radio jitter, 2 % of loss in bursts and the odd second of fade says nothing', async () => {
  // A Gilbert-Elliott channel: mostly good, now and then a short bad spell; seeded, so that it is the same each time.
  let seed = 7;
  const random = (): number => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
    return seed / 2 ** 32;
  };
  let bad = false;
  let misses = 0;
  let probes = 0;
  await using one = await scripted(() => {
    bad = bad ? random() > 0.5 : random() < 0.02;
    probes += 1;
    if (random() < (bad ? 0.4 : 0.005)) {
      misses += 1;
      return lost;
    }
    return answered(4 + 60 * random() ** 4 + (bad ? 120 * random() : 0));
  });
  await one.clock.advance(86_400_000);
  assert.ok(probes > 8600 && misses / probes > 0.015, `${misses} of ${probes}`);
  assert.equal(one.said, []);
}, 60_000);

test('a probe that hangs makes its link unknown, is told, and is not run beside itself', async () => {
  let hanging = false;
  let release = (): void => {};
  let under = 0;
  const clock = fakeClock();
  const told = await toldConditions(clock);
  const stop = new AbortController();
  const asker: Asker = {
    async ask() {
      under += 1;
      assert.is(under, 1);
      if (hanging) await new Promise<void>((resolve) => (release = resolve));
      under -= 1;
      return answered();
    },
    close() {},
  };
  const parts = { id: 'uplink', to: 'relay-c', kind: 'ping' as const, asker, slowMs: 200, everyMs: 10_000 };
  const link = openLink({ ...parts, delayMs: 0, clock, conditions: told.conditions });
  const running = runProbe(clock, stop.signal, link.probe);
  await clock.advance(35_000);
  hanging = true;
  await clock.advance(120_000);
  assert.equal(told.said, ['probe-stuck.link-uplink raised hanging']);
  assert.is(link.reading().state, 'unknown');
  hanging = false;
  release();
  await clock.advance(30_000);
  assert.equal(told.said.slice(1), ['probe-stuck.link-uplink cleared']);
  assert.is(link.reading().state, 'up');
  hanging = true;
  await clock.advance(10_000);
  stop.abort();
  await clock.advance(5000);
  await running;
  release();
});

test('what is shown of a link: loss, median delay, jitter each way, delays each way only by two true clocks', () => {
  const window = openWindow(4);
  window.add({ kind: 'answer', roundTripMs: 99, forthMs: 0, backMs: 0 });
  // The other clock is 1000 ms ahead: differences are true, the sums are not.
  window.add({ kind: 'answer', roundTripMs: 10, forthMs: 1004, backMs: -994 });
  window.add({ kind: 'answer', roundTripMs: 14, forthMs: 1006, backMs: -992 });
  window.add(undefined);
  window.add({ kind: 'answer', roundTripMs: 20, forthMs: 1010, backMs: -990 });
  const { delayMs, jitterMs, jitterForthMs, jitterBackMs, lossPercent, forthMs } = window.summary();
  assert.equal([delayMs, jitterMs, jitterForthMs, jitterBackMs], [14, 4, 2, 2]);
  assert.equal([lossPercent, forthMs], [25, undefined], 'the oldest has gone');
  window.add({ kind: 'answer', roundTripMs: 9, forthMs: 5, backMs: 4, synchronised: true });
  assert.equal([window.summary().forthMs, window.summary().backMs], [5, 4]);
  assert.is(window.summary().jitterForthMs, undefined, 'a clock that was corrected is no jitter');
});

test('links of a node never cost more than their budget, however many there are', () => {
  const radio = snmpCost(objectsOf('ubiquiti-airmax', {}).length, '2c');
  const site = planLinks([probeCosts.stamp, radio]);
  assert.equal(site.everyMs, [10_000, 50_000]);
  assert.ok(site.bitsPerSecond < 180, `${site.bitsPerSecond}`);
  for (const count of [3, 8, 64]) {
    const costs = Array.from({ length: count }, () => probeCosts.stamp);
    const { everyMs, bitsPerSecond } = planLinks(costs);
    assert.ok(bitsPerSecond <= linkBitsPerSecond + 0.1);
    const sum = everyMs.reduce((bits, ms) => bits + probeCosts.stamp.bits / (ms / 1000), 0);
    assert.ok(Math.abs(sum - bitsPerSecond) < 1);
  }
  const relay = planLinks(Array.from({ length: 8 }, () => probeCosts.stamp));
  assert.ok(relay.everyMs[0]! <= 45_000, '75 s to an alert');
});

test('what ping prints is read, what it refuses is told apart', () => {
  const printed = (code: number, stdout: string, stderr = ''): Sample =>
    parsePing({ code, stdout: Buffer.from(stdout), stderr });
  const iputils =
    'PING 10.0.0.3 (10.0.0.3) 56(84) bytes of data.\n\n--- 10.0.0.3 ping statistics ---\n1 packets transmitted, 1 received, 0% packet loss, time 0ms\nrtt min/avg/max/mdev = 3.421/3.421/3.421/0.000 ms\n';
  assert.equal(printed(0, iputils), { kind: 'answer', roundTripMs: 3.421 });
  assert.equal(printed(0, 'round-trip min/avg/max = 0.043/0.043/0.043 ms\n'), answered(0.043));
  assert.equal(printed(1, '1 packets transmitted, 0 received, 100% packet loss, time 0ms\n'), lost);
  assert.equal(printed(2, '', 'ping: nowhere.invalid: Name or service not known\n'), {
    kind: 'lost',
    reason: 'unresolved',
  });
  assert.equal(printed(2, '', 'ping: socket: Operation not permitted\n'), {
    kind: 'unmeasured',
    reason: 'no-program',
  });
});

test('a radio is read by its model, by any model, or by objects of its own', () => {
  const asked = objectsOf('ubiquiti-airmax', {});
  assert.equal(
    asked.map(({ name }) => name),
    ['signalDbm', 'noiseDbm', 'capacityMbit', 'uptimeSeconds'],
  );
  assert.equal(radioOf(asked, [-61, -96, 130_000_000, 360_000]), {
    signalDbm: -61,
    noiseDbm: -96,
    capacityMbit: 130,
    uptimeSeconds: 3600,
  });
  assert.equal(radioOf(asked, [0, undefined, 0, 1]), { capacityMbit: 0, uptimeSeconds: 0.01 }, 'no partner');
  const any = objectsOf(undefined, {});
  assert.ok(any.length <= 32);
  assert.is(any.length, Object.values(radioModels).flatMap((model) => Object.keys(model)).length + 1);
  assert.equal(
    objectsOf(undefined, { signalDbm: '1.3.6.1.4.1.1.1' }).map(({ object }) => object.oid),
    ['1.3.6.1.4.1.1.1', '1.3.6.1.2.1.1.3'],
  );
  for (const model of Object.values(radioModels))
    for (const { oid } of Object.values(model)) assert.match(oid, /^1\.3\.6\.1\.4\.1(\.\d+)+$/);
});

test('the secret of a radio is a community or a user with passwords', () => {
  assert.equal(parseSnmpSecret('public', 'sha'), { version: '2c', community: 'public' });
  assert.equal(parseSnmpSecret('public:', 'sha'), { version: '2c', community: 'public' });
  assert.equal(parseSnmpSecret('peio:12345678', 'sha256'), {
    version: '3',
    user: 'peio',
    auth: 'sha256',
    authPassword: '12345678',
  });
  assert.is(parseSnmpSecret('peio:12345678:abcdefgh', 'sha')?.version, '3');
  for (const wrong of ['', ':x', 'a:short', 'a:12345678:short', 'a:12345678:abcdefgh:more', 'a\nb'])
    assert.is(parseSnmpSecret(wrong, 'sha'), undefined, wrong);
});
