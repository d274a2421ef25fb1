import { constants } from 'node:fs';
import * as fs from 'node:fs/promises';
import { dirname, resolve } from 'node:path';

/** A file open for writing or reading. The caller closes it; closing waits for what is under way. */
export interface OpenFile {
  /** Appends all of `bytes`, in as many system calls as it takes. */
  write(bytes: Uint8Array): Promise<void>;
  /** Appends all of `list`, in order, in as few system calls as it takes. */
  writeAll(list: readonly Uint8Array[]): Promise<void>;
  /** Fills `into` from `position`; returns the bytes read, fewer only at the end of the file. */
  read(into: Uint8Array, position: number): Promise<number>;
  /** Data and size on stable storage (fdatasync). */
  sync(): Promise<void>;
  truncate(size: number): Promise<void>;
  size(): Promise<number>;
  close(): Promise<void>;
}

export interface Entry {
  name: string;
  directory: boolean;
  /** Neither file nor folder: a pipe, whose opening would wait for ever, a socket, a device, a link. */
  special?: true;
}

export interface FileFacts {
  size: number;
  /** UTC of the last write, by the clock of that moment. */
  modifiedMs: number;
  /** Two names with one number are one file. */
  inode: number;
}

/** The disk, as asked for by everything that keeps something. Errors are Node's own, with their `code`. */
export interface Files {
  /**
   * `create` fails with EEXIST on an existing file; `append` creates what is missing; modes are 0600 and 0700. What root
   * makes, here and by {@link Files.makeFolder}, belongs to whom the folder around it belongs.
   */
  open(path: string, how: 'create' | 'append' | 'read'): Promise<OpenFile>;
  /** The whole file, or EFBIG beyond `maxBytes`. */
  read(path: string, maxBytes: number): Promise<Buffer>;
  /** Renames within one file system and never replaces: EEXIST when `to` is there. */
  move(from: string, to: string): Promise<void>;
  /** Renames and replaces. */
  replace(from: string, to: string): Promise<void>;
  remove(path: string): Promise<void>;
  /** Removes an empty folder; ENOTEMPTY otherwise. */
  removeFolder(path: string): Promise<void>;
  makeFolder(path: string): Promise<void>;
  /** Entries in no order; an absent folder has none. */
  list(path: string): Promise<Entry[]>;
  size(path: string): Promise<number | undefined>;
  facts(path: string): Promise<FileFacts | undefined>;
  /** The path with every symbolic link resolved. */
  realPath(path: string): Promise<string>;
  syncFolder(path: string): Promise<void>;
  /** Free and total bytes, free and total inodes of the file system that holds `path`. */
  space(
    path: string,
  ): Promise<{ freeBytes: number; totalBytes: number; freeInodes: number; totalInodes: number }>;
}

/** writev(2) takes 1024 pieces at most. */
const maxPieces = 1024;

/** What is left of `list` behind its first `bytes`. */
function behind(list: readonly Uint8Array[], bytes: number): Uint8Array[] {
  let skip = 0;
  let rest = bytes;
  while (skip < list.length && rest >= list[skip]!.length) rest -= list[skip++]!.length;
  const left = list.slice(skip);
  if (rest > 0) left[0] = left[0]!.subarray(rest);
  return left;
}

