import type { Clock, Timer } from '#agent/platform/clock.ts';
import type { Files } from '#agent/platform/files.ts';
import { hubNode } from '#protocol/topics.ts';
import type { Alerts } from '../fleet/alerts.ts';

const mebibyte = 1024 * 1024;
/** Kept free for the register and the logs: losing those is worse than refusing footage that the node still holds. */
export const reserveBytes = 256 * mebibyte;
/** Below: an hour of one camera does not fit any more, and somebody has to look. */
const warnBytes = 1024 * mebibyte;
/** A head, a case and a file of footage are two files each while they are written. */
const reserveInodes = 1000;
/** What is a quarter above a bound is above it: a file that comes and goes is no news. */
const clearance = 1.25;
/** 0.1 ms each. A gigabit a second takes this long for what lies between the two bounds. */
const lookEveryMs = 5000;

type Level = 'enough' | 'warning' | 'critical';
type Space = Pick<Awaited<ReturnType<Files['space']>>, 'freeBytes' | 'freeInodes' | 'totalInodes'>;

const details: Record<Exclude<Level, 'enough'>, string> = {
  warning: 'sul disco del municipio resta meno di 1 GiB: fare posto, o chiudere i casi che non servono più',
  critical:
    'il disco del municipio è quasi pieno e non si accettano più consegne, che restano sui nodi: fare posto subito',
};

/** How full a disk is, coming from `before`. A file system that counts no inodes (btrfs) has no end of them. */
export function levelOf({ freeBytes, freeInodes, totalInodes }: Space, before: Level): Level {
  const below = (bound: number, free: number, within: boolean): boolean =>
    free < bound * (within ? clearance : 1);
  const inCritical = before === 'critical';
  if (below(reserveBytes, freeBytes, inCritical)) return 'critical';
  if (totalInodes > 0 && below(reserveInodes, freeInodes, inCritical)) return 'critical';
  return below(warnBytes, freeBytes, before !== 'enough') ? 'warning' : 'enough';
}

/** Watches the room on the disk of the hub's data, and raises `disk-low` before it ends. */
export function watchRoom(parts: {
  clock: Clock;
  alarms: Pick<Alerts, 'raise' | 'clear'>;
  space(): Promise<Space>;
  broken(error: unknown): void;
}): { close(): void } {
  const { clock, alarms } = parts;
  let level: Level = 'enough';
  let closed = false;
  let timer: Timer | undefined;
  const look = async (): Promise<void> => {
    level = levelOf(await parts.space(), level);
    if (closed) return;
    if (level === 'enough') return await alarms.clear(hubNode, 'disk-low', 'hub');
    const told = { node: hubNode, key: 'disk-low', from: 'hub' } as const;
    await alarms.raise({ ...told, severity: level, detail: details[level] });
  };
  /** One after the other: a disk that does not answer is asked once. */
  const turn = (): void => {
    look()
      .catch(parts.broken)
      .finally(() => {
        if (!closed) timer = clock.after(lookEveryMs, turn);
      });
  };
  turn();
  return {
    close() {
      closed = true;
      timer?.cancel();
    },
  };
}
