import * as assert from 'uvu/assert';
import { openLog } from '#agent/platform/log.ts';
import { Failure } from '#protocol/failure.ts';
import type { Alarms, FleetKnowledge } from '../../deploy/hub/alarms/alarms.ts';
import type { Notice } from '../../deploy/hub/alarms/life.ts';
import { openOutbox, type Way } from '../../deploy/hub/alarms/outbox.ts';
import { afterQuiet } from '../../deploy/hub/alarms/quiet.ts';
import { topologyOf } from '../../deploy/hub/alarms/topology.ts';
import { testAlarms } from '../support/alarms.ts';
import { codeThrown } from '../support/code-thrown.ts';
import { type FakeClock, fakeClock } from '../support/fake-clock.ts';
import { suite } from '../support/suite.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const test = suite('the life of an alarm');
const minute = 60_000;
const down = {
  node: 'site-01',
  key: 'camera-down.cam-1',
  severity: 'critical',
  detail: 'non risponde: controllare il cavo',
  from: 'node',
} as const;
const id = 'site-01/camera-down.cam-1';

interface World {
  clock: FakeClock;
  alarms: Alarms;
  told: Notice[];
  said(): string[];
  again(): void;
}

async function inWorld(
  body: (world: World) => Promise<void>,
  more: Partial<Parameters<typeof testAlarms>[2]> = {},
): Promise<void> {
  using folder = temporaryFolder();
  const clock = fakeClock();
  const told: Notice[] = [];
  const open = (): Alarms =>
    testAlarms(folder.path, clock, {
      escalateMs: 30 * minute,
      waysFor: (notice) => {
        told.push(notice);
        return [];
      },
      ...more,
    });
  const world: World = {
    clock,
    told,
    alarms: open(),
    said: () => told.map(({ kind, alarm }) => `${kind} ${alarm.node}/${alarm.key}`),
    again() {
      world.alarms.close();
      world.alarms = open();
    },
  };
  try {
    await body(world);
  } finally {
    world.alarms.close();
  }
  assert.is(clock.pending(), 0);
}

const state = ({ alarms }: World, of = id): string | undefined =>
  alarms.list().find((one) => one.id === of)?.state;

test('raised, acknowledged, over; or over first: each state has its name, and a restart keeps it', () =>
  inWorld(async (world) => {
    await world.alarms.raise(down);
    assert.is(state(world), 'unacknowledged-active');
    await world.alarms.acknowledge(id, 'anna');
    assert.is(state(world), 'acknowledged-active');
    world.again();
    assert.is(world.alarms.list()[0]?.acknowledged?.by, 'anna');
    await world.alarms.clear('site-01', down.key, 'node');
    assert.is(state(world), undefined);
    await world.clock.advance(2 * 60 * minute);
    await world.alarms.raise(down);
    await world.alarms.clear('site-01', down.key, 'node');
    assert.is(state(world), 'return-to-normal-unacknowledged');
    world.again();
    assert.equal(world.alarms.raised(), []);
    await world.alarms.acknowledge(id, 'anna');
    assert.is(state(world), undefined);
    assert.is(await codeThrown(() => world.alarms.acknowledge(id, 'anna')), 'unknown-alert');
    assert.equal(world.said(), [`raised ${id}`, `cleared ${id}`, `raised ${id}`, `cleared ${id}`]);
  }));

test('an alarm is found as its topic names it, and by its key alone while one node has it', () =>
  inWorld(async (world) => {
    const { alarms } = world;
    await alarms.raise(down);
    assert.is((await alarms.shelve(down.key, 'anna', 60 * minute)).id, id);
    assert.is((await alarms.unshelve(`site-01.${down.key}`, 'anna')).id, id);
    await alarms.acknowledge(`site-01.${down.key}`, 'anna');
    assert.is(state(world), 'acknowledged-active');
    await alarms.raise({ ...down, node: 'site-02' });
    assert.is(await codeThrown(() => alarms.acknowledge(down.key, 'anna')), 'unknown-alert');
    await alarms.acknowledge(`site-02/${down.key}`, 'anna');
    await alarms.clear('site-02', down.key, 'node');
    await alarms.unshelve(down.key, 'anna');
  }));

