import { createHash } from 'node:crypto';
import { dirname } from 'node:path';
import { type Adapter, Low } from 'lowdb';
import type { z } from 'zod';
import { type Files, readIfThere } from '#agent/platform/files.ts';

/** Small state that survives a power cut: the old value or the new, never a mixture, never nothing. */
export interface Document<T> {
  readonly value: T;
  /** What `value` began as: what was kept, or the initial one because nothing was there, or nothing believable. */
  readonly origin: 'kept' | 'absent' | 'damaged';
  /** Changes the value and resolves when the change is on stable storage. Calls take effect in their order. */
  update(change: (value: T) => void): Promise<void>;
}

const maxDocumentBytes = 4 * 1024 * 1024;
const shape = /^\{"sha256":"([0-9a-f]{64})","data":(.*)\}\n$/s;

/**
 * Keeps `path` as `{"sha256": hash of the data's text, "data": …}`. Writing: 1 PATH.new, 2 synced, 3 PATH becomes
 * PATH.previous, 4 PATH.new becomes PATH, 5 the folder is synced. Reading takes the first of PATH, PATH.new and
 * PATH.previous that is whole and fits `schema`; a fresh copy of `initial` when there is none.
 */
export async function openDocument<T>(
  files: Files,
  path: string,
  schema: z.ZodType<T>,
  initial: T,
): Promise<Document<T>> {
  let origin: Document<T>['origin'] = 'absent';
  const believed = (bytes: Buffer): T | undefined => {
    const [, hash, json] = shape.exec(bytes.toString()) ?? [];
    if (json === undefined || createHash('sha256').update(json).digest('hex') !== hash) return undefined;
    return schema.safeParse(JSON.parse(json)).data;
  };
  const adapter: Adapter<T> = {
    async read() {
      for (const name of [path, `${path}.new`, `${path}.previous`]) {
        const bytes = await readIfThere(files, name, maxDocumentBytes);
        if (bytes === undefined) continue;
        const value = believed(bytes);
        if (value !== undefined) {
          origin = 'kept';
          return value;
        }
        // A fresh copy that was never renamed was never promised to anybody.
        if (name !== `${path}.new`) origin = 'damaged';
      }
      return null;
    },
    async write(value) {
      const json = JSON.stringify(value);
      const hash = createHash('sha256').update(json).digest('hex');
      const fresh = `${path}.new`;
      if ((await files.size(fresh)) !== undefined) await files.remove(fresh);
      const file = await files.open(fresh, 'create');
      try {
        await file.write(Buffer.from(`{"sha256":"${hash}","data":${json}}\n`));
        await file.sync();
      } finally {
        await file.close();
      }
      if ((await files.size(path)) !== undefined) await files.replace(path, `${path}.previous`);
      await files.replace(fresh, path);
      await files.syncFolder(dirname(path));
    },
  };
  const low = new Low<T>(adapter, structuredClone(initial));
  await low.read();
  let queue: Promise<void> = Promise.resolve();
  return {
    get value() {
      return low.data;
    },
    origin,
    update(change) {
      const done = queue.then(() => low.update(change));
      queue = done.catch(() => {}); // The caller of this update is told; the next one stands by itself.
      return done;
    },
  };
}