export const systemFiles: Files = {
  async open(path, how) {
    const handle = how === 'read' ? await fs.open(path, 'r') : await openToWrite(path, how);
    return {
      async write(bytes) {
        let done = 0;
        while (done < bytes.length) done += (await handle.write(bytes, done)).bytesWritten;
      },
      async writeAll(list) {
        let left = list.filter((piece) => piece.length > 0);
        while (left.length > 0)
          left = behind(left, (await handle.writev(left.slice(0, maxPieces))).bytesWritten);
      },
      async read(into, position) {
        let done = 0;
        while (done < into.length) {
          const { bytesRead } = await handle.read(into, done, into.length - done, position + done);
          if (bytesRead === 0) break;
          done += bytesRead;
        }
        return done;
      },
      sync: () => handle.datasync(),
      truncate: (size) => handle.truncate(size),
      size: async () => (await handle.stat()).size,
      close: () => handle.close(),
    };
  },
  async read(path, maxBytes) {
    const handle = await fs.open(path, 'r');
    try {
      const { size } = await handle.stat();
      if (size > maxBytes)
        throw Object.assign(new Error(`${path}: ${size} bytes, more than ${maxBytes}`), { code: 'EFBIG' });
      return await handle.readFile();
    } finally {
      await handle.close();
    }
  },
  async move(from, to) {
    // link(2) refuses an existing target where rename(2) would replace it. A crash in between leaves both names
    // for one file, which the reader of the folder tidies.
    await fs.link(from, to);
    await fs.unlink(from);
  },
  replace: (from, to) => fs.rename(from, to),
  remove: (path) => fs.unlink(path),
  removeFolder: (path) => fs.rmdir(path),
  async makeFolder(path) {
    const first = await fs.mkdir(path, { recursive: true, mode: 0o700 });
    if (first === undefined || !isRoot()) return;
    const made = [resolve(path)];
    while (made[0]!.length > resolve(first).length) made.unshift(dirname(made[0]!));
    for (const folder of made) {
      const handle = await fs.open(folder, constants.O_DIRECTORY | constants.O_NOFOLLOW);
      await handOver(handle, await fs.stat(dirname(folder))).finally(() => handle.close());
    }
  },
  async list(path) {
    try {
      const entries = await fs.readdir(path, { withFileTypes: true });
      return entries.map((entry) => ({
        name: entry.name,
        directory: entry.isDirectory(),
        ...(entry.isDirectory() || entry.isFile() ? {} : { special: true as const }),
      }));
    } catch (error) {
      if (isMissing(error)) return [];
      throw error;
    }
  },
  async size(path) {
    try {
      return (await fs.stat(path)).size;
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  },
  async facts(path) {
    try {
      const { size, mtimeMs, ino } = await fs.stat(path);
      return { size, modifiedMs: mtimeMs, inode: ino };
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  },
  realPath: (path) => fs.realpath(path),
  async syncFolder(path) {
    const handle = await fs.open(path, 'r');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  },
  async space(path) {
    const { bavail, bsize, blocks, ffree, files } = await fs.statfs(path);
    return { freeBytes: bavail * bsize, totalBytes: blocks * bsize, freeInodes: ffree, totalInodes: files };
  },
};

const isRoot = (): boolean => process.geteuid?.() === 0;

/**
 * What root makes in somebody's folder is theirs: a state that only root may read would keep the agent, which runs as a
 * user of its own, from starting again. What was there keeps its owner: it may be a link to anybody's.
 */
async function openToWrite(path: string, how: 'create' | 'append'): Promise<fs.FileHandle> {
  if (!isRoot()) return await fs.open(path, how === 'create' ? 'wx' : 'a', 0o600);
  const owner = await fs.stat(dirname(path));
  try {
    const made = await fs.open(path, how === 'create' ? 'wx' : 'ax', 0o600);
    await handOver(made, owner);
    return made;
  } catch (error) {
    if (how === 'create' || (error as { code?: unknown }).code !== 'EEXIST') throw error;
    return await fs.open(path, 'a', 0o600);
  }
}

async function handOver(made: fs.FileHandle, { uid, gid }: { uid: number; gid: number }): Promise<void> {
  if (uid !== 0) await made.chown(uid, gid).catch(() => {}); // A root that may not, as in some containers: root's it stays.
}

export function isMissing(error: unknown): boolean {
  return (error as { code?: unknown } | null)?.code === 'ENOENT';
}

/** The whole file, or undefined when there is none. */
export async function readIfThere(files: Files, path: string, maxBytes: number): Promise<Buffer | undefined> {
  try {
    return await files.read(path, maxBytes);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/**
 * Replaces `path` so that a power cut leaves the old bytes or the new, never a mixture:
 * 1 write PATH.new, 2 sync it, 3 rename over PATH, 4 sync the folder.
 */
export async function writeDurably(files: Files, path: string, bytes: Uint8Array | string): Promise<void> {
  const fresh = `${path}.new`;
  if ((await files.size(fresh)) !== undefined) await files.remove(fresh);
  const file = await files.open(fresh, 'create');
  try {
    await file.write(typeof bytes === 'string' ? Buffer.from(bytes) : bytes);
    await file.sync();
  } finally {
    await file.close();
  }
  await files.replace(fresh, path);
  await files.syncFolder(dirname(path));
}

/** Appends and syncs; the folder too when the file is new. */
export async function appendDurably(files: Files, path: string, bytes: Uint8Array | string): Promise<void> {
  const fresh = (await files.size(path)) === undefined;
  const file = await files.open(path, 'append');
  try {
    await file.write(typeof bytes === 'string' ? Buffer.from(bytes) : bytes);
    await file.sync();
  } finally {
    await file.close();
  }
  if (fresh) await files.syncFolder(dirname(path));
}

/** Makes what is missing of a folder, so that what is synced inside it cannot be lost with it. */
export async function makeFolderDurably(files: Files, path: string): Promise<void> {
  if ((await files.size(path)) !== undefined) return;
  if (dirname(path) !== path) await makeFolderDurably(files, dirname(path));
  await files.makeFolder(path);
  await files.syncFolder(dirname(path));
}
