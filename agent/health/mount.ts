import { basename, join } from 'node:path';
import type { Files } from '../platform/files.ts';
import { numberIn, textIn } from './kernel-file.ts';

/** The file system that holds a folder. */
export interface Mount {
  readOnly: boolean;
  type: string;
  /** `8:1` */
  device: string;
}

/** From `/proc/self/mountinfo` (proc_pid_mountinfo(5)); undefined where it does not say. */
export async function readMount(files: Files, folder: string, proc = '/proc'): Promise<Mount | undefined> {
  const text = await textIn(files, join(proc, 'self/mountinfo'));
  return text === undefined ? undefined : mountOf(text, folder);
}

/** The mount with the longest path above `folder`; of several at one place the last hides the others. */
export function mountOf(mountinfo: string, folder: string): Mount | undefined {
  let found: (Mount & { length: number }) | undefined;
  for (const line of mountinfo.split('\n')) {
    const [before, after] = line.split(' - ');
    const [, , device, , place, options] = (before ?? '').split(' ');
    const [type, , superOptions] = (after ?? '').split(' ');
    if (!device || !place || !options || !type) continue;
    const path = place.replaceAll(/\\([0-7]{3})/g, (_, code: string) =>
      String.fromCharCode(Number.parseInt(code, 8)),
    );
    if (path !== '/' && folder !== path && !folder.startsWith(`${path}/`)) continue;
    if (found !== undefined && path.length < found.length) continue;
    // The kernel remounts the file system after an error, an administrator the place: either counts.
    const readOnly = [options, superOptions ?? ''].some((list) => list.split(',').includes('ro'));
    found = { readOnly, type, device, length: path.length };
  }
  return found && { readOnly: found.readOnly, type: found.type, device: found.device };
}

/** Disks found below a device; a store on more is no store of ours. */
const maxDisks = 16;

/**
 * The disks below a file system, by kernel name (`sda`, `nvme0n1`): through partitions, encryption, volumes and RAID.
 * Empty for what is on no disk.
 */
export async function disksBelow(files: Files, device: string, sys = '/sys'): Promise<string[]> {
  const disks = new Set<string>();
  const pending = [join(sys, 'dev/block', device)];
  for (let path = pending.pop(); path !== undefined && disks.size < maxDisks; path = pending.pop()) {
    const real = await files.realPath(path).catch(() => undefined); // No such device: a file system on no disk.
    if (real === undefined || !/^[\w!.-]{1,64}$/.test(basename(real))) continue;
    const slaves = await files.list(join(real, 'slaves'));
    if (slaves.length > 0) for (const { name } of slaves) pending.push(join(real, 'slaves', name));
    else if ((await numberIn(files, join(real, 'partition'))) !== undefined) pending.push(join(real, '..'));
    else disks.add(basename(real));
  }
  return [...disks];
}

/** Errors that the kernel has met in an ext4 file system since it was last checked; undefined for others. */
export async function fileSystemErrors(
  files: Files,
  device: string,
  sys = '/sys',
): Promise<number | undefined> {
  const real = await files.realPath(join(sys, 'dev/block', device)).catch(() => undefined);
  return real === undefined
    ? undefined
    : await numberIn(files, join(sys, 'fs/ext4', basename(real), 'errors_count'));
}
