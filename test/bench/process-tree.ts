import { readdirSync, readFileSync } from 'node:fs';

/** USER_HZ: what /proc counts CPU time in, fixed on Linux (proc(5)). */
const ticksPerSecond = 100;

/** `root` and all its descendants that live now. */
export function processTree(root: number): number[] {
  const found = [root];
  for (const pid of found) found.push(...childrenOf(pid));
  return found;
}

/** CPU seconds of the processes `roots` and their descendants, those that ended and were waited for included. */
export function cpuSeconds(roots: readonly number[]): number {
  return sum(roots.flatMap(processTree), (pid) => {
    // utime, stime, cutime, cstime: fields 14 to 17, counted behind the name, which may hold spaces.
    const fields = readProc(`${pid}/stat`)
      ?.replace(/^.*\) /s, '')
      .split(' ');
    return fields ? sum(fields.slice(11, 15), Number) / ticksPerSecond : 0;
  });
}

/** Proportional set size of the same processes, bytes: shared pages are counted once among those who share them. */
export function pssBytes(roots: readonly number[]): number {
  return sum(roots.flatMap(processTree), (pid) => {
    const kilobytes = /^Pss:\s+(\d+) kB$/m.exec(readProc(`${pid}/smaps_rollup`) ?? '')?.[1];
    return Number(kilobytes ?? 0) * 1024;
  });
}

/** Bytes the same processes wrote to files and pipes so far. */
export function writtenBytes(roots: readonly number[]): number {
  return sum(roots.flatMap(processTree), (pid) =>
    Number(/^wchar: (\d+)$/m.exec(readProc(`${pid}/io`) ?? '')?.[1] ?? 0),
  );
}

/** Bytes they made the disk take, pages and metadata included (proc(5), write_bytes); 0 on a file system in memory. */
export function storedBytes(roots: readonly number[]): number {
  return sum(roots.flatMap(processTree), (pid) =>
    Number(/^write_bytes: (\d+)$/m.exec(readProc(`${pid}/io`) ?? '')?.[1] ?? 0),
  );
}

function childrenOf(pid: number): number[] {
  let tasks: string[];
  try {
    tasks = readdirSync(`/proc/${pid}/task`);
  } catch {
    return []; // It ended meanwhile.
  }
  return tasks.flatMap((task) =>
    (readProc(`${pid}/task/${task}/children`) ?? '').split(' ').filter(Boolean).map(Number),
  );
}

function readProc(path: string): string | undefined {
  try {
    return readFileSync(`/proc/${path}`, 'latin1');
  } catch {
    return undefined;
  }
}

function sum<T>(items: readonly T[], of: (item: T) => number): number {
  return items.reduce((total, item) => total + of(item), 0);
}