test('nobody but who raised it clears it; the same again says nothing; graver is said', () =>
  inWorld(async (world) => {
    await world.alarms.raise({ ...down, severity: 'warning' });
    await world.alarms.raise({ ...down, severity: 'warning' });
    await world.alarms.clear('site-01', down.key, 'hub');
    assert.is(state(world), 'unacknowledged-active');
    await world.alarms.raise({ ...down, severity: 'warning', detail: 'un altro motivo: un altro controllo' });
    await world.alarms.raise(down);
    world.again();
    await world.alarms.raise(down);
    assert.equal(world.said(), [`raised ${id}`, `worse ${id}`]);
  }));

test('on the shelf nobody is told of it; it comes back by itself, to be acknowledged anew', () =>
  inWorld(async (world) => {
    await world.alarms.raise(down);
    await world.alarms.acknowledge(id, 'anna');
    const shelved = await world.alarms.shelve(id, 'anna', 60 * minute);
    assert.is(shelved.state, 'shelved');
    assert.equal(world.alarms.raised(), []);
    world.again();
    await world.clock.advance(59 * minute);
    assert.is(state(world), 'shelved');
    await world.clock.advance(2 * minute);
    assert.is(state(world), 'unacknowledged-active');
    assert.equal(world.said(), [`raised ${id}`, `raised ${id}`]);
    await world.alarms.shelve(id, 'anna', 60 * minute);
    await world.alarms.clear('site-01', down.key, 'node');
    await world.alarms.raise(down);
    await world.alarms.unshelve(id, 'anna');
    assert.is(state(world), 'unacknowledged-active');
  }));

test('what nobody acknowledges is told to more people, once, also over a restart; what somebody did is not', () =>
  inWorld(async (world) => {
    await world.alarms.raise(down);
    await world.alarms.raise({ ...down, key: 'camera-down.cam-2' });
    await world.alarms.raise({ ...down, key: 'link-lossy.uplink', severity: 'warning' });
    await world.alarms.acknowledge('site-01/camera-down.cam-2', 'anna');
    await world.clock.advance(20 * minute);
    world.again();
    await world.clock.advance(20 * minute);
    world.again();
    await world.clock.advance(60 * minute);
    assert.equal(
      world.said().filter((line) => line.startsWith('escalated')),
      [`escalated ${id}`],
    );
  }));

test('what nobody acknowledges is told to more people though nothing else happens', () =>
  inWorld(async (world) => {
    await world.alarms.raise(down);
    await world.clock.advance(29 * minute);
    assert.equal(world.said(), [`raised ${id}`]);
    await world.clock.advance(2 * minute);
    assert.equal(world.said(), [`raised ${id}`, `escalated ${id}`]);
  }));

test('what is wrong during maintenance is no news; what outlasts it is', () =>
  inWorld(
    async (world) => {
      const now = world.alarms.now();
      const window = {
        node: 'site-01',
        from: now + 10 * minute,
        until: now + 70 * minute,
        by: 'anna',
        reason: 'x',
      };
      await world.alarms.announceMaintenance(window);
      await world.clock.advance(11 * minute);
      await world.alarms.raise(down);
      await world.alarms.raise({ ...down, key: 'camera-down.cam-2' });
      await world.alarms.raise({ ...down, node: 'site-02' });
      world.again();
      assert.is(state(world), 'out-of-service');
      await world.clock.advance(10 * minute);
      await world.alarms.clear('site-01', 'camera-down.cam-2', 'node');
      assert.equal(world.said(), ['raised site-02/camera-down.cam-1']);
      await world.clock.advance(60 * minute);
      assert.equal(world.said(), ['raised site-02/camera-down.cam-1', `raised ${id}`]);
      assert.equal(world.alarms.maintenance(), []);
      const early = await world.alarms.announceMaintenance({
        ...window,
        from: 0,
        until: world.alarms.now() + minute,
      });
      await world.alarms.endMaintenance(early.id);
      assert.is(await codeThrown(() => world.alarms.endMaintenance(early.id)), 'unknown-maintenance');
    },
    { escalateMs: undefined },
  ));

