import { join } from 'node:path';
import { z } from 'zod';
import { parseJson } from '#protocol/envelope.ts';
import { sha256Hex } from '#protocol/ids.ts';
import { frontierOf } from '#protocol/merkle.ts';
import { type Files, readIfThere, writeDurably } from '../platform/files.ts';
import { type Position, startOfLog } from './line.ts';

/** A position with the place in the files that it stands for: where to begin reading instead of at the first line. */
export interface Place {
  /** `YYYY-MM`, empty before the first line. */
  month: string;
  /** Bytes of that month's file that are before it. */
  offset: number;
  position: Position;
}

export const startOfFiles = (): Place => ({ month: '', offset: 0, position: startOfLog() });

export const logFile = (folder: string, month: string): string => join(folder, `${month}.jsonl`);
/** The place before the first line of a month: what remains of the months that retention has taken. */
export const baseFile = (folder: string, month: string): string => join(folder, `${month}.base.json`);
/** Behind the folder's name, with a stamp: a log that could not be gone on with. */
export const asideMark = '.broken-';
/** A recent place, to open a long log quickly. */
export const recentFile = (folder: string): string => join(folder, 'recent.json');
/** The last head that was signed, a C2SP note. */
export const checkpointFile = (folder: string): string => join(folder, 'checkpoint');
/** The last head that the hub cosigned, as it came. */
export const cosignedFile = (folder: string): string => join(folder, 'cosigned');

const maxPlaceBytes = 16 * 1024;
const placeSchema = z.object({
  month: z.string().regex(/^(\d{4}-\d\d|)$/),
  offset: z.int().nonnegative(),
  size: z.int().nonnegative(),
  prev: z.union([sha256Hex, z.literal('')]),
  subtrees: z.array(sha256Hex).max(53),
});

/** Undefined when there is none, or none that can be read: the log itself says all that it says. */
export async function readPlace(files: Files, path: string): Promise<Place | undefined> {
  const bytes = await readIfThere(files, path, maxPlaceBytes);
  const parsed = placeSchema.safeParse(bytes && parseJson(bytes));
  if (!parsed.success) return undefined;
  const { month, offset, size, prev, subtrees } = parsed.data;
  try {
    const tree = frontierOf(
      size,
      subtrees.map((hex) => Buffer.from(hex, 'hex')),
    );
    return { month, offset, position: { prev, tree } };
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

export async function writePlace(files: Files, path: string, place: Place): Promise<void> {
  const { prev, tree } = place.position;
  await writeDurably(
    files,
    path,
    JSON.stringify({
      month: place.month,
      offset: place.offset,
      size: tree.size,
      prev,
      subtrees: tree.subtrees().map((hash) => hash.toString('hex')),
    }),
  );
}

/** Months with a file, oldest first. */
export async function monthsOf(files: Files, folder: string): Promise<string[]> {
  const names = (await files.list(folder)).map(({ name }) => /^(\d{4}-\d\d)\.jsonl$/.exec(name)?.[1]);
  return names.filter((month) => month !== undefined).sort();
}
