import { join } from 'node:path';
import { z } from 'zod';
import { parseJson } from '#protocol/envelope.ts';
import { codeOf } from '#protocol/failure.ts';
import { cameraId, uuidV7 } from '#protocol/ids.ts';
import { diskFailure } from '../platform/disk-failure.ts';
import { type Files, makeFolderDurably, readIfThere, writeDurably } from '../platform/files.ts';

/** Longest that footage is kept for an extraction. */
export const reservedMs = 72 * 3_600_000;
const maxBytes = 256 * 1024;

const reservation = z.object({
  command: uuidV7,
  camera: cameraId,
  from: z.int(),
  to: z.int(),
  /** UTC milliseconds. */
  until: z.int(),
});
export type Reservation = z.infer<typeof reservation>;

export interface Reservations {
  /** Durable before it resolves. Again for the same command changes nothing. */
  add(one: Reservation): Promise<void>;
  find(command: string): Reservation | undefined;
  /** Whether anything in `[start, end)` of a camera is still needed. In memory: a sweep asks for every segment. */
  reserved(camera: string, start: number, end: number): boolean;
  keepOnly(wanted: (one: Reservation) => boolean): Promise<void>;
}

/**
 * Windows that accepted extractions still need, in one small file. One that cannot be read is told to `broken` and
 * taken as empty: every extraction that goes on adds its own again.
 */
export async function openReservations(
  files: Files,
  folder: string,
  utc: () => number,
  broken: (path: string) => void,
): Promise<Reservations> {
  const path = join(folder, 'reservations.json');
  await makeFolderDurably(files, folder);
  const text = readIfThere(files, path, maxBytes).then((bytes) => (bytes ? parseJson(bytes) : []));
  const parsed = z.array(reservation).safeParse(
    await text.catch((error: unknown) => {
      if (codeOf(error) === 'unknown') throw error;
    }),
  );
  if (!parsed.success) broken(path);
  let all = parsed.data ?? [];
  let turn: Promise<unknown> = Promise.resolve();

  const change = (next: (now: Reservation[]) => Reservation[]): Promise<void> => {
    const mine = turn.then(async () => {
      const wanted = next(all);
      // What is added counts before it is on disk, what goes only after: a sweep in between must not take it.
      const before = all;
      all = [...new Map([...before, ...wanted].map((one) => [one.command, one])).values()];
      try {
        if (wanted.length !== before.length) await writeDurably(files, path, JSON.stringify(wanted));
        all = wanted;
      } catch (error) {
        all = before;
        throw diskFailure(error, 'reservations');
      }
    });
    turn = mine.catch(() => {});
    return mine;
  };
  return {
    add: (one) => change((now) => (now.some(({ command }) => command === one.command) ? now : [...now, one])),
    find: (command) => all.find((one) => one.command === command),
    reserved: (camera, start, end) =>
      all.some((one) => one.camera === camera && start < one.to && one.from < end && utc() < one.until),
    keepOnly: (wanted) => change((now) => now.filter(wanted)),
  };
}
