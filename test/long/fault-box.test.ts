import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { startOnvifDevice } from '../simulator/onvif.ts';
import { startSimulator } from '../simulator/simulator.ts';
import { startAgent, startHub } from '../support/agent-child.ts';
import { watchAlarms } from '../support/alarm-watch.ts';
import { embeddedBroker, mosquittoBroker, mosquittoProgram } from '../support/brokers.ts';
import { eventually } from '../support/eventually.ts';
import { makeNodes } from '../support/nodes-town.ts';
import { smallDisk } from '../support/small-disk.ts';
import { suite } from '../support/suite.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { tapWire } from '../support/wire-tap.ts';
import { whyNoWrittenBox, writtenBox } from '../support/written-box.ts';

const minute = 60_000;
const test = suite('fault table: the box and its clocks', { timeoutMs: 25 * minute });
const title =
  'a box that grows hot, a disk that announces its end, clocks of camera and box that are wrong: one alarm each';
const why = whyNoWrittenBox();

if (why !== undefined) test.skip(title, why);
else
  test(title, async () => {
    using folder = temporaryFolder();
    using written = temporaryFolder();
    using disk = smallDisk({ megabytes: 1024 });
    await using opened = new AsyncDisposableStack();
    const broker = mosquittoProgram ? await mosquittoBroker(folder.path) : await embeddedBroker();
    opened.defer(() => broker.close());
    await using simulator = await startSimulator({ cameras: [{ path: '/late' }] });
    await using device = await startOnvifDevice({ streamUri: simulator.url('/late') });
    const town = await makeNodes(folder.path, {
      mqtt: broker.url,
      nodes: [
        {
          id: 'site-02',
          role: 'site',
          name: 'Peio Fonti CRM',
          cameras: [{ id: 'late', rtsp: simulator.url('/late'), onvif: device.url }],
          agent: { store: { path: join(disk.path, 'store'), segment: '2s', retention: '1h' } },
        },
      ],
    });
    const box = writtenBox(written.path);
    await using hub = await startHub({ ...town.box('site-02'), hub: town.hub, box: '' });
    await using tap = await tapWire(broker.url);
    const watch = watchAlarms(tap);
    // Asked for the first time soon after the start.
    const early = [
      watch.fault({
        cause: 'clock of a camera wrong',
        alarm: 'site-02.camera-clock.late',
        says: '120 s',
        inject: () => device.offsetClock(120_000),
        limitMs: 5 * minute,
      }),
      watch.fault({
        cause: 'disk announces its failure by SMART',
        alarm: 'site-02.disk-dying.store',
        says: 'SMART',
        inject: () => box.disk(false),
        limitMs: 3 * minute,
      }),
    ];
    await using agent = startAgent(town.box('site-02'), [], box.env, box.through);
    await agent.recording(['late'], minute);
    await eventually(
      'the box to be read',
      async () => {
        const { host, clock } = (await agent.status())?.health ?? {};
        return host?.temperatureCelsius === 50 && clock?.state === 'synced';
      },
      minute,
    );
    await Promise.all([
      ...early,
      watch.fault({
        cause: 'overheating',
        alarm: 'site-02.overheating.node',
        says: '95 °C',
        inject: () => box.heat(95),
        limitMs: 5 * minute,
        clearedBy: 'its being cool',
        mend: () => box.heat(60),
        clearLimitMs: 10 * minute,
      }),
      // A camera's clock is judged by one that is trusted.
      Promise.all(early).then(() =>
        watch.fault({
          cause: 'clock of the box unsynchronised',
          alarm: 'site-02.clock-untrusted.node',
          says: 'NTP',
          inject: () => box.time(false),
          limitMs: 15 * minute,
          clearedBy: 'a source',
          mend: () => box.time(true),
          clearLimitMs: 5 * minute,
        }),
      ),
    ]);
    watch.print();
    // Load and memory are the machine's own, which has other work.
    assert.equal(
      watch.others().filter((line) => !/^site-02\.(?:overloaded|memory-low)\.node:/.test(line)),
      [],
    );
    assert.equal(await agent.stop(), { code: 0, signal: null });
    assert.equal(await hub.stop(), { code: 0, signal: null });
  });
