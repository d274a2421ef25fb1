import { createHash } from 'node:crypto';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { codeOf } from '#protocol/failure.ts';
import type { Files } from './files.ts';

export interface HeldLock {
  release(): Promise<void>;
}

export interface Locks {
  /** Undefined when another process, or this one, holds the lock of the folder. */
  hold(folder: string): Promise<HeldLock | undefined>;
}

/**
 * A lock is the name of an abstract Unix socket (unix(7)), made from the folder's real path: the kernel frees it with
 * its holder, so no file is ever left to judge. It spans one network namespace.
 */
export function socketLocks(files: Files): Locks {
  return {
    async hold(folder) {
      const path = await files.realPath(folder);
      const name = createHash('sha256').update(path).digest('hex').slice(0, 40);
      const server = createServer((connection) => connection.destroy());
      return await new Promise((resolve, reject) => {
        server.once('error', (error: NodeJS.ErrnoException) => {
          if (error.code === 'EADDRINUSE') resolve(undefined);
          else reject(error);
        });
        server.listen({ path: `\0peio-store-${name}` }, () => {
          server.unref();
          resolve({ release: () => new Promise((done) => server.close(() => done())) });
        });
      });
    },
  };
}

/** Lies empty in a folder that {@link fileLocks} locked. */
export const lockFileName = 'store.lock';
/** SQLite's result code (sqlite.org/rescode.html) where another connection has the lock. */
const sqliteBusy = 5;
/** A lock ends with its connection, which nobody else may be left to collect. */
const connections = new Set<DatabaseSync>();

/**
 * A lock is one of the kernel on a file in the folder (fcntl(2), F_SETLK): it spans whatever shares the disk on this
 * machine, containers too, and goes with its holder. Node has no call for it, and SQLite makes it for a transaction that
 * never writes. Where the file system gives none, or has no room for an empty file, nothing is locked and nobody refused.
 *
 * The process that holds it must not open the file: closing it again would free the lock.
 */
export function fileLocks(files: Files): Locks {
  return {
    async hold(folder) {
      const path = join(folder, lockFileName);
      try {
        if ((await files.size(path)) === undefined) await (await files.open(path, 'append')).close();
      } catch (error) {
        if (codeOf(error) === 'unknown') throw error;
        return free;
      }
      let connection: DatabaseSync | undefined;
      try {
        connection = new DatabaseSync(path);
        // Without the first a journal would be begun beside it.
        connection.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
      } catch (error) {
        connection?.close();
        if (codeOf(error) !== 'ERR_SQLITE_ERROR') throw error;
        return ((error as { errcode?: number }).errcode ?? 0) % 256 === sqliteBusy ? undefined : free;
      }
      const held = connection;
      connections.add(held);
      return {
        async release() {
          connections.delete(held);
          held.close();
        },
      };
    },
  };
}

const free: HeldLock = { release: async () => {} };

/** Both: the name where the file system has no locks, the file where the other lives in a network namespace of its own. */
export function storeLocks(files: Files): Locks {
  const [names, inFolder] = [socketLocks(files), fileLocks(files)];
  return {
    async hold(folder) {
      const name = await names.hold(folder);
      if (name === undefined) return undefined;
      try {
        const file = await inFolder.hold(folder);
        if (file !== undefined)
          return {
            async release() {
              await file.release();
              await name.release();
            },
          };
      } catch (error) {
        await name.release();
        throw error;
      }
      await name.release();
      return undefined;
    },
  };
}
