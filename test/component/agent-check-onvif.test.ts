import { readFileSync, writeFileSync } from 'node:fs';
import * as assert from 'uvu/assert';
import { parse, stringify } from 'yaml';
import { startOnvifDevice } from '../simulator/onvif.ts';
import { startSimulator } from '../simulator/simulator.ts';
import { runProgram } from '../support/child-program.ts';
import { suite } from '../support/suite.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { makeTown } from '../support/town.ts';

const test = suite('agent check asks cameras what they keep', { timeoutMs: 120_000 });
const account = { user: 'osd', password: 'sesto' };

test('a camera that records by itself fails the check; one that cannot tell, or is not asked, is a warning', async () => {
  using folder = temporaryFolder();
  const ids = ['cam-1', 'cam-2', 'cam-3', 'cam-4', 'cam-5'];
  await using simulator = await startSimulator({
    cameras: ids.map((id) => ({ path: `/${id}`, ...account })),
  });
  await using records = await startOnvifDevice({ ...account, recordingJobs: ['Idle', 'Active'] });
  await using idle = await startOnvifDevice({ ...account, recordingJobs: ['Idle'] });
  await using without = await startOnvifDevice(account);
  await using another = await startOnvifDevice({ ...account, password: 'settimo' });
  const town = await makeTown(folder.path, {
    cameras: ids.map((id) => ({ id, rtsp: simulator.url(`/${id}`), credentials: account })),
  });
  const config = parse(readFileSync(town.config, 'utf8'));
  const devices = [records.url, idle.url, without.url, another.url, undefined];
  config.cameras = config.cameras.map((camera: object, i: number) => ({
    ...camera,
    ...(devices[i] === undefined ? {} : { onvif: devices[i] }),
  }));
  writeFileSync(town.config, stringify(config));
  const { out, err, code } = await runProgram('agent/main.ts', ['check', '--config', town.config, '--json']);
  const { findings } = JSON.parse(out) as {
    findings: { check: string; subject?: string; what: string; state: string; detail: string }[];
  };
  const found = ids.map((id) => findings.find(({ check, subject }) => check === 'onvif' && subject === id));
  assert.equal(
    found.map((finding) => finding?.state),
    ['failed', 'ok', 'warning', 'warning', 'warning'],
    err,
  );
  assert.match(found[0]?.detail ?? '', /Walkers 1 5\.10; registra sulla propria memoria/);
  assert.match(found[3]?.detail ?? '', /rifiuta utente o password; non si può sapere/);
  const others = findings.filter(({ subject }) => subject === undefined);
  assert.equal(
    others.map(({ check }) => check),
    ['configuration', 'policy', 'disk', 'clock', 'broker', 'keys', 'pictures'],
  );
  assert.is(others.find(({ check }) => check === 'disk')?.state, 'ok', 'a store that is not there yet');
  assert.is(others.find(({ check }) => check === 'keys')?.state, 'ok');
  assert.is(code, 1);
  assert.not.match(out + err, /sesto/);
});
