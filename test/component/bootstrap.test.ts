import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { hostname } from 'node:os';
import { delimiter, join } from 'node:path';
import * as assert from 'uvu/assert';
import { eventually } from '../support/eventually.ts';
import { suite } from '../support/suite.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const test = suite('the bootstrap of a checkout');
// Somebody else is to read what is made here, whoever runs this and with whatever mask.
process.umask(0o022);
/** Nobody, by number: a test that root runs has to be somebody else to be refused anything. */
const nobody = 65534;
/** Others may not look where this checkout lies, below /root say: then each checkout under test gets a Node of its own. */
const forAll =
  process.getuid?.() !== 0 || spawnSync(process.execPath, ['-e', ''], { uid: nobody }).status === 0;
const bootstrap = join(import.meta.dirname, '../../deploy/bootstrap.mjs');
const runtime = `node-${process.platform}-${process.arch}`;
const one = { version: '1.0.0', integrity: 'sha512-one' };
const node = { version: '0.0.1', integrity: 'sha512-node', optional: true };
const other = { version: '2.0.0', integrity: 'sha512-other', optional: true };
const whole = { 'node_modules/one': one, [`node_modules/${runtime}`]: node };
const wanted = { '': { name: 'a' }, ...whole, 'node_modules/other': other };

interface Checkout extends Disposable {
  path: string;
  lock: string;
  /** How often npm was called, with what. */
  calls(): string[];
  /** What npm does when it is called: a line of sh. */
  npm(does: string): void;
  /** What npm leaves when it is done. */
  leaves(packages: object): void;
  /** As somebody who may read it and not write, or as whoever runs the test. */
  start(
    as?: 'nobody',
  ): ChildProcess & { said(): string; ended: Promise<{ code: number | null; out: string; err: string }> };
}

