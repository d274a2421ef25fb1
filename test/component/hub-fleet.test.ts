import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import * as assert from 'uvu/assert';
import { openLog } from '#agent/platform/log.ts';
import type { Policy } from '#protocol/policy.ts';
import type { Alarms } from '../../deploy/hub/alarms/alarms.ts';
import { type Alerts, alertId } from '../../deploy/hub/fleet/alerts.ts';
import { type Fleet, openFleet } from '../../deploy/hub/fleet/fleet.ts';
import { testAlarms } from '../support/alarms.ts';
import { codeThrown } from '../support/code-thrown.ts';
import { eventually } from '../support/eventually.ts';
import { type FakeClock, fakeClock } from '../support/fake-clock.ts';
import { suite } from '../support/suite.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const test = suite('the fleet at the hub');

const minute = 60_000;
const policy = { nodes: [{ id: 'site-01' }, { id: 'site-02' }] } as unknown as Policy;

async function inFleet(
  body: (world: { clock: FakeClock; fleet: Fleet; alerts: Alarms; path: string }) => Promise<void>,
) {
  using folder = temporaryFolder();
  const clock = fakeClock();
  const path = join(folder.path, 'alarms.sqlite');
  const alerts = testAlarms(folder.path, clock);
  const bugs: unknown[] = [];
  const fleet = openFleet({
    clock,
    log: openLog('silent'),
    alerts,
    policy: () => policy,
    broken: (error) => bugs.push(error),
  });
  try {
    await body({ clock, fleet, alerts, path });
  } finally {
    fleet.close();
    alerts.close();
  }
  assert.equal(bugs, []);
  assert.is(clock.pending(), 0);
}

const keys = (alerts: Alerts): string[] => alerts.raised().map(alertId).sort();

test('a node that shows no head for 15 minutes is an alert, whatever its health says, until it does', () =>
  inFleet(async ({ clock, fleet, alerts }) => {
    await clock.advance(10 * minute);
    await fleet.checkpoint('site-01');
    await clock.advance(4 * minute);
    assert.equal(keys(alerts), []);
    await clock.advance(minute + 20_000);
    await eventually('one alert', () => keys(alerts).length === 1);
    assert.equal(keys(alerts), ['site-02/checkpoint-missing']);
    await clock.advance(10 * minute);
    await eventually('two alerts', () => keys(alerts).length === 2);
    await fleet.checkpoint('site-02');
    assert.equal(keys(alerts), ['site-01/checkpoint-missing']);
  }));

test('a step of the clock is no silence', () =>
  inFleet(async ({ clock, fleet, alerts }) => {
    await fleet.checkpoint('site-01');
    await fleet.checkpoint('site-02');
    clock.stepUtc(86_400_000);
    await clock.advance(minute);
    assert.equal(keys(alerts), []);
  }));

test('what a node raises is kept with its own time until it clears it', () =>
  inFleet(async ({ fleet, alerts, path, clock }) => {
    const said = {
      key: 'camera-down.cam-1',
      severity: 'critical',
      since: '2026-01-15T11:00:00.000Z',
      detail: 'la telecamera non risponde',
    };
    const say = (state: string, more = {}) =>
      fleet.alert('site-01', said.key, Buffer.from(JSON.stringify({ ...said, state, ...more })));
    await say('raised');
    await say('raised', { detail: 'nessun dato' });
    assert.is(alerts.raised()[0]?.since, Date.parse(said.since));
    assert.is(alerts.raised()[0]?.detail, 'nessun dato');
    await alerts.acknowledge('site-01/camera-down.cam-1', 'anna');
    const again = testAlarms(dirname(path), clock);
    assert.is(again.raised()[0]?.acknowledged?.by, 'anna');
    again.close();
    await say('cleared');
    assert.equal(keys(alerts), []);
    assert.is(
      await codeThrown(() => alerts.acknowledge('site-01/camera-down.cam-1', 'anna')),
      'unknown-alert',
    );
    assert.equal(alerts.list(), []);
  }));

test('noise on the topics of alerts, state and health changes nothing', () =>
  inFleet(async ({ fleet, alerts }) => {
    const good = {
      key: 'a.b',
      state: 'raised',
      severity: 'info',
      since: '2026-01-15T11:00:00.000Z',
      detail: '',
    };
    for (const [key, payload] of [
      ['a.b', 'nonsense'],
      ['a.b', JSON.stringify({ ...good, key: 'c.d' })],
      ['a.b', JSON.stringify({ ...good, severity: 'loud' })],
      ['a.b', JSON.stringify({ ...good, detail: 'x'.repeat(501) })],
      ['A B', JSON.stringify({ ...good, key: 'A B' })],
      ['a.b', ' '.repeat(300_000)],
    ] as const)
      await fleet.alert('site-01', key, Buffer.from(payload));
    await fleet.state('site-01', Buffer.from('{"state":"gone"}'));
    fleet.health('site-01', Buffer.from('[]'));
    assert.equal(alerts.list(), []);
    assert.equal(fleet.nodes(), [
      { id: 'site-01', state: 'unknown' },
      { id: 'site-02', state: 'unknown' },
    ]);
  }));

test('worst first, then oldest; a damaged file is not overwritten', () =>
  inFleet(async ({ alerts, path, clock }) => {
    const raise = (key: string, severity: 'info' | 'warning' | 'critical', since: number) =>
      alerts.raise({ node: 'site-01', key, severity, detail: '', from: 'node', since });
    await raise('c', 'info', 1);
    await raise('b', 'critical', 3);
    await raise('a', 'critical', 2);
    assert.equal(
      alerts.raised().map(({ key }) => key),
      ['a', 'b', 'c'],
    );
    const damaged = join(dirname(path), 'damaged');
    mkdirSync(damaged);
    writeFileSync(join(damaged, 'alarms.sqlite'), '{'.repeat(4096));
    assert.is(await codeThrown(async () => testAlarms(damaged, clock)), 'alarms-broken');
    assert.is(readFileSync(join(damaged, 'alarms.sqlite'), 'utf8'), '{'.repeat(4096));
  }));
