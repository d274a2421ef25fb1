import { basename, dirname, resolve } from 'node:path';
import type { FileFacts, Files, OpenFile } from '#agent/platform/files.ts';

/**
 * A disk in memory that forgets, in a power cut, what POSIX lets it forget: bytes not synced with their file, names not
 * synced with their folder. Each folder keeps the order of its changes, as a journal does.
 */
export interface MemoryDisk {
  files: Files;
  /** Changes so far: what a crash can come between. */
  steps(): number;
  /** Before the step of this number, and at everything after it, every call throws: the process is dead. */
  freezeAt(step: number): void;
  /** Asked before every change; an error it gives is thrown instead. */
  refuse(judge: (what: string, path: string) => NodeJS.ErrnoException | undefined): void;
  /** Bytes that all files take together may not pass this: ENOSPC. */
  capacity(bytes: number): void;
  /**
   * What the next process finds. `kill`: everything that was called. `cut`: what was synced, and of the rest the
   * part that `keep` (0 to 1, asked anew for each file and folder) lets through.
   */
  crash(how: 'kill' | 'cut', keep?: () => number): void;
  /** A disk of its own with what a process killed now would leave; this one goes on for whoever still writes. */
  fork(): MemoryDisk;
  /** Every file's path and bytes. */
  contents(): Map<string, Buffer>;
}

interface Inode {
  id: number;
  data: Buffer;
  durable: Buffer;
  modifiedMs: number;
}
type Node = Inode | Folder;
interface Folder {
  entries: Map<string, Node>;
  durable: Map<string, Node>;
  pending: { name: string; node: Node | undefined }[];
}

let disks = 0;

class Frozen extends Error {}

export function isFrozen(error: unknown): boolean {
  return error instanceof Frozen;
}

const newFolder = (): Folder => ({ entries: new Map(), durable: new Map(), pending: [] });
const isFolder = (node: Node | undefined): node is Folder => node !== undefined && 'entries' in node;

function copyOf(folder: Folder): Folder {
  const copies = new Map<Node, Node>();
  const copy = (node: Node): Node => {
    const done = copies.get(node);
    if (done !== undefined) return done;
    if (!isFolder(node)) {
      copies.set(node, { ...node });
      return copies.get(node)!;
    }
    const fresh = newFolder();
    copies.set(node, fresh);
    for (const [name, inner] of node.entries) fresh.entries.set(name, copy(inner));
    for (const [name, inner] of node.durable) fresh.durable.set(name, copy(inner));
    fresh.pending = node.pending.map(({ name, node: inner }) => ({ name, node: inner && copy(inner) }));
    return fresh;
  };
  return copy(folder) as Folder;
}