/** A checkout whose program prints its arguments, beside an npm of our own. */
function checkout(runtimes: Record<string, string> = { [runtime]: '0.0.1' }): Checkout {
  const folder = temporaryFolder();
  const path = join(folder.path, 'a checkout');
  const bin = join(folder.path, 'bin');
  mkdirSync(join(path, 'deploy'), { recursive: true });
  mkdirSync(bin);
  cpSync(bootstrap, join(path, 'deploy/bootstrap.mjs'));
  chmodSync(join(path, 'deploy/bootstrap.mjs'), 0o644);
  const json = (file: string, value: unknown): void => writeFileSync(join(path, file), JSON.stringify(value));
  json('package.json', { type: 'module', optionalDependencies: runtimes, nodeFlags: {} });
  json('package-lock.json', { packages: wanted });
  json('installs.json', { packages: whole });
  writeFileSync(join(path, 'program.ts'), 'process.stdout.write(JSON.stringify(process.argv.slice(2)));\n');
  let nodeProgram = process.execPath;
  if (!forAll) {
    nodeProgram = join(bin, 'node');
    cpSync(process.execPath, nodeProgram);
    chmodSync(nodeProgram, 0o755);
  }
  const log = join(folder.path, 'npm.log');
  const npm = (does: string): void => {
    writeFileSync(join(bin, 'npm'), `#!/bin/sh\necho "$@" >>'${log}'\n${does}\n`);
    chmodSync(join(bin, 'npm'), 0o755);
  };
  npm(`mkdir -p node_modules/.bin
ln -sf '${nodeProgram}' node_modules/.bin/node
cp installs.json node_modules/.package-lock.json`);
  return {
    path,
    lock: join(path, '.npm-install-lock'),
    calls: () => (existsSync(log) ? readFileSync(log, 'utf8').trim().split('\n') : []),
    npm,
    leaves: (packages) => json('installs.json', { packages }),
    start(as) {
      const other = as === 'nobody';
      if (other) for (const to of [folder.path, path]) chmodSync(to, 0o555);
      else for (const to of [folder.path, path]) chmodSync(to, 0o755);
      const child = spawn(nodeProgram, ['deploy/bootstrap.mjs', 'program.ts', 'x y', '--z'], {
        ...(other && process.getuid?.() === 0 ? { uid: nobody } : {}),
        cwd: path,
        env: { ...process.env, PATH: `${bin}${delimiter}${process.env['PATH']}` },
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      let out = '';
      let err = '';
      child.stdout?.on('data', (chunk: Buffer) => {
        out += chunk.toString();
      });
      child.stderr?.on('data', (chunk: Buffer) => {
        err += chunk.toString();
      });
      const ended = new Promise<{ code: number | null; out: string; err: string }>((resolve) =>
        child.once('close', (code) => resolve({ code, out, err })),
      );
      return Object.assign(child, { said: () => err, ended });
    },
    [Symbol.dispose]: () => folder[Symbol.dispose](),
  };
}

test('what is missing is installed once, Node and tools whatever npm is told to leave out; then the program runs', async () => {
  using at = checkout();
  for (const _ of [1, 2]) {
    const { code, out } = await at.start().ended;
    assert.equal([code, out], [0, '["x y","--z"]']);
  }
  assert.is(at.calls().length, 1);
  for (const word of ['ci', '--ignore-scripts', '--include=dev', '--include=optional'])
    assert.ok(at.calls()[0]?.split(' ').includes(word), word);
  assert.not.ok(lstatSync(at.lock, { throwIfNoEntry: false }));
});

test('what was installed by hand counts; another lock file, or an install that did not end, does not', async () => {
  using at = checkout();
  mkdirSync(join(at.path, 'node_modules/.bin'), { recursive: true });
  symlinkSync(process.execPath, join(at.path, 'node_modules/.bin/node'));
  const list = join(at.path, 'node_modules/.package-lock.json');
  const write = (packages: object): void => writeFileSync(list, JSON.stringify({ packages }));
  write({ ...whole, 'node_modules/more': one });
  assert.is((await at.start().ended).code, 0);
  assert.equal(at.calls(), []);
  for (const [count, there] of [
    { ...whole, 'node_modules/one': { ...one, version: '1.0.1' } },
    { ...whole, 'node_modules/one': { ...one, integrity: 'sha512-forged' } },
    { 'node_modules/one': one },
    { ...whole, 'node_modules/other': { ...other, version: '1.9.0' } },
  ].entries()) {
    write(there);
    assert.is((await at.start().ended).code, 0);
    assert.is(at.calls().length, count + 1);
  }
  rmSync(list);
  assert.is((await at.start().ended).code, 0);
  assert.is(at.calls().length, 5);
});

test('one installs, the other waits; a lock whose holder was killed holds up nobody', async () => {
  using at = checkout();
  symlinkSync(`${hostname()}:${process.pid}`, at.lock);
  const waiting = at.start();
  await eventually('it to say that it waits', () => waiting.said().includes('waiting'));
  assert.equal(at.calls(), []);
  rmSync(at.lock);
  assert.is((await waiting.ended).code, 0);
  assert.is(at.calls().length, 1);

  using killed = checkout();
  const { pid } = spawnSync('true');
  symlinkSync(`${hostname()}:${pid}`, killed.lock);
  const { code, err } = await killed.start().ended;
  assert.is(code, 0);
  assert.not.match(err, /waiting/);
});

test('told to stop while it installs, it stops npm and leaves no lock', async () => {
  using at = checkout();
  at.npm('exec sleep 600');
  const installing = at.start();
  await eventually('npm to run', () => at.calls().length === 1);
  installing.kill('SIGINT');
  assert.is((await installing.ended).code, 130);
  assert.not.ok(lstatSync(at.lock, { throwIfNoEntry: false }));
});

test('what is in the way is said, with exit 69: no npm, npm failing, npm leaving Node out', async () => {
  using at = checkout();
  at.npm('exit 1');
  assert.equal([(await at.start().ended).code, at.calls().length], [69, 1]);
  at.npm('mkdir -p node_modules; cp installs.json node_modules/.package-lock.json');
  at.leaves({ 'node_modules/one': one });
  const left = await at.start().ended;
  assert.is(left.code, 69);
  assert.match(left.err, runtime);
  assert.not.match(left.err, /\n {4}at /);
});

test('a machine for which there is no packaged Node is told so before anything is installed', async () => {
  using at = checkout({ 'node-plan9-pdp11': '0.0.1' });
  const { code, err } = await at.start().ended;
  assert.is(code, 69);
  assert.match(err, `${process.platform}-${process.arch}`);
  assert.equal(at.calls(), []);
});

test('a checkout that may not be written runs where it is installed, and else says what is to be done', async () => {
  using at = checkout();
  const { code, err } = await at.start('nobody').ended;
  assert.equal([code, at.calls()], [69, []]);
  assert.match(err, 'npm ci --ignore-scripts');
  assert.not.match(err, /\n {4}at /);
  assert.is((await at.start().ended).code, 0);
  assert.equal([(await at.start('nobody').ended).code, at.calls().length], [0, 1]);
});
