import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Failure } from '#protocol/failure.ts';
import type { Manifest } from '#protocol/manifest.ts';
import { openSealed } from '#protocol/seal/seal.ts';
import type { RamFolder } from './ram.ts';
import type { TarEntry } from './tar.ts';

/** A segment as it was recorded: opened, and nothing else done to it. */
export interface Original extends TarEntry {
  sha256: string;
  /** The sealed file of the manifest that it came out of. */
  from: { name: string; sha256: string };
}

/** Where they lie in a package. */
export const originalFolder = 'original/';
/** A day of minutes and some; who needs more makes more packages. */
const mostOriginals = 1500;

/** Reads every segment once for its hash; its bytes are opened again when they are wanted. Throws `too-many`. */
export async function originalsOf(folder: string, manifest: Manifest, secret: string): Promise<Original[]> {
  if (manifest.files.length > mostOriginals)
    throw new Failure(
      'denied',
      'too-many',
      `${manifest.files.length} segments: --original gives ${mostOriginals} at most; extract a shorter time`,
    );
  const found: Original[] = [];
  for (const { name, sha256: sealed } of manifest.files) {
    async function* chunks(): AsyncGenerator<Buffer> {
      const opened = await openSealed(
        { identities: [secret] },
        createReadStream(join(folder, 'files', name)),
      );
      yield* opened.chunks();
    }
    const hash = createHash('sha256');
    let size = 0;
    for await (const chunk of chunks()) {
      hash.update(chunk);
      size += chunk.length;
    }
    const as = `${originalFolder}${name.replace(/\.age$/, '')}`;
    found.push({ name: as, size, sha256: hash.digest('hex'), from: { name, sha256: sealed }, chunks });
  }
  return found;
}

/** Writes them into RAM. Throws `no-room`. */
export async function saveOriginals(originals: readonly Original[], ram: RamFolder): Promise<void> {
  if (ram.freeBytes() < originals.reduce((sum, { size }) => sum + size, 0))
    throw new Failure(
      'exhausted',
      'no-room',
      `${ram.path} has no room for the originals: name another folder with --out`,
    );
  for (const { name, chunks } of originals) {
    const path = join(ram.path, name);
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    const file = await open(path, 'wx', 0o600);
    try {
      for await (const chunk of chunks()) await file.appendFile(chunk);
    } finally {
      await file.close();
    }
  }
}
