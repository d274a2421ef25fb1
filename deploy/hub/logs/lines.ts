import { createReadStream } from 'node:fs';
import { dirname } from 'node:path';
import { type Files, isMissing } from '#agent/platform/files.ts';

/** Lines of an append-only file, read from the disk each time: a town's logs are too long to keep in memory. */
export interface Lines {
  /**
   * In order, without newlines, from the byte `start` on, where a line must begin. `mend` cuts a torn last line off
   * the file; otherwise it is left out.
   */
  all(how: { mend: boolean; start?: number }): AsyncGenerator<string>;
  /** Length of the file; 0 when there is none. */
  bytes(): Promise<number>;
  /** Takes away what stands behind the first `bytes`. */
  cut(bytes: number): Promise<void>;
  /** The line with this number, from 1. */
  at(seq: number): Promise<string | undefined>;
}

export function openLines(files: Files, path: string): Lines {
  async function* all({ mend, start = 0 }: { mend: boolean; start?: number }): AsyncGenerator<string> {
    let rest: Buffer = Buffer.alloc(0);
    let whole = start;
    try {
      for await (const chunk of createReadStream(path, { start }) as AsyncIterable<Buffer>) {
        let data = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
        for (let end = data.indexOf(0x0a); end >= 0; end = data.indexOf(0x0a)) {
          yield data.toString('utf8', 0, end);
          whole += end + 1;
          data = data.subarray(end + 1);
        }
        rest = data;
      }
    } catch (error) {
      if (isMissing(error)) return;
      throw error;
    }
    if (rest.length > 0 && mend) await truncate(files, path, whole);
  }
  return {
    all,
    bytes: async () => (await files.size(path)) ?? 0,
    async cut(bytes) {
      await truncate(files, path, bytes);
      // Who made the file may have been refused before its folder was synced.
      await files.syncFolder(dirname(path));
    },
    async at(seq) {
      let number = 0;
      for await (const text of all({ mend: false })) if (++number === seq) return text;
      return undefined;
    },
  };
}

async function truncate(files: Files, path: string, size: number): Promise<void> {
  const file = await files.open(path, 'append');
  try {
    await file.truncate(size);
    await file.sync();
  } finally {
    await file.close();
  }
}
