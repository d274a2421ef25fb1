import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { type Alert, type AlertBoard, openAlertBoard } from '#agent/alert/board.ts';
import { type CameraSight, judgeCamera } from '#agent/alert/camera-down.ts';
import { openConditions } from '#agent/alert/open-conditions.ts';
import type { Clock } from '#agent/platform/clock.ts';
import { systemFiles } from '#agent/platform/files.ts';
import { fakeClock } from '../support/fake-clock.ts';
import { suite } from '../support/suite.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const test = suite('alerts');

async function board(folder: string, clock = fakeClock()) {
  const said: string[] = [];
  const failures: unknown[] = [];
  const opened = await openAlertBoard({
    files: systemFiles,
    clock,
    path: join(folder, 'alerts.json'),
    changed: ({ key, state }: Alert) => said.push(`${key} ${state}`),
    failed: (error) => failures.push(error),
  });
  return { opened, said, failures, clock };
}

/** Judges one camera on a board that nothing else judges. */
function cameraDown(camera: string, board: AlertBoard, clock: Clock) {
  const watch = openConditions({ board, clock, lang: 'it' }).watch('camera-down', camera);
  return { check: (sight: CameraSight): void => judgeCamera(watch, sight) };
}

test('raised once, cleared once, and its beginning survives a restart', async () => {
  using folder = temporaryFolder();
  const { opened, said, clock } = await board(folder.path);
  opened.raise('camera-down.cam-1', 'critical', 'a');
  opened.raise('camera-down.cam-1', 'critical', 'b');
  const since = clock.utc();
  await opened.settled();
  await clock.advance(60_000);
  const again = await board(folder.path, clock);
  assert.equal(
    again.opened.raised().map((alert) => alert.since),
    [since],
  );
  again.opened.clear('camera-down.cam-1');
  again.opened.clear('camera-down.cam-1');
  await again.opened.settled();
  assert.equal([said, again.said], [['camera-down.cam-1 raised'], ['camera-down.cam-1 cleared']]);
  assert.equal((await board(folder.path)).opened.raised(), []);
});

test('what an earlier configuration raised is cleared when its subject is gone', async () => {
  using folder = temporaryFolder();
  const { opened, said } = await board(folder.path);
  opened.raise('camera-down.cam-9', 'critical', 'a');
  opened.adopt((key) => key === 'camera-down.cam-1');
  await opened.settled();
  assert.equal(said, ['camera-down.cam-9 raised', 'camera-down.cam-9 cleared']);
});

test('a torn file of alerts is told of and costs nothing else', async () => {
  using folder = temporaryFolder();
  await systemFiles.open(join(folder.path, 'alerts.json'), 'create').then(async (file) => {
    await file.write(Buffer.from('[{"key"'));
    await file.close();
  });
  const { opened, failures } = await board(folder.path);
  assert.is(failures.length, 1);
  opened.raise('x.y', 'warning', 'a');
  assert.is(opened.raised().length, 1);
});

test('a camera that goes is told within 15 s, one that blinks is not', async () => {
  using folder = temporaryFolder();
  const { opened, said, clock } = await board(folder.path);
  const check = cameraDown('cam-1', opened, clock);
  const look = async (
    seconds: number,
    state: 'recording' | 'connecting',
    reason?: 'no-data' | 'no-connection',
  ) => {
    for (let i = 0; i < seconds; i++) {
      check.check({ state, reason, lastFragmentAgeMs: state === 'recording' ? 500 : undefined });
      await clock.advance(1000);
    }
  };
  await look(10, 'recording');
  await look(3, 'connecting', 'no-connection');
  await look(5, 'recording');
  assert.equal(said, [], 'a reconnection within patience');
  await look(6, 'connecting', 'no-connection');
  assert.equal(said, ['camera-down.cam-1 raised']);
  await look(1, 'recording');
  await look(1, 'connecting', 'no-connection');
  assert.is(said.length, 1, 'one second of picture is not back');
  await look(4, 'recording');
  assert.equal(said, ['camera-down.cam-1 raised', 'camera-down.cam-1 cleared']);
  await look(1, 'connecting', 'no-data');
  assert.is(said.length, 3, 'the ingest has already waited for data');
  await opened.settled();
});

test('a camera whose first try is under way is not down: it may wait for its turn, and for a keyframe', async () => {
  using folder = temporaryFolder();
  const { opened, said, clock } = await board(folder.path);
  const check = cameraDown('cam-1', opened, clock);
  for (let i = 0; i < 40; i++) {
    check.check({ state: 'connecting' });
    await clock.advance(1000);
  }
  assert.equal(said, []);
  for (let i = 0; i < 6; i++) {
    check.check({ state: 'failed', reason: 'no-connection' });
    await clock.advance(1000);
  }
  assert.equal(said, ['camera-down.cam-1 raised']);
  await opened.settled();
});

test('a camera said to record while nothing comes is down', async () => {
  using folder = temporaryFolder();
  const { opened, said, clock } = await board(folder.path);
  const check = cameraDown('cam-1', opened, clock);
  for (let i = 0; i < 6; i++) {
    check.check({ state: 'recording', lastFragmentAgeMs: 31_000 });
    await clock.advance(1000);
  }
  assert.equal(said, ['camera-down.cam-1 raised']);
  await opened.settled();
});

test('a stall is told at the first look after it, whatever the reconnection met by then', async () => {
  using folder = temporaryFolder();
  const said: Alert[] = [];
  const clock = fakeClock();
  const opened = await openAlertBoard({
    files: systemFiles,
    clock,
    path: join(folder.path, 'alerts.json'),
    changed: (alert) => said.push(alert),
    failed: () => {},
  });
  const check = cameraDown('cam-1', opened, clock);
  check.check({ state: 'recording', lastFragmentAgeMs: 9_900 });
  await clock.advance(1000);
  check.check({ state: 'failed', reason: 'stream-error', lastFragmentAgeMs: 10_900 });
  assert.equal(
    said.map(({ state, since }) => [state, since]),
    [['raised', clock.utc() - 10_900]],
    'since its last frame',
  );
  await opened.settled();
});
