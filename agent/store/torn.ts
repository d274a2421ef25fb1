import { join } from 'node:path';
import type { Files } from '#agent/platform/files.ts';
import { headerLength, maxHeaderBytes, wholeChunksLength } from '#protocol/seal/seal.ts';
import { segmentName } from '#protocol/segment-name.ts';
import { hashFile } from './hash-file.ts';

/**
 * Keeps an unfinished file as far as its last whole chunk, under a torn name:
 * 1 it is synced, so that no later power cut takes away what is named next;
 * 2 it gets the torn name, which carries the duration that its size and times tell now and no longer tell afterwards;
 * 3 the folder is synced; then {@link finishTorn}.
 * A file without a whole chunk shows nothing and goes. Undefined when it went.
 */
export async function keepTorn(
  files: Files,
  folder: string,
  part: string,
  start: number,
  durationMs: number,
): Promise<string | undefined> {
  if ((await wholeLength(files, join(folder, part))) === undefined) {
    await files.remove(join(folder, part));
    await files.syncFolder(folder);
    return undefined;
  }
  await syncFile(files, join(folder, part));
  const name = segmentName({ state: 'sealed', start, durationMs, torn: true });
  await files.move(join(folder, part), join(folder, name));
  await files.syncFolder(folder);
  return name;
}

/** 4 cut to whole chunks and synced, 5 hashed. Safe to repeat; the ledger line is the caller's, and makes it final. */
export async function finishTorn(files: Files, path: string): Promise<{ sha256: string; bytes: number }> {
  const whole = await wholeLength(files, path);
  await syncFile(files, path, whole);
  return await hashFile(files, path);
}

async function syncFile(files: Files, path: string, cutTo?: number): Promise<void> {
  const file = await files.open(path, 'append');
  try {
    if (cutTo !== undefined && cutTo < (await file.size())) await file.truncate(cutTo);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Bytes up to the end of the last whole chunk; undefined when there is none, or no header. */
export async function wholeLength(files: Files, path: string): Promise<number | undefined> {
  const file = await files.open(path, 'read');
  try {
    const head = Buffer.alloc(maxHeaderBytes);
    const header = headerLength(head.subarray(0, await file.read(head, 0)));
    return header === undefined ? undefined : wholeChunksLength(header, await file.size());
  } finally {
    await file.close();
  }
}