test('a node that comes and goes is told three times, then once that it will not stay, until it did for 15 min', () =>
  inWorld(
    async (world) => {
      const silent = { ...down, key: 'node-down', from: 'hub' } as const;
      for (let round = 0; round < 20; round++) {
        await world.alarms.raise(silent);
        await world.clock.advance(minute);
        await world.alarms.clear('site-01', 'node-down', 'hub');
        await world.clock.advance(minute);
      }
      const said = world.told.map(({ kind, flapping }) => `${kind}${flapping ? ' flapping' : ''}`);
      assert.equal(said, ['raised', 'cleared', 'raised', 'cleared', 'raised', 'cleared', 'raised flapping']);
      await world.clock.advance(13 * minute);
      assert.is(world.told.length, 7);
      await world.clock.advance(3 * minute);
      assert.is(world.told.at(-1)?.kind, 'cleared');
    },
    { escalateMs: undefined },
  ));

test('a node that says nonsense without end is bounded, in how much and in how often', () =>
  inWorld(
    async (world) => {
      for (let index = 0; index < 600; index++)
        await world.alarms.raise({
          ...down,
          key: `x.y-${index}`,
          detail: 'a\r\nPrendere in carico: no\u2028\u202e',
        });
      assert.is(world.alarms.list().length, 500);
      assert.is(world.alarms.list()[0]?.detail, 'a Prendere in carico: no ');
      const before = world.told.length;
      for (let round = 0; round < 100; round++) {
        await world.alarms.clear('site-01', 'x.y-0', 'node');
        await world.alarms.raise({ ...down, key: 'x.y-0' });
      }
      assert.ok(world.told.length - before <= 16, `${world.told.length - before}`);
    },
    { escalateMs: undefined, path: ':memory:' },
  ));

test('a stepped clock ends no shelf, starts no escalation and forgets nothing', () =>
  inWorld(async (world) => {
    await world.alarms.raise(down);
    await world.alarms.raise({ ...down, key: 'camera-down.cam-2' });
    await world.alarms.shelve('site-01/camera-down.cam-2', 'anna', 60 * minute);
    world.clock.stepUtc(30 * 86_400_000);
    await world.clock.advance(minute);
    world.clock.stepUtc(-60 * 86_400_000);
    await world.clock.advance(minute);
    assert.equal(world.said(), [`raised ${id}`, 'raised site-01/camera-down.cam-2']);
    assert.is(state(world, 'site-01/camera-down.cam-2'), 'shelved');
    await world.clock.advance(30 * minute);
    assert.is(world.said().at(-1), `escalated ${id}`);
  }));

const chain: FleetKnowledge = {
  topology: () =>
    topologyOf(
      ['relay-a', 'site-01', 'site-02', 'site-03'],
      [
        { id: 'site-01', uplink: 'relay-a' },
        { id: 'site-02', uplink: 'relay-a' },
      ],
    ),
  linkOf: (node) =>
    node === 'relay-a' ? { to: 'site-01', probe: 'snmp' } : { to: 'relay-a', probe: 'stamp' },
  heardAt: () => undefined,
};

