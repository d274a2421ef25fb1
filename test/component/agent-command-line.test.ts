import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { parse, stringify } from 'yaml';
import { startSimulator } from '../simulator/simulator.ts';
import { runProgram } from '../support/child-program.ts';
import { suite } from '../support/suite.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { makeTown } from '../support/town.ts';

const test = suite('agent, its command line', { timeoutMs: 150_000 });
const agent = (...args: string[]) => runProgram('agent/main.ts', args);

test('says 64 to what it does not understand, 69 to what is not there, 78 to a wrong configuration', async () => {
  using folder = temporaryFolder();
  const nowhere = join(folder.path, 'none.sock');
  const exits: [number, string[]][] = [
    [64, ['recrod']],
    [64, []],
    [64, ['run']],
    [64, ['run', '--config', 'x', '--colour']],
    [64, ['run', '--config', 'x', 'y']],
    [64, ['run', '--config', 'x', '--log', 'loud']],
    [64, ['verify']],
    [64, ['status', '--socket', `/${'x'.repeat(107)}`]],
    [69, ['status', '--socket', `/${'x'.repeat(106)}`]],
    [69, ['status', '--socket', nowhere]],
    [69, ['verify', '--store', join(folder.path, 'none')]],
    // A folder that was mistyped holds nothing wrong, and no store.
    [69, ['verify', '--store', folder.path]],
    [69, ['verify', '--store', import.meta.filename]],
    [69, ['verify', '--store', folder.path, '--root', join(folder.path, 'none.pub')]],
    [78, ['run', '--config', join(folder.path, 'none.yaml')]],
    [78, ['status', '--config', join(folder.path, 'none.yaml')]],
    [0, ['--help']],
    [0, ['-h']],
    [0, ['run', '--help']],
    [0, ['run', '-h']],
  ];
  await Promise.all(
    exits.map(async ([code, args]) => {
      const done = await agent(...args);
      assert.is(done.code, code, `${args.join(' ')}: ${done.err}`);
      // A sentence for a person, never a stack.
      if (code !== 0) assert.not.match(done.err, /\n\s+at /);
    }),
  );
});

test('a command from a stick finds the store, however deep its folder', async () => {
  using folder = temporaryFolder();
  const town = await makeTown(folder.path, { cameras: [] });
  const config = parse(readFileSync(town.config, 'utf8'));
  const deep = join(folder.path, 'd'.repeat(110));
  writeFileSync(town.config, stringify({ ...config, store: { ...config.store, path: deep } }));
  const file = join(folder.path, 'noise');
  writeFileSync(file, 'noise');
  const out = join(folder.path, 'stick');
  const { code, err } = await agent('apply', file, '--config', town.config, '--out', out);
  assert.is(code, 2, err);
  assert.ok(existsSync(join(out, 'proof.json')));
  assert.is(existsSync(town.socket), false);
});

test('lists every problem of a configuration at once and starts nothing', async () => {
  using folder = temporaryFolder();
  await using simulator = await startSimulator({ cameras: [{ path: '/cam-1' }] });
  let brokerAsked = 0;
  const broker = createServer((socket) => {
    brokerAsked += 1;
    socket.destroy();
  });
  await new Promise<void>((resolve) => broker.listen(0, '127.0.0.1', resolve));
  const { port } = broker.address() as { port: number };
  const camera = { id: 'cam-1', rtsp: simulator.url('/cam-1') };
  const town = await makeTown(folder.path, { mqtt: `mqtt://127.0.0.1:${port}`, cameras: [camera] });
  const good = parse(readFileSync(town.config, 'utf8'));
  const wrong = {
    ...good,
    node: 'Site 9',
    store: { ...good.store, retention: '8d', segments: '60s', reserve: 'much' },
    signing: 'no-such-key',
    policy: 'no-such-policy.json',
    cameras: [
      good.cameras[0],
      { ...good.cameras[0], credentials: 'no-such-secret' },
      { id: 'cam-3', rtsp: 'rtsp://admin:hunter2@10.0.0.1/stream' },
    ],
    mqtt: { url: 'http://127.0.0.1/' },
    web: { listen: '0.0.0.0:80' },
    socket: `/${'x'.repeat(107)}`,
    hearts: 3,
  };
  writeFileSync(town.config, stringify(wrong));
  const { code, err, out } = await agent('run', '--config', town.config);
  assert.is(code, 78);
  assert.is(out, '');
  const named = [
    'node',
    'store.retention',
    'store.segments',
    'store.reserve',
    'signing',
    'policy',
    'cameras[1].id',
    'cameras[1].credentials',
    'cameras[2].rtsp',
    'mqtt.url',
    'web.listen',
    'socket',
    'hearts',
  ];
  for (const path of named)
    assert.ok(
      err.split('\n').some((line) => line.includes(` ${path}: `)),
      `${path} is missing in\n${err}`,
    );
  assert.is(err.trim().split('\n').length, named.length + 1, err);
  assert.match(err, 'did you mean "segment"');
  assert.not.match(err, 'hunter2');
  assert.is(existsSync(town.store), false);
  assert.is(existsSync(town.socket), false);
  assert.equal([brokerAsked, simulator.camera('/cam-1').counters().connections], [0, 0]);
  await new Promise<void>((resolve) => broker.close(() => resolve()));
});
