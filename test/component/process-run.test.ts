import * as assert from 'uvu/assert';
import { run } from '#agent/platform/process.ts';
import { codeThrown } from '../support/code-thrown.ts';
import { suite } from '../support/suite.ts';

const test = suite('a child run to its end');
const bounds = { timeoutMs: 15_000, maxBytes: 1_000_000 };
const sh = (script: string, more: Partial<Parameters<typeof run>[2]> = {}) =>
  run('sh', ['-c', script], { ...bounds, ...more });

test('what it reads and writes beyond its usual three descriptors goes each its own way', async () => {
  const inputs = [Buffer.alloc(300_000, 1), Buffer.alloc(200_000, 2)];
  const { code, stdout, outputs } = await sh('echo here; cat <&4 >&5; cat <&3 >&6', {
    pipes: { inputs, outputs: 2 },
  });
  assert.is(code, 0);
  assert.is(stdout.toString(), 'here\n');
  assert.equal(outputs, [inputs[1]!, inputs[0]!]);
});

test('one that leaves its input unread, and writes nothing, ends with its own code', async () => {
  const pipes = { inputs: [Buffer.alloc(5_000_000)], outputs: 1 };
  const { code, outputs } = await sh('exit 7', { pipes, input: Buffer.alloc(5_000_000) });
  assert.is(code, 7);
  assert.equal(outputs, [Buffer.alloc(0)]);
});

test('every bound ends it: bytes of all descriptors together, time, and the signal', async () => {
  const pipes = { inputs: [], outputs: 1 };
  assert.is(
    await codeThrown(() => sh('head -c 600000 /dev/zero; head -c 600000 /dev/zero >&3', { pipes })),
    'process-output',
  );
  assert.is(await codeThrown(() => sh('exec sleep 60', { timeoutMs: 50 })), 'process-timeout');
  assert.is(await codeThrown(() => run('/nowhere/program', [], bounds)), 'process-missing');
  const stop = new AbortController();
  const running = sh('exec sleep 60', { signal: stop.signal });
  stop.abort();
  assert.is((await running).signal, 'SIGKILL');
  assert.is((await sh('exec sleep 60', { signal: stop.signal })).signal, 'SIGKILL', 'asked for too late');
});
