import { readFileSync, writeFileSync } from 'node:fs';
import * as assert from 'uvu/assert';
import { parse, stringify } from 'yaml';
import { startOnvifDevice } from '../simulator/onvif.ts';
import { startSimulator } from '../simulator/simulator.ts';
import { ledgerOf, startAgent } from '../support/agent-child.ts';
import { eventually } from '../support/eventually.ts';
import { suite } from '../support/suite.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { makeTown } from '../support/town.ts';

const test = suite('a box and what cameras say by ONVIF', { timeoutMs: 240_000 });
const account = { user: 'osd', password: 'sesto-grado' };
const hostile = `<a ${'b="c" '.repeat(500_000)}>`;

test('tampering and a lost signal are told within seconds; a hostile device ends its own conversation, and is recorded', async () => {
  using folder = temporaryFolder();
  await using simulator = await startSimulator({ cameras: [{ path: '/cam-1', ...account }] });
  await using device = await startOnvifDevice({
    ...account,
    events: true,
    streamUri: simulator.url('/cam-1'),
  });
  const town = await makeTown(folder.path, {
    cameras: [{ id: 'cam-1', rtsp: simulator.url('/cam-1'), credentials: account }],
  });
  const config = parse(readFileSync(town.config, 'utf8'));
  config.cameras[0].onvif = device.url;
  writeFileSync(town.config, stringify(config));
  await using agent = startAgent(town);
  await agent.recording();
  const alerts = async (): Promise<string[]> => ((await agent.status())?.alerts ?? []).map(({ key }) => key);
  await eventually('a subscription', () => device.subscriptions() === 1, 90_000);
  device.tell({ topic: 'tns1:RuleEngine/TamperDetector/Tamper', on: true });
  await eventually('tampering', async () => (await alerts()).includes('camera-tamper.cam-1'), 30_000);
  device.tell({ topic: 'tns1:VideoSource/SignalLoss', on: true });
  await eventually(
    'no signal, and tampering that it explains',
    async () => {
      const now = await alerts();
      return now.includes('camera-signal.cam-1') && !now.includes('camera-tamper.cam-1');
    },
    30_000,
  );
  device.tell({ topic: 'tns1:VideoSource/SignalLoss', on: false });
  await eventually('the signal back', async () => !(await alerts()).includes('camera-signal.cam-1'), 30_000);

  const asked = (): number => Object.values(device.requests()).reduce((sum, count) => sum + count, 0);
  const sealed = (): number => ledgerOf(town, 'cam-1').filter(({ kind }) => kind === 'segment').length;
  // The time before the first picture is one.
  const gaps = (): number => ledgerOf(town, 'cam-1').filter(({ kind }) => kind === 'gap').length;
  device.babble(hostile);
  device.dropSubscriptions();
  const [before, began, gapsBefore] = [asked(), sealed(), gaps()];
  await eventually('it is asked and answers nonsense', () => asked() > before, 60_000);
  device.babble(undefined);
  device.delay(Number.POSITIVE_INFINITY);
  await eventually('footage goes on', () => sealed() >= began + 5, 60_000);
  assert.is(gaps(), gapsBefore);
  const started = performance.now();
  assert.is((await agent.stop()).code, 0);
  assert.ok(performance.now() - started < 20_000, 'nobody waits for a device that hangs');
});
