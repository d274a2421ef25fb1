// Runs one of the project's TypeScript programs on the pinned Node, installing what is missing first.
//   node deploy/bootstrap.mjs PROGRAM.ts [argument ...]
// Plain JavaScript on purpose: whatever Node (>= 20) the machine has must be able to run it. The pinned Node
// comes from npm as a platform package, so that neither an install script nor a download of our own is needed.
import { spawn } from 'node:child_process';
import { existsSync, lstatSync, mkdirSync, readFileSync, readlinkSync, rmSync, symlinkSync } from 'node:fs';
import module from 'node:module';
import { constants, hostname } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const modules = join(root, 'node_modules');
const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
const platform = `${process.platform}-${process.arch}`;
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const pinned = manifest.optionalDependencies[`node-${platform}`];

function fail(message) {
  process.stderr.write(`${message}\n`);
  process.exit(69);
}

function packagesOf(file) {
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')).packages : {};
}

/**
 * The first package of the lock file that is not there, undefined when all are: by npm's own list, which it writes when
 * it is done. What was installed by hand counts, and a pull that changes the dependencies is noticed.
 */
function missing() {
  const there = packagesOf(join(modules, '.package-lock.json'));
  const wanted = Object.entries(packagesOf(join(root, 'package-lock.json')));
  return wanted.find(([place, { optional, devOptional, version, integrity }]) => {
    const found = there[place];
    // Most of the optional ones are for other platforms.
    const needless = (optional || devOptional) && place !== `node_modules/node-${platform}`;
    if (place === '' || (found === undefined && needless)) return false;
    return found?.version !== version || found.integrity !== integrity;
  })?.[0];
}

/** The folder, made when it is not there; undefined where nobody may. */
function keptFolder(path) {
  try {
    mkdirSync(path, { recursive: true });
    return path;
  } catch {
    return undefined;
  }
}

const lock = join(root, '.npm-install-lock');
/** Longer than any install: whoever holds it for so long is another process under the same number. */
const lockLimitMs = 600_000;

/** The lock is a link that names its holder, so that it is there with that name or not at all. */
function takeLock() {
  try {
    symlinkSync(`${hostname()}:${process.pid}`, lock);
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    return fail(
      `Packages are missing, and ${root} cannot be written (${error.code}). Whoever may: npm ci --ignore-scripts`,
    );
  }
}

/** Whether the lock was left by an install that was killed. */
function isLeft() {
  const { mtimeMs } = lstatSync(lock, { throwIfNoEntry: false }) ?? {};
  if (mtimeMs === undefined) return false;
  if (Date.now() - mtimeMs > lockLimitMs) return true;
  try {
    const [host, holder] = readlinkSync(lock).split(':');
    if (host === hostname()) process.kill(Number(holder), 0);
    return false;
  } catch (error) {
    return error.code === 'ESRCH';
  }
}

/** Every kind of package, whatever an npmrc or NODE_ENV leaves out: Node itself is one of the optional ones. */
const npmArguments = [
  'ci',
  '--ignore-scripts',
  '--include=dev',
  '--include=optional',
  '--no-audit',
  '--no-fund',
];

/** Resolves with the signal that ended it, if one did. */
async function install() {
  process.stderr.write('Installing packages (first run, or the lock file changed) …\n');
  const npm = spawn('npm', [...npmArguments, '--loglevel=error'], { cwd: root, stdio: ['ignore', 2, 2] });
  let told;
  const stop = (signal) => {
    told = signal;
    npm.kill(signal);
  };
  for (const signal of signals) process.on(signal, stop);
  const why = await new Promise((done) => {
    npm.on('error', ({ code }) => done(`npm cannot be run (${code}).`));
    npm.on('exit', (code) =>
      done(
        code === 0
          ? undefined
          : 'npm ci failed: see its message above. The npm registry must be reachable once.',
      ),
    );
  });
  for (const signal of signals) process.off(signal, stop);
  if (told !== undefined) return { why: 'Stopped.', code: 128 + constants.signals[told] };
  const place = why === undefined ? missing() : undefined;
  return { why: place === undefined ? why : `npm ci ended well, and left out ${place}.`, code: 69 };
}

/** One installer at a time; a second command in a fresh clone waits for the first. */
async function installMissing() {
  for (let told = false; !takeLock(); ) {
    if (isLeft()) rmSync(lock, { recursive: true, force: true });
    else {
      if (!told) process.stderr.write('Another command installs packages here: waiting for it …\n');
      told = true;
      await pause(500);
    }
  }
  let ended = { why: undefined, code: 0 };
  try {
    if (missing() !== undefined) ended = await install();
  } finally {
    rmSync(lock, { force: true });
  }
  if (ended.why === undefined) return;
  process.stderr.write(`${ended.why}\n`);
  process.exit(ended.code);
}

if (pinned === undefined) fail(`There is no packaged Node for ${platform}: Linux on x64 or arm64 is needed.`);
if (missing() !== undefined) await installMissing();

const [program, ...args] = process.argv.slice(2);
const file = resolve(root, program);
// The agent makes little garbage: a young generation of a few MiB costs no time, and saves nearly a hundred while a
// store of a week is opened. And what its many disk threads gave back, glibc keeps for each of them: with two arenas it
// keeps a third less. Both must be said before Node starts.
const flags = manifest.nodeFlags[program] ?? [];
const env = { ...manifest.nodeEnvironment?.[program], ...process.env };
// What Node makes of the sources is kept: two fifths of the processor time of a short command. Without a place for it all runs
// the same; it is made here, because Node never ends where a folder cannot be made below /proc.
const compiled = process.env.NODE_COMPILE_CACHE ?? keptFolder(join(modules, '.cache', 'node-compiled'));
if (compiled !== undefined) env.NODE_COMPILE_CACHE = compiled;
if (process.version === `v${pinned}` && flags.length === 0) {
  process.argv = [process.execPath, file, ...args];
  if (compiled) {
    process.env.NODE_COMPILE_CACHE = compiled;
    module.enableCompileCache(compiled);
  }
  await import(pathToFileURL(file).href);
} else {
  const node = join(modules, '.bin', 'node');
  const child = spawn(node, [...flags, file, ...args], { stdio: 'inherit', env });
  child.on('error', ({ code }) => fail(`The packaged Node cannot be run: ${node} (${code}).`));
  for (const signal of signals) process.on(signal, () => child.kill(signal));
  child.on('exit', (code, signal) => process.exit(code ?? 128 + constants.signals[signal]));
}