test('links towards a relay that fell are explained by it, and its own silence says everything once', () =>
  inWorld(
    async (world) => {
      const link = (node: string) => ({ ...down, node, key: 'link-down.uplink' });
      await world.alarms.raise(link('site-01'));
      await world.clock.advance(5000);
      await world.alarms.raise(link('site-02'));
      await world.clock.advance(35_000);
      await world.alarms.raise({ ...down, node: 'relay-a', key: 'node-down', from: 'hub' });
      await world.clock.advance(5 * minute);
      assert.equal(world.said(), ['raised relay-a/node-down']);
      assert.equal(world.told[0]?.explains.sort(), ['site-01/link-down.uplink', 'site-02/link-down.uplink']);
      assert.is(state(world, 'site-01/link-down.uplink'), 'suppressed-by-design');
      await world.alarms.clear('relay-a', 'node-down', 'hub');
      await world.alarms.clear('site-01', 'link-down.uplink', 'node');
      await world.clock.advance(minute);
      assert.equal(world.said(), ['raised relay-a/node-down', 'cleared relay-a/node-down']);
      await world.clock.advance(2 * minute);
      assert.is(world.said().at(-1), 'raised site-02/link-down.uplink');
    },
    { knowledge: chain },
  ));

test('a link that is down explains the silence behind it', () =>
  inWorld(
    async (world) => {
      await world.alarms.raise({ ...down, node: 'relay-a', key: 'link-down.radio' });
      await world.clock.advance(10_000);
      await world.alarms.raise({ ...down, key: 'node-down', from: 'hub' });
      await world.alarms.raise({ ...down, key: 'checkpoint-missing', from: 'hub' });
      await world.clock.advance(10 * minute);
      assert.equal(world.said(), ['raised relay-a/link-down.radio']);
    },
    { knowledge: chain },
  ));

test('quiet hours end at their local time, over midnight and in the nights in which the clocks change', () => {
  const quiet = { from: '22:00', to: '07:00', severities: ['warning' as const] };
  const end = (at: string, severity: 'warning' | 'critical' = 'warning'): string =>
    new Date(afterQuiet(quiet, severity, Date.parse(at), 'Europe/Rome')).toISOString();
  assert.is(end('2026-01-15T20:59:59Z'), '2026-01-15T20:59:59.000Z');
  assert.is(end('2026-01-15T21:00:30Z'), '2026-01-16T06:00:00.000Z');
  assert.is(end('2026-01-16T05:59:00Z'), '2026-01-16T06:00:00.000Z');
  assert.is(end('2026-01-16T06:00:00Z'), '2026-01-16T06:00:00.000Z');
  assert.is(end('2026-01-16T03:00:00Z', 'critical'), '2026-01-16T03:00:00.000Z');
  assert.is(end('2026-03-28T22:30:00Z'), '2026-03-29T05:00:00.000Z');
  assert.is(end('2026-10-24T21:30:00Z'), '2026-10-25T06:00:00.000Z');
});

interface Sent {
  id: string;
  keys: string[];
}

/** A way that is told what to do with each piece. */
function scriptedWay(answer: (sent: Sent) => 'taken' | 'failed' | 'hangs'): Way & { pieces: Sent[] } {
  const pieces: Sent[] = [];
  return {
    name: 'mail',
    most: 3,
    pieces,
    async send({ id: piece, notices }, signal) {
      const sent = { id: piece, keys: notices.map(({ kind, alarm }) => `${kind} ${alarm.key}`) };
      pieces.push(sent);
      const said = answer(sent);
      if (said === 'failed') throw new Failure('transient', 'mail-failed', 'no');
      if (said === 'hangs')
        await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
    },
  };
}

