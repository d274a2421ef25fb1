import { join } from 'node:path';
import { z } from 'zod';
import { type Files, makeFolderDurably, readIfThere, writeDurably } from '#agent/platform/files.ts';
import { parseJson } from '#protocol/envelope.ts';
import { Failure } from '#protocol/failure.ts';
import { instantText } from '#protocol/time.ts';
import type { Register } from '../register/register.ts';

/** What is moved away, as it was held here. */
const archiving = z.strictObject({
  /** Name of the folder below `archive/`. */
  archive: z.string().regex(/^[a-z0-9-]{1,64}-\d{17}$/),
  by: z.string().min(1).max(100),
  reason: z.string().min(1).max(2000),
  /** Lines held of the log that ended, and the hash of the last one; none of a copy that was broken. */
  lines: z.int().nonnegative().optional(),
  last: z.string().max(64).optional(),
});
export type Archiving = z.output<typeof archiving>;

/** Copies of logs that have ended: a node begins a new one when its box is replaced. */
export interface Archive {
  /**
   * Moves the copy of a node's log away, so that the next line numbered 1 begins another. Nobody may be using the
   * copy. 1 what is meant, in `<node>.replaced.json`; 2 the register's line; 3 copy and head go below `archive/`;
   * 4 the note of 1 goes. Cut anywhere after 1, {@link Archive.resume} goes on.
   */
  begin(node: string, what: Omit<Archiving, 'archive'>): Promise<void>;
  /** Ends what a crash interrupted; before a copy of this node is opened. */
  resume(node: string): Promise<void>;
  /** Folders with ended logs of a node, newest first. */
  folders(node: string): Promise<string[]>;
}

export function openArchive(options: {
  files: Files;
  folder: string;
  register: Register;
  utc(): number;
}): Archive {
  const { files, folder, register } = options;
  const root = join(folder, 'archive');
  const noteOf = (node: string): string => join(folder, `${node}.replaced.json`);

  async function move(node: string, { archive, ...what }: Archiving): Promise<void> {
    const noted = register.lines().some((line) => line.kind === 'replaced' && line['archive'] === archive);
    if (!noted) register.append({ kind: 'replaced', ...what, node, archive });
    const into = join(root, archive);
    await makeFolderDurably(files, into);
    for (const name of [`${node}.jsonl`, `${node}.head.json`]) {
      const from = join(folder, name);
      if ((await files.size(from)) !== undefined) await files.replace(from, join(into, name));
    }
    await files.syncFolder(into);
    await files.syncFolder(folder);
    await files.remove(noteOf(node));
    await files.syncFolder(folder);
  }

  return {
    async begin(node, what) {
      const stamp = instantText(options.utc()).replaceAll(/\D/g, '');
      const meant = archiving.parse({ ...what, archive: `${node}-${stamp}` });
      await writeDurably(files, noteOf(node), JSON.stringify(meant));
      await move(node, meant);
    },
    async resume(node) {
      const bytes = await readIfThere(files, noteOf(node), 16 * 1024);
      if (bytes === undefined) return;
      const parsed = archiving.safeParse(parseJson(bytes));
      if (!parsed.success) throw new Failure('corrupt', 'mirror-broken', `${noteOf(node)} is damaged`);
      await move(node, parsed.data);
    },
    async folders(node) {
      const names = (await files.list(root))
        .filter(({ name, directory }) => directory && name.slice(0, -18) === node)
        .map(({ name }) => name);
      return names
        .sort()
        .reverse()
        .map((name) => join(root, name));
    },
  };
}
