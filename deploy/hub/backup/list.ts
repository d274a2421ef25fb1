import { z } from 'zod';
import { sha256Hex } from '#protocol/ids.ts';

/** The last entry of a backup: every file before it. */
export const listName = 'backup.json';

export const backupList = z.object({
  version: z.literal(1),
  made: z.iso.datetime({ precision: 3 }),
  files: z
    .array(z.object({ name: z.string().min(1).max(100), bytes: z.int().nonnegative(), sha256: sha256Hex }))
    .max(1_000_000),
});
export type BackupList = z.output<typeof backupList>;
