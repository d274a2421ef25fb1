import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { startSimulator } from '../simulator/simulator.ts';
import { ledgerOf, startAgent, startHub } from '../support/agent-child.ts';
import { watchAlarms } from '../support/alarm-watch.ts';
import { embeddedBroker, mosquittoBroker, mosquittoProgram } from '../support/brokers.ts';
import { eventually } from '../support/eventually.ts';
import { makeNodes } from '../support/nodes-town.ts';
import { suite } from '../support/suite.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { tapWire } from '../support/wire-tap.ts';

const minute = 60_000;
const hour = 60 * minute;
const test = suite('fault table: a clock that steps', { timeoutMs: 8 * minute });

test('the clock of the box jumps a day ahead and back: one alarm, and recording goes on', async () => {
  using folder = temporaryFolder();
  await using opened = new AsyncDisposableStack();
  const broker = mosquittoProgram ? await mosquittoBroker(folder.path) : await embeddedBroker();
  opened.defer(() => broker.close());
  await using simulator = await startSimulator({ cameras: [{ path: '/cam' }] });
  const town = await makeNodes(folder.path, {
    mqtt: broker.url,
    nodes: [
      {
        id: 'site-02',
        role: 'site',
        name: 'Peio Fonti CRM',
        cameras: [{ id: 'cam', rtsp: simulator.url('/cam') }],
      },
    ],
  });
  const box = town.box('site-02');
  const offset = join(folder.path, 'offset');
  const step = (ms: number): void => writeFileSync(offset, String(ms));
  await using hub = await startHub({ ...box, hub: town.hub, box: '' });
  await using tap = await tapWire(broker.url);
  const watch = watchAlarms(tap);
  const clock = new URL('../support/written-clock.ts', import.meta.url).href;
  await using agent = startAgent(box, [], { NODE_OPTIONS: `--import=${clock}`, PEIO_TEST_CLOCK: offset });
  await agent.recording(['cam'], minute);
  await tap.wait('the hub to cosign', ({ topic }) => topic === 'peio/v1/site-02/cosignature', 0, 2 * minute);
  const sealed = (): number => ledgerOf(box, 'cam').filter(({ kind }) => kind === 'segment').length;
  await eventually('some segments', () => sealed() >= 3, minute);
  let before = 0;
  await watch.fault({
    cause: 'clock of the box steps',
    alarm: 'site-02.clock-step.node',
    says: 'orologio',
    inject: () => {
      before = sealed();
      step(24 * hour);
    },
    limitMs: minute,
    clearedBy: 'being what the hub says',
    mend: async () => {
      await eventually('segments under the wrong clock', () => sealed() >= before + 3, minute);
      step(0);
    },
    clearLimitMs: 2 * minute,
  });
  await eventually('segments after it', () => sealed() >= before + 6, minute);
  watch.print();
  assert.equal(watch.others(), []);
  assert.equal(await agent.stop(), { code: 0, signal: null });
  assert.equal(await hub.stop(), { code: 0, signal: null });
});
