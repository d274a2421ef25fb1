import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { openClient } from '../../deploy/hub/cli/client.ts';
import type { Hub } from '../../deploy/hub/server/hub.ts';
import { embeddedBroker, type TestBroker } from '../support/brokers.ts';
import { eventually } from '../support/eventually.ts';
import { type ScriptedNode, scriptedNode, serveHub } from '../support/hub-town.ts';
import { suite } from '../support/suite.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { makeTown, type Town } from '../support/town.ts';

const test = suite('the hub as witness of a log');

interface World {
  town: Town;
  broker: TestBroker;
  hub: Hub;
  node: ScriptedNode;
  alerts(): Promise<string[]>;
}

async function inTown(body: (world: World) => Promise<void>): Promise<void> {
  using folder = temporaryFolder();
  const broker = await embeddedBroker();
  const camera = { id: 'cam-1', rtsp: 'rtsp://127.0.0.1:1/a' };
  const town = await makeTown(folder.path, { cameras: [camera], mqtt: broker.url });
  const world = {
    town,
    broker,
    hub: await serveHub(town.hub),
    node: await scriptedNode(town.hub, town.node, broker.url),
    async alerts() {
      const { alerts } = await openClient(town.hub).get('GET /status');
      return alerts.map(({ key }) => key).sort();
    },
  };
  try {
    await eventually('the hub is connected', async () => {
      return (await openClient(town.hub).get('GET /status')).broker.connected;
    });
    await body(world);
  } finally {
    await world.node.close();
    await world.hub.close();
    await broker.close();
  }
}

test('a head over shown lines is cosigned, with the newest policy and the head of the register', () =>
  inTown(async ({ node }) => {
    await node.show(node.log('started'), node.log('probe'));
    await node.checkpoint(node.head());
    const answer = await eventually('a cosignature', () => node.cosigned[0]);
    assert.is(answer.head.size, 2);
    assert.equal(answer.statement, { policyVersion: 1, registerSize: 0, registerHead: '0'.repeat(64) });
  }));

test('a head that outruns its lines is answered when they come', () =>
  inTown(async ({ node, alerts }) => {
    const lines = [node.log('started'), node.log('probe')];
    await node.checkpoint(node.head());
    await node.show(...lines);
    assert.is((await eventually('a cosignature', () => node.cosigned[0])).head.size, 2);
    assert.equal(await alerts(), []);
  }));

test('a head of fewer lines than are shown is cosigned at its own size', () =>
  inTown(async ({ node }) => {
    await node.show(node.log('a'), node.log('b'), node.log('c'));
    await node.checkpoint(node.head(2));
    assert.is((await eventually('a cosignature', () => node.cosigned[0])).head.size, 2);
  }));

test('another history is refused and stays an alert, whatever comes after', () =>
  inTown(async ({ node, alerts }) => {
    await node.show(node.log('a'), node.log('b'));
    await node.checkpoint(node.head());
    await eventually('a cosignature', () => node.cosigned[0]);
    await node.checkpoint(node.head(2, [node.lines[0] as string, 'another']));
    await eventually('an alert', async () => (await alerts()).includes('log-fork'));
    await node.show(node.log('c'));
    await node.checkpoint(node.head());
    await eventually('the honest head is cosigned', () => node.cosigned[1]);
    assert.equal(await alerts(), ['log-fork']);
    assert.is(node.cosigned.length, 2);
  }));

test('another line at a place that was shown is a fork', () =>
  inTown(async ({ node, alerts }) => {
    const first = node.log('a');
    await node.show(first, first.replace('"a"', '"b"'));
    await eventually('an alert', async () => (await alerts()).includes('log-fork'));
  }));

test('a line that does not follow from the one before is a fork', () =>
  inTown(async ({ node, alerts }) => {
    await node.show(
      node.log('a'),
      JSON.stringify({ seq: 2, at: '2026-01-15T12:00:00.000Z', prev: '', kind: 'b' }),
    );
    await eventually('an alert', async () => (await alerts()).includes('log-fork'));
  }));

test('a shorter log is refused, also by a hub that was restarted, and passes when the whole one is back', () =>
  inTown(async (world) => {
    const { node, town, alerts } = world;
    await node.show(node.log('a'), node.log('b'));
    await node.checkpoint(node.head());
    await eventually('a cosignature', () => node.cosigned[0]);
    await world.hub.close();
    world.hub = await serveHub(town.hub);
    await eventually('the hub is connected', async () => {
      return (await openClient(town.hub).get('GET /status')).broker.connected;
    });
    await node.checkpoint(node.head(1));
    await eventually('an alert', async () => (await alerts()).includes('log-rollback'));
    assert.is(node.cosigned.length, 1);
    await node.checkpoint(node.head(2));
    await eventually('a cosignature', () => node.cosigned[1]);
    assert.equal(await alerts(), []);
  }));

