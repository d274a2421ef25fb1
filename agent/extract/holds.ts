import { join } from 'node:path';
import { z } from 'zod';
import { type Command, Refusal } from '#protocol/command.ts';
import { parseJson } from '#protocol/envelope.ts';
import { Failure } from '#protocol/failure.ts';
import { cameraId, uuidV7 } from '#protocol/ids.ts';
import { purpose } from '#protocol/purpose.ts';
import { instantText } from '#protocol/time.ts';
import type { Runner } from '../command/runner.ts';
import type { Clock, Timer } from '../platform/clock.ts';
import { diskFailure } from '../platform/disk-failure.ts';
import { type Files, makeFolderDurably, readIfThere, writeDurably } from '../platform/files.ts';
import type { Log } from '../platform/log.ts';
import type { Footage } from './footage.ts';
import { untilDisk } from './until-disk.ts';
import { requireWindow } from './window.ts';

type HoldCommand = Extract<Command, { type: 'hold' }>;
type ReleaseCommand = Extract<Command, { type: 'release' }>;

/** Between a release and its effect: time for whoever should have been asked to see the alert. */
export const releaseDelayMs = 24 * 3_600_000;
/** More at once is no case work, and a sweep asks every hold for every segment. */
const maxHolds = 200;
const lookMs = 60_000;
const maxBytes = 4096;

const holdSchema = z.object({
  id: uuidV7,
  camera: cameraId,
  /** UTC milliseconds. */
  from: z.int(),
  to: z.int(),
  until: z.int(),
  purpose,
  /** False until the journal knows the command. */
  ordered: z.boolean(),
  release: z.object({ command: uuidV7, at: z.int() }).optional(),
});
export type Hold = z.infer<typeof holdSchema>;

export interface Holds {
  hold: Runner<HoldCommand>;
  release: Runner<ReleaseCommand>;
  /** Whether a hold keeps what lies in `[start, end)`. In memory: a sweep asks for every segment. */
  held(camera: string, start: number, end: number): boolean;
  all(): Hold[];
  close(): Promise<void>;
}

export interface HoldOptions {
  files: Files;
  clock: Clock;
  log: Log;
  /** `holds/` of the store. */
  folder: string;
  retentionMs: number;
  footage: Footage;
  /** Without a clock that can be trusted no hold ends. */
  clockTrusted(): boolean;
  /** Latest end of a hold that is asked for at an instant. */
  latestEnd(utcMs: number): number;
  note(kind: string, fields: Record<string, unknown>): Promise<unknown>;
  /** A release was accepted: footage will go at `at` unless somebody objects. */
  releasing(hold: Hold, at: number): void;
}

/** Legal holds, one file each: in force before the room is open, ended by their date or a release, with a line each. */
export async function openHolds(options: HoldOptions): Promise<Holds> {
  const { files, clock, folder, log } = options;
  await makeFolderDurably(files, folder);
  const holds = new Map<string, Hold>();
  const pathOf = (id: string): string => join(folder, `${id}.json`);
  for (const { name } of await files.list(folder)) {
    if (!name.endsWith('.json')) {
      await files.remove(join(folder, name)); // A write that a crash cut off.
      continue;
    }
    const bytes = await readIfThere(files, join(folder, name), maxBytes);
    const parsed = holdSchema.safeParse(bytes && parseJson(bytes));
    if (parsed.success) holds.set(parsed.data.id, parsed.data);
    else log.error({ path: join(folder, name) }, 'a hold cannot be read: give the command again');
  }

  const write = async (hold: Hold): Promise<void> => {
    const before = holds.get(hold.id);
    holds.set(hold.id, hold);
    try {
      await writeDurably(files, pathOf(hold.id), JSON.stringify(hold));
    } catch (error) {
      if (before) holds.set(hold.id, before);
      else holds.delete(hold.id);
      throw diskFailure(error, 'a hold');
    }
  };
  const drop = async (id: string): Promise<void> => {
    try {
      await files.remove(pathOf(id));
      await files.syncFolder(folder);
    } catch (error) {
      throw diskFailure(error, 'a hold');
    }
    holds.delete(id);
  };
  const endOf = ({ until, release }: Hold): number => Math.min(until, release?.at ?? until);

  /** Ends what is over: 1 the line, 2 the file; the next sweep takes the footage. */
  async function tend(): Promise<void> {
    if (!options.clockTrusted()) return;
    for (const hold of [...holds.values()]) {
      if (!hold.ordered || endOf(hold) > clock.utc()) continue;
      const cause = hold.release && hold.release.at < hold.until ? 'released' : 'expired';
      await options.note('hold-ended', { hold: hold.id, camera: hold.camera, cause });
      await drop(hold.id);
    }
  }
  let timer: Timer | undefined;
  let closed = false;
  let working: Promise<void> = Promise.resolve();
  const look = (): void => {
    timer = clock.after(lookMs, () => {
      working = tend()
        .catch((error: unknown) => {
          if (!(error instanceof Failure)) throw error;
          log.error({ code: error.code }, 'a hold that is over cannot be ended yet');
        })
        .then(() => {
          if (!closed) look();
        });
    });
  };
  look();

  return {
    all: () => [...holds.values()],
    held: (camera, start, end) => {
      const now = options.clockTrusted() ? clock.utc() : Number.NEGATIVE_INFINITY;
      for (const hold of holds.values())
        if (hold.camera === camera && start < hold.to && hold.from < end && now < endOf(hold)) return true;
      return false;
    },
    hold: {
      async admit(command) {
        const { id, camera, from, to, until } = command;
        const now = clock.utc();
        requireWindow(options.footage, command, now, options.retentionMs);
        if (until <= now || until > options.latestEnd(now))
          throw new Refusal('outside-retention', `a hold may not last until ${instantText(until)}`);
        if (holds.size >= maxHolds) throw new Refusal('busy', `${holds.size} holds are in force`);
        await write({ id, camera, from, to, until, purpose: command.purpose, ordered: false });
        // A sweep that chose before the hold stood may have taken its start meanwhile.
        try {
          requireWindow(options.footage, command, now, options.retentionMs);
        } catch (error) {
          await drop(id);
          throw error;
        }
      },
      async run({ command }, _, signal) {
        const hold = holds.get(command.id);
        if (hold === undefined) throw new Failure('corrupt', 'hold-lost', `${command.id} is not on disk`);
        if (!hold.ordered) await untilDisk(options, signal, () => write({ ...hold, ordered: true }));
        const { segments } = options.footage.overlapping(hold.camera, hold.from, hold.to);
        return { segments: segments.length, bytes: segments.reduce((sum, { bytes }) => sum + bytes, 0) };
      },
      forget: async () => {},
      async keepOnly(ids) {
        for (const { id, ordered } of [...holds.values()]) if (!ordered && !ids.has(id)) await drop(id);
      },
    },
    release: {
      async admit({ hold: id }) {
        if (!holds.get(id)?.ordered) throw new Refusal('unknown-hold', `no hold ${id} is in force`);
      },
      async run({ command, acceptedAt }, _, signal) {
        const hold = holds.get(command.hold);
        // It ended by its date between the two.
        if (hold === undefined) return {};
        const at = acceptedAt + releaseDelayMs;
        if (hold.release === undefined) {
          await untilDisk(options, signal, () => write({ ...hold, release: { command: command.id, at } }));
          options.releasing(hold, at);
        }
        return {};
      },
      forget: async () => {},
      keepOnly: async () => {},
    },
    async close() {
      closed = true;
      timer?.cancel();
      await working;
    },
  };
}
