import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { readTimeService } from '#agent/platform/time-service.ts';
import { suite } from '../support/suite.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const test = suite('time service');

/** What is read when the only timedatectl on the path runs `script`. */
async function read(script: string | undefined): Promise<string> {
  using folder = temporaryFolder();
  if (script !== undefined) {
    const path = join(folder.path, 'timedatectl');
    writeFileSync(path, `#!/bin/sh\n${script}\n`);
    chmodSync(path, 0o755);
  }
  const before = process.env['PATH'];
  process.env['PATH'] = folder.path;
  try {
    return await readTimeService(new AbortController().signal);
  } finally {
    process.env['PATH'] = before;
  }
}

test('what timedatectl says of the clock', async () => {
  assert.is(await read('echo NTP=yes; echo NTPSynchronized=yes'), 'synced');
  assert.is(await read('echo NTP=yes; echo NTPSynchronized=no'), 'unsynchronised');
  assert.is(await read('echo NTP=no; echo NTPSynchronized=no'), 'unknown');
  assert.is(await read('echo NTP=no; echo NTPSynchronized=yes'), 'synced');
});

test('nobody to ask is unknown: no program, no bus, no sense', async () => {
  assert.is(await read(undefined), 'unknown');
  assert.is(await read('echo "Failed to connect to bus" >&2; exit 1'), 'unknown');
  assert.is(await read('echo hello'), 'unknown');
});