test('an older policy than before is refused', () =>
  inTown(async ({ node, alerts }) => {
    await node.show(node.log('a'));
    await node.checkpoint(node.head(1, node.lines, 2, 'a'.repeat(64)));
    await eventually('a newer policy is the node’s to hold', () => node.cosigned[0]);
    await node.checkpoint(node.head());
    await eventually('an alert', async () => (await alerts()).includes('policy-rollback'));
    assert.is(node.cosigned.length, 1);
  }));

test('another policy under the version of the hub’s is refused', () =>
  inTown(async ({ node, alerts }) => {
    await node.show(node.log('a'));
    await node.checkpoint(node.head(1, node.lines, 1, 'b'.repeat(64)));
    await eventually('an alert', async () => (await alerts()).includes('policy-fork'));
    assert.is(node.cosigned.length, 0);
  }));

test('a head that the node has not signed is refused', () =>
  inTown(async ({ node, alerts }) => {
    await node.show(node.log('a'));
    await node.checkpoint(node.head().replace(/\n1\n/, '\n2\n'));
    await eventually('an alert', async () => (await alerts()).includes('checkpoint-refused'));
    await node.checkpoint('nonsense');
    await node.checkpoint(node.head());
    await eventually('a cosignature', () => node.cosigned[0]);
    assert.equal(await alerts(), []);
  }));

test('a repeated line is held once, and what comes too early is not taken', () =>
  inTown(async ({ node, alerts }) => {
    const [a, b, c] = [node.log('a'), node.log('b'), node.log('c')];
    await node.show(a, a, c, b, c);
    await node.checkpoint(node.head());
    assert.is((await eventually('a cosignature', () => node.cosigned[0])).head.size, 3);
    assert.equal(await alerts(), []);
  }));

test('a node that falls silent is an alert until it is back; the will of an older connection is not', () =>
  inTown(async ({ node, alerts }) => {
    await node.state('online', 'second');
    await node.state('offline', 'first');
    await node.state('offline', 'second');
    await eventually('an alert', async () => (await alerts()).includes('node-down'));
    await node.state('online', 'third');
    await node.state('offline', 'second');
    await node.show(node.log('a'));
    await node.checkpoint(node.head());
    await eventually('a cosignature', () => node.cosigned[0]);
    assert.equal(await alerts(), []);
  }));

test('a node cannot clear what the hub says of it', () =>
  inTown(async ({ node, town, alerts }) => {
    await node.show(
      node.log('a'),
      JSON.stringify({ seq: 1, at: '2026-01-15T12:00:00.000Z', prev: '', kind: 'b' }),
    );
    await eventually('an alert', async () => (await alerts()).includes('log-fork'));
    const said = { key: 'log-fork', severity: 'info', since: '2026-01-15T12:00:00.000Z', detail: '' };
    const topic = `peio/v1/${town.node}/alert/log-fork`;
    await node.bus.publish({ topic, payload: JSON.stringify({ ...said, state: 'cleared' }), retain: true });
    await node.bus.publish({ topic, payload: '', retain: true });
    await node.checkpoint(node.head());
    await eventually('a cosignature', () => node.cosigned[0]);
    assert.equal(await alerts(), ['log-fork']);
  }));

test('a damaged copy is an alert and cosigns nothing; the hub goes on', () =>
  inTown(async (world) => {
    const { node, town, alerts } = world;
    await node.show(node.log('a'));
    await node.checkpoint(node.head());
    await eventually('a cosignature', () => node.cosigned[0]);
    await world.hub.close();
    appendFileSync(join(town.hub, 'data', 'logs', `${town.node}.jsonl`), 'nonsense\n');
    world.hub = await serveHub(town.hub);
    await node.state('offline');
    await eventually('the hub hears', async () => (await alerts()).includes('node-down'));
    await node.checkpoint(node.head());
    await node.state('online');
    await eventually('the hub hears', async () => !(await alerts()).includes('node-down'));
    assert.equal(await alerts(), ['mirror-broken']);
    assert.is(node.cosigned.length, 1);
  }));
