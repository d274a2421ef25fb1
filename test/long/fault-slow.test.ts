import * as assert from 'uvu/assert';
import { startOnvifDevice } from '../simulator/onvif.ts';
import { startSimulator } from '../simulator/simulator.ts';
import { startAgent, startHub } from '../support/agent-child.ts';
import { watchAlarms } from '../support/alarm-watch.ts';
import { embeddedBroker, mosquittoBroker, mosquittoProgram } from '../support/brokers.ts';
import { cutLink } from '../support/cut-link.ts';
import { eventually } from '../support/eventually.ts';
import { makeNodes } from '../support/nodes-town.ts';
import { suite } from '../support/suite.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { tapWire } from '../support/wire-tap.ts';

const minute = 60_000;
const test = suite('fault table: what takes minutes', { timeoutMs: 20 * minute });

test('audio switched on, a camera that records by itself, a link that loses, a link that is slow: one alarm each', async () => {
  using folder = temporaryFolder();
  await using opened = new AsyncDisposableStack();
  const broker = mosquittoProgram ? await mosquittoBroker(folder.path) : await embeddedBroker();
  opened.defer(() => broker.close());
  const lossy = await cutLink();
  opened.defer(() => lossy.close());
  const slow = await cutLink();
  opened.defer(() => slow.close());
  await using simulator = await startSimulator({
    cameras: [{ path: '/card' }, { path: '/audio', ownPort: true }],
  });
  /** A camera ends its stream when its settings change. */
  const microphone = (on: boolean): void => {
    simulator.camera('/audio').microphone(on);
    simulator.camera('/audio').closeConnections();
  };
  await using device = await startOnvifDevice({
    streamUri: simulator.url('/card'),
    recordingJobs: ['Active'],
  });
  const link = (id: string, of: { port: number }) => ({
    id,
    to: 'municipio',
    probe: 'stamp',
    target: `127.0.0.1:${of.port}`,
  });
  const town = await makeNodes(folder.path, {
    mqtt: broker.url,
    nodes: [
      {
        id: 'site-02',
        role: 'site',
        name: 'Peio Fonti CRM',
        cameras: [
          { id: 'audio', rtsp: simulator.url('/audio') },
          { id: 'card', rtsp: simulator.url('/card'), onvif: device.url },
        ],
        agent: { links: [link('lossy', lossy), link('slow', slow)] },
      },
    ],
  });
  await using hub = await startHub({ ...town.box('site-02'), hub: town.hub, box: '' });
  await using tap = await tapWire(broker.url);
  const watch = watchAlarms(tap);
  // Found at its first question, soon after the start.
  const itself = watch.fault({
    cause: 'camera that records on its own card',
    alarm: 'site-02.camera-records.card',
    says: 'memoria',
    inject: () => {},
    limitMs: 3 * minute,
  });
  await using agent = startAgent(town.box('site-02'));
  await agent.recording(['audio', 'card'], minute);
  await eventually(
    'both links to be measured',
    async () => (await agent.status())?.health.links.every(({ state }) => state === 'up'),
    minute,
  );
  await Promise.all([
    itself,
    watch.fault({
      cause: 'audio switched on',
      alarm: 'site-02.camera-audio-offered.audio',
      says: 'audio',
      inject: () => microphone(true),
      limitMs: 5 * minute,
      clearedBy: 'its being switched off',
      mend: () => microphone(false),
      clearLimitMs: 5 * minute,
    }),
    watch.fault({
      cause: 'link loses every other packet',
      alarm: 'site-02.link-lossy.lossy',
      says: '%',
      inject: () => lossy.lose(2),
      limitMs: 10 * minute,
    }),
    watch.fault({
      cause: 'link takes 600 ms there and back',
      alarm: 'site-02.link-slow.slow',
      says: 'ms',
      inject: () => slow.slow(600),
      limitMs: 10 * minute,
      clearedBy: 'its being quick again',
      mend: () => slow.slow(0),
      clearLimitMs: 15 * minute,
    }),
  ]);
  watch.print();
  // Its stream ended for that: whether that is told, too, hangs on how soon it was back.
  assert.equal(
    watch.others().filter((line) => !line.startsWith('site-02.camera-down.audio:')),
    [],
  );
  assert.equal(await agent.stop(), { code: 0, signal: null });
  assert.equal(await hub.stop(), { code: 0, signal: null });
});
