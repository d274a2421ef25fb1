import * as assert from 'uvu/assert';
import { type Probe, runProbe } from '#agent/lifecycle/probe.ts';
import { fakeClock } from '../support/fake-clock.ts';
import { suite } from '../support/suite.ts';

const test = suite('probes');

/** A probe whose measurements take what a test says; counts what runs at once. */
function scripted(tookMs: () => number, more: Partial<Probe> = {}) {
  const clock = fakeClock();
  const stop = new AbortController();
  const begun: number[] = [];
  const stuck: boolean[] = [];
  let running = 0;
  const probe: Probe = {
    everyMs: 10_000,
    limitMs: 3000,
    async once() {
      begun.push(clock.monotonic());
      running += 1;
      assert.is(running, 1, 'never beside itself');
      const ms = tookMs();
      if (ms > 0) await new Promise<void>((resolve) => void clock.after(ms, resolve));
      running -= 1;
    },
    stuck: (yes) => stuck.push(yes),
    ...more,
  };
  return { clock, stop, begun, stuck, done: runProbe(clock, stop.signal, probe) };
}

test('measured at once and then on its beat, until it is stopped', async () => {
  const { clock, stop, begun, stuck, done } = scripted(() => 0);
  await clock.advance(35_000);
  assert.equal(begun, [1000, 11_000, 21_000, 31_000]);
  assert.equal(stuck, [false, false, false, false]);
  stop.abort();
  await clock.advance(0);
  await done;
  assert.is(clock.pending(), 0);
});

test('one that takes long is made less often: no more than its share of the time', async () => {
  const { clock, stop, begun, done } = scripted(() => 2000);
  await clock.advance(130_000);
  assert.equal(begun, [1000, 41_000, 81_000, 121_000], 'a twentieth');
  stop.abort();
  await clock.advance(2000);
  await done;
  const other = scripted(() => 2000, { share: 1 });
  await other.clock.advance(25_000);
  assert.is(other.begun.length, 3);
  other.stop.abort();
  await other.clock.advance(2000);
  await other.done;
});

test('one past its limit is told to stop; one that goes on is stuck until it ends', async () => {
  let told = 0;
  let hangMs = 60_000;
  const { clock, stop, stuck, done } = scripted(() => 0, {
    share: 1,
    async once(signal) {
      signal.addEventListener('abort', () => told++);
      if (hangMs > 0) await new Promise<void>((resolve) => void clock.after(hangMs, resolve));
    },
  });
  await clock.advance(3000);
  assert.equal([told, stuck], [1, []], 'it has a moment');
  await clock.advance(2000);
  assert.equal(stuck, [true]);
  hangMs = 0;
  await clock.advance(56_000);
  assert.equal(stuck.slice(0, 2), [true, false]);
  stop.abort();
  await clock.advance(0);
  await done;
});

test('one that hangs while the node stops is left behind, soon', async () => {
  const { clock, stop, stuck, done } = scripted(() => 0, { once: () => new Promise(() => {}) });
  await clock.advance(1000);
  stop.abort();
  await clock.advance(2000);
  await done;
  assert.equal(stuck, []);
});

test('what a measurement throws is a bug and ends it', async () => {
  const { clock, done } = scripted(() => 0, {
    async once() {
      throw new TypeError('bug');
    },
  });
  done.catch(() => {});
  await clock.advance(0);
  let thrown: unknown;
  await done.catch((error: unknown) => {
    thrown = error;
  });
  assert.instance(thrown, TypeError);
});
