import { join } from 'node:path';
import { type Files, readIfThere, writeDurably } from '#agent/platform/files.ts';
import { codeOf, Failure } from '#protocol/failure.ts';
import { instantText } from '#protocol/time.ts';

/** Lies on the file system that holds the store, and is away when that is. */
export const markerName = 'store.id';
const maxTableBytes = 1024 * 1024;

/**
 * Refuses to begin in the empty folder under a disk that is not mounted, where a week would fill the root file system.
 * A file system is expected at `mount`, and wherever fstab(5) promises one at or above `dir`. Throws `unavailable`
 * `store-not-mounted`.
 */
export async function requireMounted(files: Files, dir: string, mount: string | undefined): Promise<void> {
  // Through links, as far as there is anything: the folder itself may lie on the disk that is away.
  const folder = (await files.size(dir)) === undefined ? dir : await files.realPath(dir);
  const expected = [
    ...promised(await textOf(files, '/etc/fstab')).filter(
      (place) => folder === place || folder.startsWith(`${place}/`),
    ),
    ...(mount === undefined ? [] : [mount]),
  ];
  for (const place of expected) {
    await files.list(place); // An automount is mounted when somebody looks.
    const mounted = mountPoints(await textOf(files, '/proc/self/mountinfo'));
    if (!mounted.includes(place))
      throw new Failure(
        'unavailable',
        'store-not-mounted',
        `the disk of the store is not mounted at ${place}`,
      );
  }
}

/** Marks the store's folder, when it is not yet: a store that was made before markers were is taken as it is. */
export async function markPlace(files: Files, dir: string, now: number): Promise<void> {
  const path = join(dir, markerName);
  if ((await files.size(path)) !== undefined) return;
  await writeDurably(files, path, `{"made":"${instantText(now)}"}\n`);
}

/**
 * `files` that write nothing while the marker is away: a disk that is taken from under a running agent leaves the same
 * empty folder behind. Throws `transient` `disk-error`.
 */
export function filesAt(files: Files, dir: string): Files {
  const marker = join(dir, markerName);
  const there = async (): Promise<void> => {
    if ((await files.size(marker)) === undefined)
      throw new Failure('transient', 'disk-error', `the disk of the store has left ${dir}`);
  };
  return {
    ...files,
    async open(path, how) {
      if (how !== 'read') await there();
      return await files.open(path, how);
    },
    async makeFolder(path) {
      await there();
      await files.makeFolder(path);
    },
  };
}

async function textOf(files: Files, path: string): Promise<string> {
  try {
    return (await readIfThere(files, path, maxTableBytes))?.toString() ?? '';
  } catch (error) {
    // A sandbox may hide either: what it does not tell is not expected.
    if (codeOf(error) === 'EACCES' || codeOf(error) === 'EPERM') return '';
    throw error;
  }
}

/** Places of fstab(5) that are mounted without being asked for; `/` is always there. */
function promised(fstab: string): string[] {
  return fstab
    .split('\n')
    .filter((line) => !line.trimStart().startsWith('#'))
    .map((line) => line.trim().split(/\s+/))
    .filter(([, place, , options]) => place?.startsWith('/') && !options?.split(',').includes('noauto'))
    .map(([, place]) => plain(place ?? ''))
    .filter((place) => place !== '/');
}

/** Field 5 of proc_pid_mountinfo(5), but for an automount that nothing has been mounted on yet. */
function mountPoints(mountinfo: string): string[] {
  return mountinfo
    .split('\n')
    .filter((line) => !line.includes(' - autofs '))
    .map((line) => plain(line.split(' ')[4] ?? ''));
}

/** Both tables write blanks as octal. */
function plain(text: string): string {
  return text.replaceAll(/\\([0-7]{3})/g, (_, code: string) => String.fromCharCode(Number.parseInt(code, 8)));
}
