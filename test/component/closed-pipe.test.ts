import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { suite } from '../support/suite.ts';

const test = suite('a reader that goes away');
const root = join(import.meta.dirname, '..', '..');

for (const program of ['agent/main.ts', 'deploy/hub/main.ts'])
  test(`${program} ends as if it had been read`, async () => {
    // Closed before a word is said: every write finds nobody.
    const child = spawn('sh', ['-c', `{ "$0" ${program} --help; echo "$?" >&2; } | true`, process.execPath], {
      cwd: root,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let said = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
    await once(child, 'close');
    assert.is(said, '0\n');
  });
