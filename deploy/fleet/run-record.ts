import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { codeOf, Failure } from '#protocol/failure.ts';
import { removeTown } from './namespaces.ts';

/** A process by its number and the moment it began: a number alone is given to others later. */
const processSchema = z.strictObject({ pid: z.int().positive(), began: z.string().max(32) });
const recordSchema = z.strictObject({
  dir: z.string().max(4096),
  owner: processSchema,
  programs: z.array(processSchema).max(1000),
  mounts: z.array(z.string().max(4096)).max(100),
});
type Recorded = z.output<typeof recordSchema>;

/** What a run has open outside its own process, on disk before anybody relies on it. */
export interface RunRecord {
  /** Six hex digits that tell this run's names from another's. */
  tag: string;
  program(pid: number): void;
  mounted(path: string): void;
  /** Ends and removes everything that stands in it, and the record. */
  clear(): void;
}

const folder =
  process.getuid?.() === 0 ? '/run/peio-fleet' : join(tmpdir(), `peio-fleet-${process.getuid?.()}`);

/**
 * Begins the record of a run in `dir`, once what killed runs left is gone. Throws `fleet-busy` when another one is
 * running there; `cleaned` is told of each that was cleared away.
 */
export function openRecord(dir: string, cleaned: (dir: string) => void): RunRecord {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  for (const name of readdirSync(folder).filter((entry) => /^[0-9a-f]{6}\.json$/.test(entry))) {
    const tag = name.slice(0, 6);
    const left = readRecord(join(folder, name));
    if (left && runs(left.owner)) {
      if (left.dir === dir)
        throw new Failure(
          'unavailable',
          'fleet-busy',
          `another fleet runs in ${dir} (process ${left.owner.pid})`,
        );
      continue;
    }
    clear(tag, left);
    cleaned(left?.dir ?? name);
  }
  const tag = createHash('sha256').update(dir).digest('hex').slice(0, 6);
  const record: Recorded = { dir, owner: asProcess(process.pid), programs: [], mounts: [] };
  const keep = (): void => {
    writeFileSync(join(folder, `${tag}.new`), JSON.stringify(record), { mode: 0o600 });
    renameSync(join(folder, `${tag}.new`), join(folder, `${tag}.json`));
  };
  keep();
  return {
    tag,
    program(pid) {
      record.programs = record.programs.filter(runs);
      if (pid > 0) record.programs.push(asProcess(pid));
      keep();
    },
    mounted(path) {
      record.mounts.push(path);
      keep();
    },
    clear: () => clear(tag, record),
  };
}

function clear(tag: string, record: Recorded | undefined): void {
  for (const program of record?.programs ?? []) if (runs(program)) end(program.pid);
  if (process.getuid?.() === 0) removeTown(tag);
  for (const path of record?.mounts ?? []) spawnSync('umount', ['-l', path], { stdio: 'ignore' });
  rmSync(join(folder, `${tag}.json`), { force: true });
}

function end(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if (codeOf(error) !== 'ESRCH') throw error; // It ended by itself meanwhile.
  }
}

/** A record that is torn names nothing; the names of its namespaces begin with its tag all the same. */
function readRecord(path: string): Recorded | undefined {
  try {
    return recordSchema.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof z.ZodError || codeOf(error) === 'ENOENT')
      return undefined;
    throw error;
  }
}

function asProcess(pid: number): z.output<typeof processSchema> {
  return { pid, began: beganAt(pid) ?? '' };
}

function runs({ pid, began }: z.output<typeof processSchema>): boolean {
  return began !== '' && beganAt(pid) === began;
}

/** `starttime`, field 22 of proc(5), counted behind the name, which may hold spaces; of a zombie nothing. */
function beganAt(pid: number): string | undefined {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'latin1')
      .replace(/^.*\) /s, '')
      .split(' ');
    return fields[0] === 'Z' ? undefined : fields[19];
  } catch {
    return undefined; // It has ended.
  }
}
