import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { clearPictures } from '../../deploy/demo/frames.ts';
import { statusOf } from '../support/agent-child.ts';
import { startProgram } from '../support/child-program.ts';
import { eventually } from '../support/eventually.ts';
import { suite } from '../support/suite.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { shows, terminal } from '../support/terminal.ts';

const test = suite('npm start, as a person types it', { timeoutMs: 240_000 });
const root = join(import.meta.dirname, '..', '..');

const commandsIn = (text: string): string[] =>
  text
    .split('\n')
    .filter((line) => line.startsWith('$ '))
    .map((line) => line.slice(2));

function typed(command: string): Promise<{ code: number | null; out: string; err: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn('sh', ['-c', command], { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
    const done = { code: null as number | null, out: '', err: '' };
    child.stdout.on('data', (chunk: Buffer) => {
      done.out += chunk.toString();
    });
    child.stderr.on('data', (chunk: Buffer) => {
      done.err += chunk.toString();
    });
    const limit = setTimeout(() => child.kill('SIGTERM'), 60_000);
    child.once('error', reject);
    child.once('close', (code) => {
      clearTimeout(limit);
      resolve({ ...done, code });
    });
  });
}

test('every printed command works as it stands, a plug can be pulled, Ctrl-C ends it in order', async () => {
  using folder = temporaryFolder();
  const dir = join(folder.path, 'demo');
  const began = performance.now();
  await using demo = terminal(`npm start -- --dir ${dir}`);
  await shows(demo, 'Ctrl-C stops it', 120_000);
  const readyMs = performance.now() - began;
  const commands = commandsIn(demo.shown());
  assert.ok(commands.length >= 9, commands.join('\n'));
  const took: string[] = [];
  for (const command of commands) {
    const asked = performance.now();
    const { code, out, err } = await typed(command);
    assert.is(code, 0, `${command}\n${out}${err}`);
    assert.is.not(`${out}${err}`.trim(), '', command);
    took.push(((performance.now() - asked) / 1000).toFixed(1));
  }
  process.stdout.write(
    `\n  measured: npm start tells everything after ${(readyMs / 1000).toFixed(0)} s; its ${commands.length} commands took ${took.join(', ')} s\n`,
  );
  assert.ok(existsSync(join(dir, 'package.zip')));

  demo.type('cam-2');
  await shows(demo, 'cam-2 is unplugged', 30_000);
  const socket = join(dir, 'agent.sock');
  const raised = async (): Promise<string[] | undefined> =>
    (await statusOf(socket))?.alerts.map(({ key }) => key);
  await eventually('the alert', async () => (await raised())?.includes('camera-down.cam-2'), 60_000);
  demo.type('cam-2');
  await eventually('the alert to clear', async () => (await raised())?.length === 0, 60_000);

  const asked = performance.now();
  assert.is(await demo.interrupt(), 0, demo.complained());
  const stopMs = performance.now() - asked;
  process.stdout.write(`  measured: Ctrl-C ended it after ${(stopMs / 1000).toFixed(1)} s\n`);
  assert.ok(stopMs < 30_000, `${stopMs} ms`);
  assert.is(await statusOf(socket), undefined);
  // In order: sealed, said goodbye, nobody exited at once.
  const agentLog = readFileSync(join(dir, 'log', 'agent.log'), 'utf8');
  assert.not.match(agentLog, 'second signal');
  assert.not.match(readFileSync(join(dir, 'log', 'hub.log'), 'utf8'), 'second signal');
  assert.equal(
    readdirSync(dir, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.part')),
    [],
  );
  const audit =
    readdirSync(join(dir, 'store', 'audit')).find((name) => /^\d{4}-\d\d\.jsonl$/.test(name)) ?? '';
  const lines = readFileSync(join(dir, 'store', 'audit', audit), 'utf8')
    .trimEnd()
    .split('\n');
  assert.is(JSON.parse(lines.at(-1) ?? '{}').kind, 'stop');
  assert.equal(clearPictures(dir), []);
  const verified = await typed(`npm run -s agent -- verify --store ${join(dir, 'store')}`);
  assert.is(verified.code, 0, verified.out);

  // Once more in the same folder: it goes on with what is there.
  await using again = terminal(`npm start -- --dir ${dir}`);
  await shows(again, 'Waiting for', 60_000);
  const [status = ''] = commandsIn(again.shown());
  assert.is((await typed(status)).code, 0);
  assert.is(await again.interrupt(), 0, again.complained());
});

test('a real camera: password in the address with a warning, from a file without one, and nowhere else', async () => {
  using folder = temporaryFolder();
  const password = 'pa:ss%w/ord';
  await using cameras = startProgram(
    'test/simulator/main.ts',
    ['--cameras', '1', '--user', 'admin', '--password', password],
    {
      input: 'open',
    },
  );
  const ready = await eventually('the camera', () => cameras.out().includes('\n') && cameras.out());
  const [url] = JSON.parse(ready.split('\n')[0] ?? '').urls as [string];
  const credentials = join(folder.path, 'credentials');
  writeFileSync(credentials, `admin:${password}\n`, { mode: 0o600 });
  const inAddress = url.replace('//', `//admin:${encodeURIComponent(password)}@`);
  for (const [name, args, warned] of [
    ['address', `--camera '${inAddress}'`, true],
    ['file', `--camera '${url}' --credentials ${credentials}`, false],
  ] as const) {
    const dir = join(folder.path, name);
    await using demo = terminal(`npm start -- --dir ${dir} ${args}`);
    await shows(demo, 'Waiting for', 60_000);
    assert.is(demo.complained().includes('Warning'), warned, demo.complained());
    const [status = ''] = commandsIn(demo.shown());
    await eventually(
      'it to be recorded',
      async () => {
        const [camera] = (await statusOf(join(dir, 'agent.sock')))?.health.cameras ?? [];
        return camera?.state === 'recording';
      },
      30_000,
    );
    const answered = await typed(status);
    assert.is(answered.code, 0);
    assert.is(await demo.interrupt(), 0, demo.complained());
    const said = [
      demo.shown(),
      answered.out,
      ...['agent.log', 'hub.log'].map((log) => readFileSync(join(dir, 'log', log), 'utf8')),
    ];
    // npm repeats the command line that was typed; nothing of ours does.
    for (const text of said) assert.not.match(text.replaceAll(/^> .*$/gm, ''), /pa:ss|pa%3Ass/);
    const holding = readdirSync(dir, { recursive: true, encoding: 'utf8' }).filter((path) => {
      const file = join(dir, path);
      return statSync(file).isFile() && readFileSync(file).includes(password);
    });
    assert.equal(holding, ['hub/nodes/site-01/secrets/cam-1']);
    assert.is(statSync(join(dir, holding[0] as string)).mode & 0o077, 0);
  }
});

test('what cannot be meant is refused with 64, in a sentence, before anything is made', async () => {
  using folder = temporaryFolder();
  const dir = join(folder.path, 'demo');
  const bad = join(folder.path, 'bad');
  writeFileSync(bad, 'no colon');
  const wrong = [
    `--camera http://camera/stream`,
    `--camera rtsp://`,
    `--camera camera`,
    `--camera rtsp://user:%ZZ@camera/stream`,
    `--camera rtsp://camera/stream --credentials ${join(folder.path, 'none')}`,
    `--camera rtsp://camera/stream --credentials ${bad}`,
    `--credentials ${bad}`,
    `--camera rtsp://camera/stream --once`,
    '--colour',
    'cam-1',
  ];
  await Promise.all(
    wrong.map(async (args) => {
      const { code, out, err } = await typed(`npm start -- --dir ${dir} ${args}`);
      assert.is(code, 64, `${args}\n${out}${err}`);
      assert.not.match(err, /\n\s+at /, args);
    }),
  );
  assert.is(existsSync(dir), false);
  // A folder of somebody else is not written into.
  const { code } = await typed(`npm start -- --dir ${folder.path}`);
  assert.is(code, 64);
  assert.equal(readdirSync(folder.path), ['bad']);
});

test('a camera that does not answer is named with the cause while it is waited for', async () => {
  using folder = temporaryFolder();
  const dir = join(folder.path, 'demo');
  await using demo = terminal(`npm start -- --dir ${dir} --camera rtsp://127.0.0.1:9/none`);
  await shows(demo, 'cam-1 is not recorded: no answer from the camera', 90_000);
  assert.is(await demo.interrupt(), 0, demo.complained());
});
