import {
  chownSync,
  closeSync,
  existsSync,
  fchownSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { codeOf, Failure } from '#protocol/failure.ts';

/**
 * Files as a person's command leaves them: whole, and readable for whoever owns the folder, also when root ran it.
 * `placeFile` and `makeFolder` throw `unavailable` `cannot-write`: a stick is full, write-protected or not there.
 */

/** 1 PATH.new with `mode` and the folder's owner, synced; 2 renamed over PATH; 3 the folder synced. */
export function placeFile(path: string, content: string | Uint8Array, mode: number): void {
  named(path, () => place(path, content, mode));
}

function place(path: string, content: string | Uint8Array, mode: number): void {
  const fresh = `${path}.new`;
  rmSync(fresh, { force: true });
  const handle = openSync(fresh, 'wx', mode);
  try {
    const bytes = typeof content === 'string' ? Buffer.from(content) : content;
    for (let done = 0; done < bytes.length; ) done += writeSync(handle, bytes, done);
    if (process.getuid?.() === 0) {
      const { uid, gid } = statSync(dirname(path));
      fchownSync(handle, uid, gid);
    }
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
  renameSync(fresh, path);
  syncFolder(dirname(path));
}

/** Appends one line and syncs. */
export function appendLine(path: string, line: string): void {
  const handle = openSync(path, 'a', 0o600);
  try {
    writeSync(handle, `${line}\n`);
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

/** 0700, with the owner of the folder above. */
export function makeFolder(path: string): void {
  const made = named(path, () => mkdirSync(path, { recursive: true, mode: 0o700 }));
  if (made === undefined || process.getuid?.() !== 0) return;
  const { uid, gid } = statSync(dirname(path));
  chownSync(path, uid, gid);
}

function named<T>(path: string, write: () => T): T {
  try {
    return write();
  } catch (cause) {
    throw new Failure('unavailable', 'cannot-write', `${path} cannot be written (${codeOf(cause)})`, {
      cause,
    });
  }
}

/** Gives what root wrote below `dir`, and what is in it, to the owner of `dir`. */
export function ownAsFolder(dir: string, names: readonly string[]): void {
  if (process.getuid?.() !== 0) return;
  const { uid, gid } = statSync(dir);
  for (const name of names) {
    const path = join(dir, name);
    if (!existsSync(path)) continue;
    chownSync(path, uid, gid);
    if (statSync(path).isDirectory()) ownAsFolder(path, readdirSync(path));
  }
}

function syncFolder(path: string): void {
  const handle = openSync(path, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}