function systemError(code: string, path: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code}: ${path}`), { code });
}

export function memoryDisk(now: () => number, root: Folder = newFolder()): MemoryDisk {
  let nextId = 1_000_000 * ++disks;
  let step = 0;
  let frozenAt = Number.POSITIVE_INFINITY;
  let judge: (what: string, path: string) => NodeJS.ErrnoException | undefined = () => undefined;
  let capacityBytes = Number.POSITIVE_INFINITY;

  const find = (path: string): Node | undefined => {
    let node: Node | undefined = root;
    for (const name of resolve(path).split('/').filter(Boolean))
      node = isFolder(node) ? node.entries.get(name) : undefined;
    return node;
  };
  const folderOf = (path: string): Folder => {
    const folder = find(dirname(resolve(path)));
    if (!isFolder(folder)) throw systemError('ENOENT', path);
    return folder;
  };
  const fileAt = (path: string): Inode => {
    const node = find(path);
    if (node === undefined) throw systemError('ENOENT', path);
    if (isFolder(node)) throw systemError('EISDIR', path);
    return node;
  };
  const alive = (): void => {
    if (step >= frozenAt) throw new Frozen();
  };
  const change = (what: string, path: string): void => {
    alive();
    step += 1;
    if (step >= frozenAt) throw new Frozen();
    const refusal = judge(what, path);
    if (refusal !== undefined) throw refusal;
  };
  const enter = (folder: Folder, name: string, node: Node | undefined): void => {
    if (node === undefined) folder.entries.delete(name);
    else folder.entries.set(name, node);
    folder.pending.push({ name, node });
  };
  const all = (folder: Folder, path: string, into: Map<string, Inode>): Map<string, Inode> => {
    for (const [name, node] of folder.entries)
      if (isFolder(node)) all(node, `${path}/${name}`, into);
      else into.set(`${path}/${name}`, node);
    return into;
  };
  const usedBytes = (): number => {
    let used = 0;
    for (const inode of new Set(all(root, '', new Map()).values())) used += inode.data.length;
    return used;
  };

  const handle = (inode: Inode, path: string): OpenFile => {
    const append = (bytes: Uint8Array): void => {
      change('write', path);
      const room = capacityBytes - usedBytes();
      inode.data = Buffer.concat([inode.data, bytes.subarray(0, Math.max(0, room))]);
      inode.modifiedMs = now();
      if (bytes.length > room) throw systemError('ENOSPC', path);
    };
    return {
      async write(bytes) {
        append(bytes);
      },
      async writeAll(list) {
        append(Buffer.concat(list));
      },
      async read(into, position) {
        alive();
        return inode.data.copy(into as Buffer, 0, position, position + into.length);
      },
      async sync() {
        change('sync', path);
        inode.durable = inode.data;
      },
      async truncate(size) {
        change('truncate', path);
        inode.data = inode.data.subarray(0, size);
        inode.modifiedMs = now();
      },
      async size() {
        alive();
        return inode.data.length;
      },
      async close() {
        alive();
      },
    };
  };

  const files: Files = {
    async open(path, how) {
      alive();
      if (how === 'read') return handle(fileAt(path), path);
      const found = find(path);
      if (found !== undefined && how === 'create') throw systemError('EEXIST', path);
      if (found !== undefined) return handle(fileAt(path), path);
      const folder = folderOf(path);
      change('create', path);
      const inode: Inode = {
        id: nextId++,
        data: Buffer.alloc(0),
        durable: Buffer.alloc(0),
        modifiedMs: now(),
      };
      enter(folder, basename(path), inode);
      return handle(inode, path);
    },
    async read(path, maxBytes) {
      alive();
      const { data } = fileAt(path);
      if (data.length > maxBytes) throw systemError('EFBIG', path);
      return Buffer.from(data);
    },
    async move(from, to) {
      const inode = fileAt(from);
      if (find(to) !== undefined) throw systemError('EEXIST', to);
      change('link', to);
      enter(folderOf(to), basename(to), inode);
      change('unlink', from);
      enter(folderOf(from), basename(from), undefined);
    },
    async replace(from, to) {
      const inode = fileAt(from);
      change('rename', to);
      // rename(2) is one change; both names are in one folder wherever this project renames.
      enter(folderOf(to), basename(to), inode);
      enter(folderOf(from), basename(from), undefined);
    },
    async remove(path) {
      fileAt(path);
      change('unlink', path);
      enter(folderOf(path), basename(path), undefined);
    },
    async removeFolder(path) {
      const folder = find(path);
      if (!isFolder(folder)) throw systemError('ENOENT', path);
      if (folder.entries.size > 0) throw systemError('ENOTEMPTY', path);
      change('rmdir', path);
      enter(folderOf(path), basename(path), undefined);
    },
    async makeFolder(path) {
      let at = '';
      for (const name of resolve(path).split('/').filter(Boolean)) {
        at += `/${name}`;
        if (find(at) !== undefined) continue;
        change('mkdir', at);
        enter(folderOf(at), name, newFolder());
      }
    },
    async list(path) {
      alive();
      const folder = find(path);
      if (!isFolder(folder)) return [];
      return [...folder.entries].map(([name, node]) => ({ name, directory: isFolder(node) }));
    },
    async size(path) {
      return (await files.facts(path))?.size;
    },
    async facts(path): Promise<FileFacts | undefined> {
      alive();
      const node = find(path);
      if (node === undefined) return undefined;
      if (isFolder(node)) return { size: 4096, modifiedMs: 0, inode: 0 };
      return { size: node.data.length, modifiedMs: node.modifiedMs, inode: node.id };
    },
    async realPath(path) {
      alive();
      return resolve(path);
    },
    async syncFolder(path) {
      const folder = find(path);
      if (!isFolder(folder)) throw systemError('ENOENT', path);
      change('syncFolder', path);
      for (const { name, node } of folder.pending)
        if (node === undefined) folder.durable.delete(name);
        else folder.durable.set(name, node);
      folder.pending = [];
    },
    async space() {
      alive();
      const total = Number.isFinite(capacityBytes) ? capacityBytes : 1e12;
      return { freeBytes: total - usedBytes(), totalBytes: total, freeInodes: 1e6, totalInodes: 1e6 };
    },
  };

  const settle = (folder: Folder, keep: () => number): void => {
    for (const { name, node } of folder.pending.slice(0, Math.round(keep() * folder.pending.length)))
      if (node === undefined) folder.durable.delete(name);
      else folder.durable.set(name, node);
    folder.entries = new Map(folder.durable);
    folder.pending = [];
    for (const node of folder.entries.values()) {
      if (isFolder(node)) settle(node, keep);
      else {
        const { data, durable } = node;
        // Shortened and not synced: it may have any of both lengths. Grown: any part of what was appended.
        const bytes = Math.round(durable.length + keep() * (data.length - durable.length));
        node.data = Buffer.from((data.length >= durable.length ? data : durable).subarray(0, bytes));
        node.durable = node.data;
      }
    }
  };

  return {
    files,
    steps: () => step,
    freezeAt(at) {
      frozenAt = at;
    },
    refuse(by) {
      judge = by;
    },
    capacity(bytes) {
      capacityBytes = bytes;
    },
    crash(how, keep = () => 0) {
      frozenAt = Number.POSITIVE_INFINITY;
      judge = () => undefined;
      if (how === 'cut') settle(root, keep);
    },
    fork: () => memoryDisk(now, copyOf(root)),
    contents: () => new Map([...all(root, '', new Map())].map(([path, inode]) => [path, inode.data])),
  };
}

/** A lock that is always free: what a dead process held, the kernel has let go. */
export const freeLocks = { hold: async () => ({ release: async () => {} }) };
