import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from './temporary-folder.ts';

/** A file system of its own, small enough to fill; unmounted and removed when disposed of. */
export interface SmallDisk extends Disposable {
  /** Where it is mounted. */
  path: string;
  /** `/dev/loop3`; empty for one in memory. */
  device: string;
  /** Takes the mount away though files are open; what has them open goes on. */
  detach(): void;
  mount(): void;
  /** Unmounts, checks and mends, mounts again. */
  mend(): void;
  /** Makes the kernel find a fault in the file system, which becomes read-only: ext4(5), errors=remount-ro. */
  fault(): void;
}

function run(program: string, ...args: string[]): string {
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${program} ${args.join(' ')}: ${stderr}`);
  return stdout.trim();
}

/** Why this machine cannot mount; undefined where it can. */
export function whyNoMounts(): string | undefined {
  if (process.getuid?.() !== 0) return 'mounting needs root';
  try {
    smallDisk({ megabytes: 8 })[Symbol.dispose]();
    return undefined;
  } catch (error) {
    return `no loop mounts: ${(error as Error).message.trim()}`;
  }
}

/** In memory. */
export function memoryMount({ megabytes }: { megabytes: number }): { path: string } & Disposable {
  const folder = temporaryFolder();
  const path = join(folder.path, 'disk');
  mkdirSync(path);
  run('mount', '-t', 'tmpfs', '-o', `size=${megabytes}m`, 'none', path);
  return {
    path,
    [Symbol.dispose]() {
      run('umount', '-l', path);
      folder[Symbol.dispose]();
    },
  };
}

/** Another test that began a mount namespace of its own meanwhile keeps the device in it until it ends. */
const inUseLimitMs = 60_000;

function check(device: string): void {
  const sleep = new Int32Array(new SharedArrayBuffer(4));
  const until = performance.now() + inUseLimitMs;
  for (;;) {
    const { status, stdout, stderr } = spawnSync('e2fsck', ['-f', '-y', device], { encoding: 'utf8' });
    // 1: it found something and mended it.
    if (status === 0 || status === 1) return;
    if (!stdout.includes('is in use') || performance.now() > until)
      throw new Error(`e2fsck: ${status}: ${stdout.slice(-1000)} ${stderr}`);
    Atomics.wait(sleep, 0, 0, 500);
  }
}

/**
 * ext4 on a loop device. `backing` holds its image, in a folder of its own otherwise: an image that is larger than the
 * room for it gives I/O errors.
 */
export function smallDisk(options: { megabytes: number; inodes?: number; backing?: string }): SmallDisk {
  const folder = temporaryFolder();
  const image = join(options.backing ?? folder.path, 'image');
  writeFileSync(image, '');
  truncateSync(image, options.megabytes * 2 ** 20);
  run(
    'mkfs.ext4',
    '-q',
    '-F',
    '-m',
    '0',
    '-E',
    'lazy_itable_init=0,nodiscard',
    ...(options.inodes ? ['-N', String(options.inodes)] : []),
    image,
  );
  const device = run('losetup', '--find', '--show', image);
  const path = join(folder.path, 'disk');
  mkdirSync(path);
  const mount = (): void => void run('mount', '-o', 'errors=remount-ro', device, path);
  const detach = (): void => void run('umount', '-l', path);
  mount();
  return {
    path,
    device,
    detach,
    mount,
    mend() {
      run('umount', path);
      check(device);
      mount();
    },
    fault() {
      writeFileSync(`/sys/fs/ext4/${device.replace('/dev/', '')}/trigger_fs_error`, '1');
    },
    [Symbol.dispose]() {
      spawnSync('umount', ['-l', path]);
      run('losetup', '--detach', device);
      rmSync(image, { force: true });
      folder[Symbol.dispose]();
    },
  };
}
