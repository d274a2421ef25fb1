import { z } from 'zod';
import { type Files, readIfThere, writeDurably } from '#agent/platform/files.ts';
import { parseJson } from '#protocol/envelope.ts';
import { Failure } from '#protocol/failure.ts';

/** A screen on a wall that is logged in. */
export interface Display {
  /** SHA-256 of its cookie, hex: whoever has the file cannot be that screen. */
  token: string;
  name: string;
  /** Of its login. */
  made: string;
  /** UTC milliseconds. */
  until: number;
}

const kept = z
  .array(
    z.object({
      token: z.string().regex(/^[0-9a-f]{64}$/),
      name: z.string().max(32),
      made: z.string().max(64),
      until: z.number(),
    }),
  )
  .max(500);
const maxFileBytes = 256 * 1024;

/** Which screens are logged in, over a restart of the hub: `data/displays.json`. */
export interface Displays {
  /** Throws `corrupt` `displays-broken`. */
  read(): Promise<Display[]>;
  /** Writes what is not there as it is; one after the other. */
  keep(displays: readonly Display[]): Promise<void>;
}

export function openDisplays(files: Files, path: string): Displays {
  let there = '[]';
  let writing: Promise<void> = Promise.resolve();
  return {
    async read() {
      const bytes = await readIfThere(files, path, maxFileBytes);
      if (bytes === undefined) return [];
      const parsed = kept.safeParse(parseJson(bytes));
      // Written anew with the next screen that logs in.
      there = '';
      if (!parsed.success)
        throw new Failure('corrupt', 'displays-broken', `${path} is damaged: displays have to log in again`);
      there = JSON.stringify(parsed.data);
      return parsed.data;
    },
    keep(displays) {
      const text = JSON.stringify(displays);
      writing = writing
        .catch(() => {}) // Whoever asked for that one was told.
        .then(async () => {
          if (text === there) return;
          await writeDurably(files, path, `${text}\n`);
          there = text;
        });
      return writing;
    },
  };
}
