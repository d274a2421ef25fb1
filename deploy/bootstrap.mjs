// Runs one of the project's TypeScript programs on the pinned Node, installing what is missing first.
//   node deploy/bootstrap.mjs PROGRAM.ts [argument ...]
// Plain JavaScript on purpose: whatever Node (>= 20) the machine has must be able to run it. The pinned Node
// comes from npm as a platform package, so that neither an install script nor a download of our own is needed.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const modules = join(root, 'node_modules');
const marker = join(modules, '.installed-lock');
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const pinned = manifest.optionalDependencies[`node-${process.platform}-${process.arch}`];

function fail(message) {
  process.stderr.write(`${message}\n`);
  process.exit(69);
}

/** The lock file's hash: a pull that changes the dependencies installs again, nothing else does. */
function wanted() {
  return createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex');
}

function installed() {
  return existsSync(marker) && readFileSync(marker, 'utf8') === wanted();
}

/** One installer at a time; a second command in a fresh clone waits for the first. */
function withInstallLock(work) {
  const lock = join(root, '.npm-install-lock');
  const pause = new Int32Array(new SharedArrayBuffer(4));
  for (;;) {
    try {
      mkdirSync(lock);
      break;
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
      // A lock older than ten minutes was left by an install that was killed.
      const age = Date.now() - (statSync(lock, { throwIfNoEntry: false })?.mtimeMs ?? Date.now());
      if (age > 600_000) rmSync(lock, { recursive: true, force: true });
      else Atomics.wait(pause, 0, 0, 500);
    }
  }
  try {
    work();
  } finally {
    rmSync(lock, { recursive: true, force: true });
  }
}

function install() {
  if (installed()) return;
  process.stderr.write('Installing packages (first run, or the lock file changed) …\n');
  const npm = spawnSync('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: root,
    stdio: ['ignore', 2, 2],
  });
  if (npm.status !== 0)
    fail('npm ci failed: see its message above. The npm registry must be reachable once.');
  writeFileSync(marker, wanted());
}

if (!installed()) withInstallLock(install);

const [program, ...args] = process.argv.slice(2);
const file = resolve(root, program);
// The agent makes little garbage: a young generation of a few MiB costs no time, and saves nearly a hundred while a
// store of a week is opened. It must be said before Node starts.
const flags = manifest.nodeFlags[program] ?? [];
if (process.version === `v${pinned}` && flags.length === 0) {
  process.argv = [process.execPath, file, ...args];
  await import(pathToFileURL(file).href);
} else {
  const node = join(modules, '.bin', 'node');
  if (pinned === undefined || !existsSync(node))
    fail(`No packaged Node for ${process.platform}-${process.arch}: Linux on x64 or arm64 is needed.`);
  const child = spawn(node, [...flags, file, ...args], { stdio: 'inherit' });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('exit', (code, signal) => process.exit(code ?? 128 + constants.signals[signal]));
}
