import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmSync, statfsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '#agent/platform/process.ts';
import { codeOf, Failure } from '#protocol/failure.ts';

/** statfs(2): file systems without a disk behind them. */
const tmpfs = 0x01021994;
const ramfs = 0x858458f6;

const prefix = 'peio-open-';

/** A folder in memory for pictures in the clear; gone with {@link RamFolder.remove}, or with this process. */
export interface RamFolder {
  path: string;
  freeBytes(): number;
  remove(): void;
}

/**
 * Makes a folder of its own, mode 0700, in a RAM-backed file system, after removing what processes that were killed
 * together with their guard have left there. Throws `denied`: `not-ram` (a disk is behind it), `swap` (the kernel may
 * write memory to a disk, unless `swapAllowed`); `unavailable` `no-guard`.
 */
export function openRamFolder(parent: string, swapAllowed: boolean): RamFolder {
  const { type } = statfsOf(parent);
  if (type !== tmpfs && type !== ramfs)
    throw new Failure('denied', 'not-ram', `${parent} lies on a disk: name a RAM-backed folder with --out`);
  const swaps = activeSwaps();
  if (type === tmpfs && swaps.length > 0 && !swapAllowed)
    throw new Failure(
      'denied',
      'swap',
      `memory may be written to ${swaps.join(', ')}: turn swap off (swapoff -a), or allow encrypted swap with --allow-swap`,
    );
  sweep(parent);
  const path = join(parent, `${prefix}${process.pid}-${randomBytes(6).toString('hex')}`);
  mkdirSync(path, { mode: 0o700 });
  let guard: ChildProcess;
  try {
    guard = guardOf(path);
  } catch (error) {
    rmSync(path, { recursive: true });
    throw error;
  }
  return {
    path,
    freeBytes: () => {
      const { bavail, bsize } = statfsOf(path);
      return bavail * bsize;
    },
    remove() {
      rmSync(path, { recursive: true, force: true });
      guard.stdin?.end();
    },
  };
}

/**
 * Removes the folder when this process ends, however it ends: films fill the memory, and the kernel kills who fills it.
 * The end of the pipe tells; a session of its own keeps an interrupt at the terminal away from it.
 */
function guardOf(path: string): ChildProcess {
  const guard = spawn('/bin/sh', ['-c', 'read -r _; exec rm -rf -- "$1"', 'sh', path], {
    cwd: '/',
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  // What it says later is that the pipe closed with it; that it did not start is known at once.
  for (const part of [guard, guard.stdin]) part?.on('error', () => {});
  if (guard.pid === undefined)
    throw new Failure('unavailable', 'no-guard', '/bin/sh does not start: nothing is opened');
  guard.unref();
  (guard.stdin as unknown as { unref(): void }).unref();
  return guard;
}

function statfsOf(path: string) {
  try {
    return statfsSync(path);
  } catch (cause) {
    throw new Failure(
      'denied',
      'not-ram',
      `${path} cannot be used (${codeOf(cause)}): name a RAM-backed folder with --out`,
      { cause },
    );
  }
}

/** Swap on a disk. zram is memory; whether another is encrypted cannot be seen from here. */
export function activeSwaps(text = readFileSync('/proc/swaps', 'utf8')): string[] {
  return text
    .split('\n')
    .slice(1)
    .map((line) => line.split(/\s+/)[0] ?? '')
    .filter((name) => name !== '' && !name.startsWith('/dev/zram'));
}

/** Removes the folders of this user's processes that are no more. */
function sweep(parent: string): void {
  for (const name of readdirSync(parent)) {
    const pid = /^peio-open-(\d+)-[0-9a-f]{12}$/.exec(name)?.[1];
    if (pid === undefined || isAlive(Number(pid))) continue;
    const path = join(parent, name);
    if (statSync(path).uid === process.getuid?.()) rmSync(path, { recursive: true, force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return codeOf(error) === 'EPERM';
  }
}

/**
 * Makes sure that a crash of this process writes no core file: pictures and an identity are in its memory. Throws
 * `denied` `core-dump` when the limit cannot be lowered.
 */
export async function forbidCoreDumps(): Promise<void> {
  if (coreLimit() === '0') return;
  const args = ['--pid', String(process.pid), '--core=0'];
  await run('prlimit', args, { timeoutMs: 5000, maxBytes: 10_000 }).catch((error: unknown) => {
    if (!(error instanceof Failure)) throw error;
  });
  if (coreLimit() !== '0')
    throw new Failure('denied', 'core-dump', 'a crash could write memory to disk: run "ulimit -c 0" first');
}

function coreLimit(): string | undefined {
  return /^Max core file size\s+(\S+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1];
}
