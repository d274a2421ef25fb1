import { open } from 'node:fs/promises';
import { join } from 'node:path';
import type { Output } from '../../deploy/hub/viewing/join.ts';

/** Joined films as plain files of a folder. */
export function fileOutput(folder: string): (name: string) => Promise<Output> {
  return async (name) => {
    const file = await open(join(folder, name), 'wx');
    return {
      append: async (bytes) => void (await file.appendFile(bytes)),
      overwrite: async (bytes, position) => void (await file.write(bytes, 0, bytes.length, position)),
      close: () => file.close(),
    };
  };
}
