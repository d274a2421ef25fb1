import { createHash } from 'node:crypto';
import type { Files } from '#agent/platform/files.ts';

/** SHA-256 of a file as it lies on disk, lower-case hex, and its size. */
export async function hashFile(files: Files, path: string): Promise<{ sha256: string; bytes: number }> {
  const hash = createHash('sha256');
  const buffer = Buffer.allocUnsafe(1024 * 1024);
  const file = await files.open(path, 'read');
  try {
    let bytes = 0;
    for (;;) {
      const read = await file.read(buffer, bytes);
      hash.update(buffer.subarray(0, read));
      bytes += read;
      if (read < buffer.length) return { sha256: hash.digest('hex'), bytes };
    }
  } finally {
    await file.close();
  }
}
