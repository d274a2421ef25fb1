import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { findFfmpeg } from '#agent/camera/ffmpeg/program.ts';
import { embeddedFfmpeg } from '../support/embedded-ffmpeg.ts';
import { quietLog } from '../support/log.ts';
import { suite } from '../support/suite.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const test = suite('finding an ffmpeg', { timeoutMs: 180_000 });

function script(folder: string, name: string, lines: string): string {
  const path = join(folder, name);
  writeFileSync(path, `#!/bin/sh\n${lines}\n`);
  chmodSync(path, 0o755);
  return path;
}

test('the embedded one says the version that its options depend on', async () => {
  assert.equal(await findFfmpeg(embeddedFfmpeg.path, quietLog)(), embeddedFfmpeg);
});

test('the configured one comes first, and is asked once', async () => {
  using folder = temporaryFolder();
  const asked = join(folder.path, 'asked');
  const path = script(
    folder.path,
    'ffmpeg',
    `echo x >> ${asked}\necho 'libavformat    61.  7.100 / 61.  7.100'`,
  );
  const find = findFfmpeg(path, quietLog);
  const [first, second] = await Promise.all([find(), find()]);
  assert.equal(first, { path, formatMajor: 61 });
  assert.is(second, first);
  assert.is(await find(), first);
  assert.is(readFileSync(asked, 'utf8'), 'x\n');
});

test('one that is away, fails or is something else is passed over', async () => {
  using folder = temporaryFolder();
  const wrong = [
    join(folder.path, 'nothing'),
    script(folder.path, 'fails', 'exit 1'),
    script(folder.path, 'other', 'echo hello'),
    script(folder.path, 'endless', 'while :; do echo libavformatlibavformatlibavformat; done'),
  ];
  // The system's where there is one, and else the one from npm.
  const next = existsSync('/usr/bin/ffmpeg') ? '/usr/bin/ffmpeg' : embeddedFfmpeg.path;
  for (const path of wrong) assert.is((await findFfmpeg(path, quietLog)())?.path, next, path);
});