test('what fails is tried again with growing waits, in the same pieces; failing for 2 min is told, and its end', async () => {
  using folder = temporaryFolder();
  const clock = fakeClock();
  const alarms = testAlarms(folder.path, clock, { waysFor: (_, now) => [{ way: 'mail', due: now }] });
  let answer: 'taken' | 'failed' = 'failed';
  const way = scriptedWay(() => answer);
  const failing: (string | undefined)[] = [];
  const bugs: unknown[] = [];
  const outbox = openOutbox({
    store: alarms.store,
    ways: [way],
    clock,
    random: { bytes: (size) => Buffer.alloc(size), fraction: () => 1 },
    log: openLog('silent'),
    now: alarms.now,
    failing: async (_, why) => void failing.push(why),
    broken: (error) => bugs.push(error),
  });
  for (const camera of [1, 2, 3, 4]) await alarms.raise({ ...down, key: `camera-down.cam-${camera}` });
  outbox.wake();
  await clock.advance(10 * minute);
  assert.equal(failing, ['no']);
  const tries = way.pieces.length;
  assert.ok(tries > 4 && tries < 24, `${tries}`);
  const ids = new Set(way.pieces.map((piece) => piece.id));
  assert.is(ids.size, 2);
  answer = 'taken';
  await clock.advance(20 * minute);
  assert.is(failing.at(-1), undefined);
  const taken = way.pieces.slice(-2).flatMap(({ keys }) => keys);
  assert.equal(
    taken.sort(),
    [1, 2, 3, 4].map((n) => `raised camera-down.cam-${n}`),
  );
  const after = way.pieces.length;
  await clock.advance(60 * minute);
  assert.is(way.pieces.length, after);
  await outbox.close();
  alarms.close();
  assert.equal(bugs, []);
  assert.is(clock.pending(), 0);
});

test('a piece under way when the hub goes is sent again under its own id, and nothing else with it', async () => {
  using folder = temporaryFolder();
  const clock = fakeClock();
  const lives: (Way & { pieces: Sent[] })[] = [];
  const live = (answer: 'taken' | 'hangs') => {
    const alarms = testAlarms(folder.path, clock, { waysFor: (_, now) => [{ way: 'mail', due: now }] });
    const way = scriptedWay(() => answer);
    lives.push(way);
    const outbox = openOutbox({
      store: alarms.store,
      ways: [way],
      clock,
      random: { bytes: (size) => Buffer.alloc(size), fraction: () => 1 },
      log: openLog('silent'),
      now: alarms.now,
      failing: async () => {},
      broken: (error) => {
        throw error;
      },
    });
    return {
      alarms,
      outbox,
      async end() {
        await outbox.close();
        alarms.close();
      },
    };
  };
  const first = live('hangs');
  await first.alarms.raise(down);
  first.outbox.wake();
  await clock.advance(1000);
  await first.alarms.raise({ ...down, key: 'camera-down.cam-2' });
  await first.end();
  const second = live('taken');
  await clock.advance(1000);
  await second.end();
  const [hung] = lives[0]?.pieces ?? [];
  assert.equal(lives[1]?.pieces[0], hung);
  assert.equal(lives[1]?.pieces[1]?.keys, ['raised camera-down.cam-2']);
  const third = live('taken');
  await clock.advance(60 * minute);
  await third.end();
  assert.equal(lives[2]?.pieces, []);
});

test('what came and went while people slept wakes nobody and is not told in the morning', async () => {
  using folder = temporaryFolder();
  const clock = fakeClock();
  const morning = clock.utc() + 8 * 60 * minute;
  const alarms = testAlarms(folder.path, clock, { waysFor: () => [{ way: 'mail', due: morning }] });
  const way = scriptedWay(() => 'taken');
  const outbox = openOutbox({
    store: alarms.store,
    ways: [way],
    clock,
    random: { bytes: (size) => Buffer.alloc(size), fraction: () => 1 },
    log: openLog('silent'),
    now: alarms.now,
    failing: async () => {},
    broken: (error) => {
      throw error;
    },
  });
  await alarms.raise({ ...down, severity: 'warning' });
  await alarms.raise({ ...down, key: 'camera-down.cam-2', severity: 'warning' });
  await clock.advance(10 * minute);
  await alarms.clear('site-01', down.key, 'node');
  outbox.wake();
  await clock.advance(7 * 60 * minute);
  assert.equal(way.pieces, []);
  await clock.advance(60 * minute);
  assert.equal(
    way.pieces.map(({ keys }) => keys),
    [['raised camera-down.cam-2']],
  );
  await outbox.close();
  alarms.close();
});
