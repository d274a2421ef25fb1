import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import * as assert from 'uvu/assert';
import { openRaw } from '../simulator/raw-client.ts';
import { suite } from '../support/suite.ts';

const test = suite('simulated cameras as a process');
const root = join(import.meta.dirname, '..', '..');

test('prints its addresses, obeys a fault a line, refuses nonsense, ends with its input', async () => {
  const args = [
    'test/simulator/main.ts',
    '--cameras',
    '2',
    '--onvif',
    '--user',
    'osd',
    '--password',
    'sesto',
  ];
  const child = spawn(process.execPath, args, { cwd: root, stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = once(child, 'exit');
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async () => JSON.parse((await lines.next()).value as string);
  const ask = (line: string) => {
    child.stdin.write(`${line}\n`);
    return next();
  };

  const { urls, onvif } = await next();
  assert.is(urls.length, 2);
  assert.is(onvif.length, 2);
  using client = await openRaw(urls[0]);
  assert.is((await client.request('DESCRIBE', urls[0])).status, 401);
  assert.equal(await ask('refuse /cam-1'), { done: 'refuse /cam-1', result: null });
  assert.is((await client.request('DESCRIBE', urls[0])).status, 503);
  assert.is((await ask('counters /cam-1')).result.unauthorised, 1);
  assert.ok((await ask('refuse /cam-9')).refused);
  assert.ok((await ask('explode /cam-1')).refused);
  assert.ok((await ask('lose /cam-1 some')).refused);
  await ask('unplug /cam-1');
  await client.closed;
  child.stdin.end();
  assert.equal(await ended, [0, null]);
});
