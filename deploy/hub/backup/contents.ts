import { createReadStream, existsSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { codeOf, Failure } from '#protocol/failure.ts';
import type { TarEntry } from '../viewing/tar.ts';

/** Files of a hub's folder that a backup holds, as they are now; paths relative to it. */
export interface Contents extends Disposable {
  entries: TarEntry[];
}

/** Footage, and what is under way: never in a backup. */
const footage = new Set(['inbox', 'files']);
/** Made anew at every start, or copied by the database itself. */
const passing = /\.sock$|\.new$|\.part$|\.sqlite(?:-(?:wal|shm|journal))?$|^backup-\d+\./;
const databases = ['register.sqlite', 'alarms.sqlite'];
/** What is meant to be carried off belongs in no backup of the hub: it has keepers of its own. */
const carriedOff = new Set(['keys/root.key', 'keys/officer.key', 'identities', 'authority']);
const maxNameBytes = 100;

/** Throws `unavailable` `backup-read` for what cannot be read: a backup that lacks something is none. */
export function openContents(dir: string): Contents {
  const copies: string[] = [];
  const names: string[] = [];
  const walk = (below: string): void => {
    const folder = readdirSync(join(dir, below), { withFileTypes: true });
    for (const entry of folder.sort((a, b) => (a.name < b.name ? -1 : 1))) {
      const name = below === '' ? entry.name : `${below}/${entry.name}`;
      if (carriedOff.has(name) || passing.test(entry.name)) continue;
      if (entry.isDirectory()) {
        if (!(footage.has(entry.name) && name.startsWith('data/cases/')) && !isSecrets(name)) walk(name);
      } else if (entry.isFile() && !entry.name.endsWith('.age')) names.push(name);
    }
  };
  const dispose = (): void => {
    for (const copy of copies) rmSync(copy, { force: true });
  };
  try {
    walk('');
    const entries: TarEntry[] = [];
    for (const name of databases) {
      const path = join(dir, 'data', name);
      if (!existsSync(path)) continue;
      const copy = join(dir, 'data', `backup-${process.pid}.${name}`);
      copies.push(copy);
      copyDatabase(path, copy);
      entries.push(entryOf(copy, `data/${name}`));
    }
    // Heads before logs: a log only grows, so that none is shorter than the head that was read before it.
    const isHead = (name: string): number => (name.endsWith('.head.json') ? 0 : 1);
    for (const name of names.sort((a, b) => isHead(a) - isHead(b)))
      entries.push(entryOf(join(dir, name), name));
    return { entries, [Symbol.dispose]: dispose };
  } catch (cause) {
    dispose();
    if (cause instanceof Failure) throw cause;
    throw new Failure('unavailable', 'backup-read', `${dir} cannot be read whole (${codeOf(cause)})`, {
      cause,
    });
  }
}

/** Secrets of nodes: of a demonstration's alone, where the node's folder is the box. */
function isSecrets(name: string): boolean {
  return /^nodes\/[^/]+\/secrets$/.test(name);
}

/** A consistent copy of a database that somebody may be writing. */
function copyDatabase(from: string, to: string): void {
  const database = new DatabaseSync(from, { readOnly: true });
  try {
    database.prepare('VACUUM INTO ?').run(to);
  } finally {
    database.close();
  }
}

/** As long as it is now: what is appended while it is read belongs to the next backup. */
function entryOf(path: string, name: string): TarEntry {
  if (Buffer.byteLength(name) > maxNameBytes)
    throw new Failure('unavailable', 'backup-read', `${name} is too long a name for a backup`);
  const { size } = statSync(path);
  return {
    name,
    size,
    chunks: () => (size === 0 ? [] : createReadStream(path, { start: 0, end: size - 1 })),
  };
}
