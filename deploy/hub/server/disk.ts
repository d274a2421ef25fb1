import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { Clock, Timer } from '#agent/platform/clock.ts';
import type { Files } from '#agent/platform/files.ts';
import type { Log } from '#agent/platform/log.ts';
import { codeOf, Failure } from '#protocol/failure.ts';
import { hubNode } from '#protocol/topics.ts';
import type { Alerts } from '../fleet/alerts.ts';
import type { Handlers } from './api.ts';
import { diskRefusal } from './disk-refusal.ts';

/** `backup` leaves out what ends so, and what a kill left of it is written anew. */
const probeName = 'room.new';
const probeBytes = 64 * 1024;
/** A day of heads, cases and lines of a town: to begin again for less would be to end again. */
const enoughBytes = 8 * 1024 * 1024;
const lookEveryMs = 5000;

/**
 * Whether the disk takes what the hub promises to keep. Once it refused anything, nothing more is begun that has to be
 * kept, however small: what is half done is read anew by the next opening of the hub, and until then nothing builds
 * on it.
 */
export interface Disk {
  /** Hears what a writer threw: what to tell whoever asked, where it was the disk; undefined for anything else. */
  refused(error: unknown): Failure | undefined;
  refuses(): boolean;
  /** Throws `disk-full` or `disk-error` while it refuses. */
  requireWilling(): void;
  /** Waits for what keeps something: what is refused of it is left to the next opening. */
  bear(work: Promise<void>): Promise<void>;
  /** The same, not begun at all while the disk refuses. */
  unlessRefused(work: () => Promise<void>): Promise<void>;
  /** From now on it is an alarm while the disk refuses. */
  tellTo(alarms: Pick<Alerts, 'raise' | 'clear'>): Promise<void>;
  /** Waits for what is being tried. */
  close(): Promise<void>;
}

/**
 * Tries the disk first: a hub that starts on a full one shows what it has. While the disk refuses, `disk-refusing`
 * stands; when there is room and a file of its own reaches the disk, `again` is told, once: everything is to be opened
 * anew.
 */
export async function openDisk(parts: {
  clock: Clock;
  files: Files;
  /** The hub's data. */
  folder: string;
  log: Log;
  again(): void;
  broken(error: unknown): void;
}): Promise<Disk> {
  const { clock, files, folder, log, broken } = parts;
  let refusal: Failure | undefined;
  let alarms: Pick<Alerts, 'raise' | 'clear'> | undefined;
  let timer: Timer | undefined;
  let closed = false;
  let trying: Promise<unknown> = Promise.resolve();

  async function probe(): Promise<void> {
    const path = join(folder, probeName);
    if ((await files.size(path)) !== undefined) await files.remove(path);
    const file = await files.open(path, 'create');
    try {
      await file.write(randomBytes(probeBytes));
      await file.sync();
    } finally {
      await file.close();
      await files.remove(path);
    }
    await files.syncFolder(folder);
  }
  /** What the disk says to a file of its own now. */
  async function tried(): Promise<Failure | undefined> {
    try {
      await probe();
      return undefined;
    } catch (error) {
      const found = diskRefusal(error);
      if (found !== undefined) return found;
      const code = codeOf(error);
      if (code === 'EACCES' || code === 'EPERM')
        throw new Failure('config', 'data-folder', `${folder} cannot be written: ${code}`, { cause: error });
      throw error;
    }
  }
  async function look(): Promise<boolean> {
    const { freeBytes } = await files.space(folder);
    return freeBytes >= enoughBytes && (await tried()) === undefined;
  }
  const turn = (): void => {
    trying = look().then(
      (willing) => {
        if (closed) return;
        if (willing) parts.again();
        else timer = clock.after(lookEveryMs, turn);
      },
      (error) => {
        if (diskRefusal(error) === undefined) broken(error);
        else if (!closed) timer = clock.after(lookEveryMs, turn);
      },
    );
  };
  async function tell({ code }: Failure): Promise<void> {
    const detail =
      code === 'disk-full'
        ? 'il disco del municipio è pieno e non si tiene più nulla: pagina e allarmi restano, il resto aspetta; fare posto'
        : 'il disco del municipio non scrive e non si tiene più nulla: pagina e allarmi restano, il resto aspetta; controllare il disco';
    const told = { node: hubNode, key: 'disk-refusing', severity: 'critical', from: 'hub' } as const;
    if (!closed) await alarms?.raise({ ...told, detail });
  }
  const begin = (found: Failure): void => {
    refusal = found;
    const { code, message: why } = found;
    log.error({ code, why }, 'the disk refuses: what is kept is shown, and nothing is taken');
    timer = clock.after(lookEveryMs, turn);
    // Behind whatever is being written of an alarm just now.
    Promise.resolve(found).then(tell).catch(broken);
  };

  const found = await tried();
  if (found !== undefined) begin(found);

  const refused: Disk['refused'] = (error) => {
    const named = diskRefusal(error);
    if (named !== undefined && refusal === undefined && !closed) begin(named);
    return named;
  };
  async function bear(work: Promise<void>): Promise<void> {
    try {
      await work;
    } catch (error) {
      if (refused(error) === undefined) throw error;
    }
  }

  return {
    refused,
    bear,
    async unlessRefused(work) {
      if (refusal === undefined) await bear(work());
    },
    async tellTo(given) {
      alarms = given;
      if (refusal === undefined) await alarms.clear(hubNode, 'disk-refusing', 'hub');
      else await tell(refusal);
    },
    refuses: () => refusal !== undefined,
    requireWilling() {
      if (refusal !== undefined) throw refusal;
    },
    async close() {
      closed = true;
      timer?.cancel();
      await trying;
    },
  };
}

/** What changes nothing but alarms, which go on in memory. */
const always: readonly string[] = ['ack', 'shelve', 'unshelve', 'maintenance', 'end-maintenance'];

/** Handlers that take nothing while the disk refuses, and say so where it refuses just then. */
export function guardedBy(disk: Disk, handlers: Handlers): Handlers {
  const guarded = Object.entries(handlers).map(([path, handle]) => {
    const keeps = path.startsWith('POST /') && !always.includes(path.slice('POST /'.length));
    return [
      path,
      async (ask: never) => {
        if (keeps) disk.requireWilling();
        try {
          return await handle(ask);
        } catch (error) {
          throw disk.refused(error) ?? error;
        }
      },
    ];
  });
  return Object.fromEntries(guarded) as Handlers;
}
