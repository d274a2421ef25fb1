import { codeOf } from '#protocol/failure.ts';
import type { Files } from '../platform/files.ts';

const maxBytes = 64 * 1024;

/**
 * A file of `/proc` or `/sys`, trimmed; undefined where the kernel has none, does not show it, or its driver fails:
 * what cannot be told is unknown.
 */
export async function textIn(files: Files, path: string): Promise<string | undefined> {
  try {
    return (await files.read(path, maxBytes)).toString('utf8').trim();
  } catch (error) {
    if (codeOf(error) === 'unknown') throw error;
    return undefined;
  }
}

export async function numberIn(files: Files, path: string): Promise<number | undefined> {
  const text = await textIn(files, path);
  return text !== undefined && /^-?\d{1,18}$/.test(text) ? Number(text) : undefined;
}
