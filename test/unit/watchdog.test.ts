import * as assert from 'uvu/assert';
import { feedWatchdog, judge, openPulse } from '#agent/lifecycle/watchdog.ts';
import type { Notifier } from '#agent/platform/notify.ts';
import { fakeClock } from '../support/fake-clock.ts';
import { quietLog } from '../support/log.ts';
import { suite } from '../support/suite.ts';

const test = suite('watchdog');
const moving = { name: 'cam-1', idleMs: 500, limitMs: 120_000 };
const stuck = { name: 'cam-2', idleMs: 120_001, limitMs: 120_000 };

test('is content when the loop is in time and everything moves, a node without cameras included', () => {
  assert.is(judge(0, []), undefined);
  assert.is(judge(2000, [moving, { ...stuck, idleMs: 120_000 }]), undefined);
});

test('names what is stuck, one camera among many included', () => {
  const why = judge(0, [moving, stuck, { ...stuck, name: 'rounds', idleMs: Number.NaN }]);
  assert.ok(why?.includes('cam-2') && why.includes('rounds') && !why.includes('cam-1'));
});

test('takes a late event loop for no life', () => {
  assert.ok(judge(2001, [moving]));
});

function watched(watchdogMs: number | undefined) {
  const fed: string[] = [];
  const notifier: Notifier = {
    watchdogMs,
    ready: async () => {},
    alive: async (status) => void fed.push(status),
    stopping: async () => {},
  };
  return { notifier, fed };
}

test('feeds four times in the time that is given, and no more once the work is stuck', async () => {
  const clock = fakeClock();
  const stop = new AbortController();
  const { notifier, fed } = watched(60_000);
  const pulse = openPulse(clock);
  const feeding = feedWatchdog(
    {
      clock,
      log: quietLog,
      notifier,
      signs: () => [{ name: 'work', idleMs: pulse.idleMs(), limitMs: 30_000 }],
      status: () => 'recording 1 of 1',
    },
    stop.signal,
  );
  for (let seconds = 0; seconds < 60; seconds++) {
    pulse.beat();
    await clock.advance(1000);
  }
  assert.equal(fed, Array(5).fill('recording 1 of 1'));
  await clock.advance(120_000);
  assert.ok(fed.length <= 7);
  const before = fed.length;
  await clock.advance(600_000);
  assert.is(fed.length, before);
  pulse.beat();
  await clock.advance(15_000);
  assert.is(fed.length, before + 1);
  stop.abort();
  await feeding;
  assert.is(clock.pending(), 0);
});

test('a stall of the event loop costs one feeding, not the process', async () => {
  const clock = fakeClock();
  const stop = new AbortController();
  const { notifier, fed } = watched(4000);
  let late = 0;
  const lagging = {
    ...clock,
    after: (ms: number, then: () => void) => clock.after(ms + late, then),
  };
  const feeding = feedWatchdog(
    { clock: lagging, log: quietLog, notifier, signs: () => [], status: () => 's' },
    stop.signal,
  );
  await clock.advance(2000);
  assert.is(fed.length, 3);
  late = 5000;
  await clock.advance(1000);
  late = 0;
  assert.is(fed.length, 4);
  await clock.advance(6000);
  assert.is(fed.length, 4);
  await clock.advance(1000);
  assert.is(fed.length, 5);
  stop.abort();
  await feeding;
});

test('returns at once where nobody watches', async () => {
  const { notifier, fed } = watched(undefined);
  await feedWatchdog(
    { clock: fakeClock(), log: quietLog, notifier, signs: () => [stuck], status: () => '' },
    new AbortController().signal,
  );
  assert.equal(fed, []);
});
