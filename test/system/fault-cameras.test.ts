import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { startSimulator } from '../simulator/simulator.ts';
import { startAgent, startHub } from '../support/agent-child.ts';
import { watchAlarms } from '../support/alarm-watch.ts';
import { embeddedBroker, mosquittoBroker, mosquittoProgram } from '../support/brokers.ts';
import { eventually } from '../support/eventually.ts';
import { suite } from '../support/suite.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { makeTown } from '../support/town.ts';
import { tapWire } from '../support/wire-tap.ts';

const test = suite('fault table: cameras', { timeoutMs: 240_000 });
const user = { user: 'rec', password: 'Paese-47' };

test('each fault of a camera is one alarm of the hub, and nothing else is', async () => {
  using folder = temporaryFolder();
  await using opened = new AsyncDisposableStack();
  const broker = mosquittoProgram ? await mosquittoBroker(folder.path) : await embeddedBroker();
  opened.defer(() => broker.close());
  const ids = ['unplugged', 'password', 'silent', 'restarting', 'codec', 'good'];
  await using simulator = await startSimulator({
    cameras: ids.map((id) => ({ path: `/${id}`, ownPort: true, ...(id === 'password' ? user : {}) })),
  });
  const town = await makeTown(folder.path, {
    mqtt: broker.url,
    cameras: ids.map((id) => ({
      id,
      rtsp: simulator.url(`/${id}`),
      ...(id === 'password' ? { credentials: user } : {}),
    })),
    // What cannot be recorded in process is refused, not handed to ffmpeg.
    agent: { ffmpeg: join(folder.path, 'no-ffmpeg') },
  });
  writeFileSync(join(folder.path, 'no-ffmpeg'), '#!/bin/sh\nexit 1\n', { mode: 0o755 });
  opened.defer(() => rmSync(join(folder.path, 'no-ffmpeg'), { force: true }));
  await using _hub = await startHub(town);
  await using tap = await tapWire(broker.url);
  const watch = watchAlarms(tap);
  await using agent = startAgent(town);
  await agent.recording(ids, 60_000);
  // Until it was seen to be well, a camera that goes has been away since the agent's start.
  await eventually(
    'every camera to be judged well',
    async () => {
      const { conditions = [], alerts = [] } = (await agent.status()) ?? {};
      return (
        alerts.length === 0 &&
        ids.every((id) => conditions.some(({ key, state }) => key === `camera-down.${id}` && state === 'ok'))
      );
    },
    60_000,
  );
  const alarm = (id: string): string => `${town.node}.camera-down.${id}`;
  const camera = (id: string) => simulator.camera(`/${id}`);

  await Promise.all([
    watch.fault({
      cause: 'camera unplugged',
      alarm: alarm('unplugged'),
      says: 'alimentazione',
      inject: () => camera('unplugged').unplug(),
      limitMs: 40_000,
      clearedBy: 'being plugged in again',
      mend: () => camera('unplugged').plug(),
    }),
    watch.fault({
      cause: 'wrong password',
      alarm: alarm('password'),
      says: 'credenziali',
      inject: () => {
        camera('password').setPassword('Paese-48');
        camera('password').closeConnections();
      },
      limitMs: 40_000,
      // A camera that refuses is left alone for 15 s at least: it would lock the account.
      clearedBy: 'the right password',
      mend: () => camera('password').setPassword(user.password),
    }),
    watch.fault({
      cause: 'camera sends nothing',
      alarm: alarm('silent'),
      says: 'nessun dato',
      inject: () => camera('silent').stopSending(),
      limitMs: 40_000,
      clearedBy: 'sending again',
      mend: () => camera('silent').resumeSending(),
    }),
    watch.fault({
      cause: 'camera hangs: refuses every stream',
      alarm: alarm('restarting'),
      inject: () => {
        camera('restarting').refuse();
        camera('restarting').closeConnections();
      },
      limitMs: 40_000,
      clearedBy: 'its restart',
      mend: () => camera('restarting').accept(),
    }),
    watch.fault({
      cause: 'camera set to a codec that cannot be recorded',
      alarm: alarm('codec'),
      inject: () => {
        camera('codec').offer('no-video');
        camera('codec').closeConnections();
      },
      limitMs: 40_000,
      clearedBy: 'its setting put back',
      mend: () => camera('codec').offer('video'),
    }),
  ]);
  watch.print();
  assert.is(watch.rows.length, 5);
  assert.equal(watch.others(), []);
  await eventually(
    'the box to say nothing is wrong',
    async () => (await agent.status())?.alerts.length === 0,
  );
  assert.equal(await agent.stop(), { code: 0, signal: null });
});
