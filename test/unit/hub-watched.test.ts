import * as assert from 'uvu/assert';
import type { Notifier } from '#agent/platform/notify.ts';
import { Failure } from '#protocol/failure.ts';
import { keepWatched } from '../../deploy/hub/server/watched.ts';
import { fakeClock } from '../support/fake-clock.ts';
import { quietLog } from '../support/log.ts';
import { suite } from '../support/suite.ts';

const test = suite('hub, watched');

function manager(watchdogMs: number | undefined) {
  const heard: string[] = [];
  const notifier: Notifier = {
    watchdogMs,
    ready: async () => void heard.push('ready'),
    alive: async () => void heard.push('alive'),
    stopping: async () => void heard.push('stopping'),
  };
  return { notifier, heard };
}

test('is alive while it answers itself, and no more once it is silent', async () => {
  const clock = fakeClock();
  const stop = new AbortController();
  const { notifier, heard } = manager(60_000);
  let away = false;
  const ask = async (): Promise<void> => {
    if (away) throw new Failure('unavailable', 'hub-away', 'nobody answers');
  };
  const watched = keepWatched({ clock, log: quietLog, notifier, ask }, stop.signal);
  await clock.advance(60_000);
  assert.equal(heard, ['ready', ...Array(5).fill('alive')]);
  away = true;
  await clock.advance(60_000);
  const before = heard.length;
  await clock.advance(300_000);
  assert.is(heard.length, before);
  away = false;
  await clock.advance(30_000);
  assert.ok(heard.length > before);
  stop.abort();
  await watched;
  assert.is(clock.pending(), 0);
});

test('asks nothing where nobody watches', async () => {
  const { notifier, heard } = manager(undefined);
  const ask = (): Promise<never> => Promise.reject(new Error('asked'));
  await keepWatched({ clock: fakeClock(), log: quietLog, notifier, ask }, new AbortController().signal);
  assert.equal(heard, ['ready']);
});
