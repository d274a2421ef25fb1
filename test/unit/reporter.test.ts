import * as assert from 'uvu/assert';
import type { Bus, Publication } from '#agent/mqtt/bus.ts';
import { openEvents } from '#agent/reporter/events.ts';
import { openReporter } from '#agent/reporter/reporter.ts';
import { Failure } from '#protocol/failure.ts';
import { eventually } from '../support/eventually.ts';
import { quietLog } from '../support/log.ts';
import { suite } from '../support/suite.ts';

const test = suite('reporter');

/** A bus of which the test decides what is acknowledged. */
function scriptedBus() {
  let up = false;
  const listeners: (() => void)[] = [];
  const pending: { publication: Publication; resolve(): void; reject(error: Failure): void }[] = [];
  const bus: Bus = {
    publish: (publication) =>
      up
        ? new Promise((resolve, reject) => pending.push({ publication, resolve, reject }))
        : Promise.reject(new Failure('transient', 'offline', 'offline')),
    connected: () => up,
    protocol: () => '5',
    reconnects: () => 0,
    onConnect: (then) => listeners.push(then),
    subscribe: () => {},
    close: async () => {},
  };
  return {
    bus,
    pending,
    connect() {
      up = true;
      for (const then of listeners) then();
    },
    cut() {
      up = false;
      for (const { reject } of pending.splice(0)) reject(new Failure('transient', 'offline', 'cut'));
    },
    acknowledge(count = pending.length) {
      const done = pending.splice(0, count);
      for (const { resolve } of done) resolve();
      return done.map(
        ({ publication }) => `${publication.topic.split('/').slice(3).join('/')} ${publication.payload}`,
      );
    },
  };
}

const state = (word: 'online' | 'offline') => ({
  state: word,
  bootId: 'b',
  sessionId: 's',
  version: '1',
  at: 'now',
});
const settle = () => new Promise((resolve) => setImmediate(resolve));

test('says on connecting what is true now, and newest values only', async () => {
  const { bus, connect, acknowledge } = scriptedBus();
  const reporter = openReporter({ node: 'site-01', bus, log: quietLog, state, raised: () => [] });
  const alert = { severity: 'critical' as const, since: 't', detail: '' };
  reporter.alert({ key: 'camera-down.cam-1', state: 'raised', ...alert });
  reporter.alert({ key: 'camera-down.cam-1', state: 'cleared', ...alert });
  reporter.status('id-1', 'one', true);
  connect();
  const said = acknowledge();
  assert.is(said.length, 3);
  assert.ok(said.some((text) => /^state .*online/.test(text)));
  assert.ok(said.some((text) => /^alert\/camera-down\.cam-1 .*cleared/.test(text)));
  assert.ok(said.includes('command/id-1/status one'));
  await settle();
  assert.equal(acknowledge(), [], 'nothing is said twice');
});

test('what was not acknowledged is said again after a cut', async () => {
  const { bus, connect, cut, acknowledge } = scriptedBus();
  const reporter = openReporter({ node: 'site-01', bus, log: quietLog, state, raised: () => [] });
  connect();
  acknowledge();
  await settle();
  reporter.status('id-1', 'one', true);
  cut();
  await settle();
  connect();
  assert.ok(acknowledge().some((text) => text === 'command/id-1/status one'));
});

function logOf(size: number, cosigned = 0) {
  const source = {
    length: size,
    head: cosigned,
    size: () => source.length,
    cosigned: () => source.head,
    read: async (from: number, count: number) =>
      Array.from({ length: Math.max(0, Math.min(count, source.length - from + 1)) }, (_, i) => ({
        seq: from + i,
        text: `${from + i}`,
      })),
  };
  return source;
}

test('sends the log in order from the cursor, a bounded number at a time', async () => {
  const { bus, connect, pending, acknowledge } = scriptedBus();
  const source = logOf(50, 5);
  openEvents({ node: 'site-01', bus, source, log: quietLog });
  connect();
  await eventually('the window', () => pending.length === 20);
  const seen: number[] = [];
  while (seen.length < 45) {
    await eventually('more', () => pending.length > 0);
    assert.ok(pending.length <= 20);
    seen.push(...acknowledge().map((text) => Number(text.split(' ')[1])));
    await settle();
  }
  assert.equal(
    seen,
    Array.from({ length: 45 }, (_, i) => i + 6),
  );
});

test('begins again from the cursor when the connection is cut, and goes on when the log grows', async () => {
  const { bus, connect, cut, pending, acknowledge } = scriptedBus();
  const source = logOf(3);
  const events = openEvents({ node: 'site-01', bus, source, log: quietLog });
  connect();
  await eventually('three', () => pending.length === 3);
  cut();
  await settle();
  connect();
  await eventually('three again', () => pending.length === 3);
  acknowledge();
  await settle();
  source.length = 4;
  events.grown();
  await eventually('the fourth', () => pending.length === 1);
  assert.equal(acknowledge(), ['event 4']);
});

test('sends again what the hub does not cosign', async () => {
  const { bus, connect, pending, acknowledge } = scriptedBus();
  const source = logOf(3);
  const events = openEvents({ node: 'site-01', bus, source, log: quietLog });
  connect();
  await eventually('three', () => pending.length === 3);
  acknowledge();
  await settle();
  source.head = 1;
  events.again();
  await eventually('what is not cosigned', () => pending.length === 2);
  assert.equal(acknowledge(), ['event 2', 'event 3']);
});
