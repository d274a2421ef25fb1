// A hub on a file system of its own that something else fills: what it keeps stays, what it cannot keep it refuses.
import { appendFileSync, rmSync, statfsSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { codeOf } from '#protocol/failure.ts';
import { openAlarmStore } from '../../deploy/hub/alarms/alarm-store.ts';
import type { AlarmView } from '../../deploy/hub/alarms/alarms.ts';
import { type HubClient, openClient } from '../../deploy/hub/cli/client.ts';
import { openRegister } from '../../deploy/hub/register/register.ts';
import { embeddedBroker, type TestBroker } from '../support/brokers.ts';
import { type ChildProgram, startProgram } from '../support/child-program.ts';
import { codeThrown } from '../support/code-thrown.ts';
import { eventually } from '../support/eventually.ts';
import { requestRecord, type ScriptedNode, scriptedNode } from '../support/hub-town.ts';
import { memoryMount, whyNoMounts } from '../support/small-disk.ts';
import { suite } from '../support/suite.ts';
import { makeTown, type Town } from '../support/town.ts';

const test = suite('a hub whose disk is full', { timeoutMs: 180_000 });
const noMounts = whyNoMounts();
const limitMs = 60_000;

interface Scene {
  town: Town;
  broker: TestBroker;
  node: ScriptedNode;
  client: HubClient;
  serve(): ChildProgram;
  fill(): void;
  free(): void;
}

async function onSmallDisk(body: (scene: Scene) => Promise<void>): Promise<void> {
  using disk = memoryMount({ megabytes: 32 });
  const broker = await embeddedBroker();
  const camera = { id: 'cam-1', rtsp: 'rtsp://127.0.0.1:1/a' };
  const town = await makeTown(disk.path, { cameras: [camera], mqtt: broker.url });
  const node = await scriptedNode(town.hub, town.node, broker.url);
  const other = join(disk.path, 'somebody-else');
  try {
    await body({
      town,
      broker,
      node,
      client: openClient(town.hub),
      serve: () => startProgram('deploy/hub/main.ts', ['serve', '--hub', town.hub]),
      fill() {
        const { bavail, bsize } = statfsSync(disk.path);
        try {
          appendFileSync(other, Buffer.alloc(bavail * bsize, 1));
        } catch (error) {
          // The hub took some of it meanwhile.
          if (codeOf(error) !== 'ENOSPC') throw error;
        }
      },
      free: () => rmSync(other),
    });
  } finally {
    await node.close();
    await broker.close();
  }
}

const record = ({ town }: Scene) =>
  requestRecord({
    ...{ node: town.node, camera: 'cam-1' },
    ...{ from: '2026-01-15T10:00:00.000Z', to: '2026-01-15T10:01:00.000Z' },
  });
const ask = (scene: Scene) => scene.client.post('request', { by: 'anna', record: record(scene) });
/** False while the hub is being opened. */
async function unlessAway(work: () => Promise<boolean>): Promise<boolean> {
  try {
    return await work();
  } catch (error) {
    if (codeOf(error) !== 'hub-away') throw error;
    return false;
  }
}
const connected = ({ client }: Scene): Promise<boolean> =>
  unlessAway(async () => (await client.get('GET /status')).broker.connected);
const alarmOf = async ({ client }: Scene): Promise<AlarmView | undefined> =>
  (await client.get('GET /alarms')).alarms.find(({ key }) => key === 'disk-refusing');
const cosigned = ({ node }: Scene): boolean => node.cosigned.at(-1)?.head.size === node.lines.length;
/** As a node does that is not answered: everything from the start, then the head. */
const showAll = async ({ node }: Scene): Promise<void> => {
  await node.show(...node.lines);
  await node.checkpoint(node.head());
};
function linesOf({ town }: Scene): string[] {
  const register = openRegister(join(town.hub, 'data', 'register.sqlite'), () => 0);
  try {
    return register.lines().map(({ kind, request }) => `${kind} ${request}`);
  } finally {
    register.close();
  }
}

if (noMounts !== undefined) test.skip('on a file system of its own', noMounts);
else {
  test('serves what it has, takes nothing that it cannot keep, and begins again by itself', () =>
    onSmallDisk(async (scene) => {
      const { client, node, town } = scene;
      await using hub = scene.serve();
      await eventually('the hub is connected', () => connected(scene), limitMs);
      const { id } = await ask(scene);
      let taken = 1;
      node.log('started');
      await eventually('a head is cosigned', async () => {
        await showAll(scene);
        return cosigned(scene);
      });
      const before = node.lines.length;

      await eventually('a request is refused', async () => {
        // What the hub replaced meanwhile left a little room.
        scene.fill();
        const code = await codeThrown(() => ask(scene));
        if (code === undefined) taken += 1;
        return code === 'disk-full';
      });
      await eventually(
        'it is an alarm',
        async () => (await alarmOf(scene))?.severity === 'critical',
        limitMs,
      );
      // The first may just have been torn; the second is not even begun.
      assert.is(await codeThrown(() => ask(scene)), 'disk-full');
      assert.is((await client.get('GET /request', { id })).id, id, 'what is kept is read');
      assert.is((await client.get('GET /register')).size, taken);
      await client.post('ack', { by: 'anna', alert: 'hub/disk-refusing' });
      assert.is((await alarmOf(scene))?.acknowledged?.by, 'anna', 'alarms go on in memory');
      for (let i = 0; i < 20; i++) node.log('tick', { text: 'x'.repeat(2000) });
      await showAll(scene);
      await node.state('offline');
      await eventually('nodes are still heard', async () =>
        (await client.get('GET /status')).nodes.some(({ state }) => state === 'offline'),
      );
      const largest = Math.max(...node.cosigned.map(({ head }) => head.size));
      assert.is(largest, before, 'and no head is cosigned that is not kept');

      scene.free();
      await eventually(
        'the alarm is over',
        () =>
          unlessAway(async () => {
            const alarm = await alarmOf(scene);
            return (await connected(scene)) && (alarm === undefined || alarm.clearedAt !== undefined);
          }),
        limitMs,
      );
      await ask(scene);
      await eventually(
        'what was not kept is shown again and cosigned',
        async () => {
          await showAll(scene);
          return cosigned(scene);
        },
        limitMs,
      );
      assert.is(hub.ended(), undefined, 'in one process');
      assert.is((await hub.stop()).code, 0);
      const lines = linesOf(scene);
      assert.is(lines.length, taken + 1);
      assert.is(new Set(lines).size, lines.length, 'no line twice');
      const alarms = openAlarmStore(join(town.hub, 'data', 'alarms.sqlite'));
      const told = alarms.notices(0).filter(({ alarm }) => alarm.key === 'disk-refusing');
      assert.equal(
        told.map(({ kind }) => kind),
        ['raised', 'cleared'],
        'what was said from memory is on the disk',
      );
      assert.is(alarms.book().alarms.get('hub/disk-refusing')?.acknowledged?.by, 'anna');
      alarms.close();
    }));

  test('killed while there is no room it starts without any, shows what it kept, and goes on when there is', () =>
    onSmallDisk(async (scene) => {
      const { client, node } = scene;
      let id: string;
      {
        await using hub = scene.serve();
        await eventually('the hub is connected', () => connected(scene), limitMs);
        ({ id } = await ask(scene));
        scene.fill();
        for (let i = 0; i < 20; i++) node.log('tick', { text: 'x'.repeat(2000) });
        await showAll(scene);
        await eventually('it is an alarm', async () => (await alarmOf(scene)) !== undefined, limitMs);
        hub.signal('SIGKILL');
        await hub.exit;
      }
      await using hub = scene.serve();
      await eventually('the hub is connected', () => connected(scene), limitMs);
      assert.is((await alarmOf(scene))?.severity, 'critical');
      assert.is(await codeThrown(() => ask(scene)), 'disk-full');
      assert.is((await client.get('GET /request', { id })).id, id);
      scene.free();
      await eventually(
        'a request is taken',
        async () => {
          try {
            return (await ask(scene)).id;
          } catch (error) {
            if (!['disk-full', 'hub-away'].includes(codeOf(error))) throw error;
            return undefined;
          }
        },
        limitMs,
      );
      await eventually(
        'the log is cosigned',
        async () => {
          await showAll(scene);
          return cosigned(scene);
        },
        limitMs,
      );
      assert.is((await hub.stop()).code, 0);
      assert.is(linesOf(scene).length, 2);
    }));
}
