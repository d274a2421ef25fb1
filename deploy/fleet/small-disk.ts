import { execFileSync, spawnSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { codeOf } from '#protocol/failure.ts';

/** A disk in memory of so many megabytes at `path`; the answer takes it away. Needs root. */
export function mountSmallDisk(path: string, megabytes: number): () => void {
  mkdirSync(path, { recursive: true });
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m,mode=700`, 'peio-fleet', path], {
    stdio: 'pipe',
  });
  return () => void spawnSync('umount', ['-l', path], { stdio: 'ignore' });
}

/** Fills the disk that `folder` lies on to its last byte, with a file that is no footage; the answer removes it. */
export function fillDisk(folder: string): { megabytes: number; empty(): void } {
  const path = join(folder, 'somebody-else');
  const file = openSync(path, 'wx');
  const piece = Buffer.alloc(64 * 1024, 1);
  let bytes = 0;
  try {
    for (let size = piece.length; size >= 1; )
      try {
        bytes += writeSync(file, piece, 0, size);
      } catch (error) {
        if (codeOf(error) !== 'ENOSPC') throw error;
        size = Math.floor(size / 2);
      }
  } finally {
    closeSync(file);
  }
  return { megabytes: bytes / 2 ** 20, empty: () => rmSync(path) };
}
