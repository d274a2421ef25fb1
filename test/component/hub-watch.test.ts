import * as assert from 'uvu/assert';
import { startProgram } from '../support/child-program.ts';
import { eventually } from '../support/eventually.ts';
import { serveHub } from '../support/hub-town.ts';
import { suite } from '../support/suite.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { makeTown } from '../support/town.ts';

const test = suite('hub status --watch', { timeoutMs: 180_000 });

test('waits for a hub that is away, shows it when it comes and outlives its going', async () => {
  using folder = temporaryFolder();
  const { hub } = await makeTown(folder.path, { cameras: [{ id: 'cam-1', rtsp: 'rtsp://127.0.0.1:1/a' }] });
  await using watching = startProgram('deploy/hub/main.ts', ['status', '--watch', '--hub', hub]);
  await eventually('that it is away', () => watching.out().includes('no hub answers'), 60_000);
  const serving = await serveHub(hub);
  try {
    await eventually('its nodes', () => watching.out().includes('site-01'), 60_000);
  } finally {
    await serving.close();
  }
  const before = watching.out().length;
  await eventually('that it went', () => watching.out().slice(before).includes('no hub answers'), 60_000);
  assert.is(watching.err(), '');
});
