import { createHash } from 'node:crypto';
import { createServer } from 'node:net';
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
 * its holder, so no file is ever left to judge. It spans one network namespace, which an agent shares with the host.
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
