import { z } from 'zod';
import type { AlertPayload } from '#protocol/messages.ts';
import { instantText } from '#protocol/time.ts';
import type { Clock } from '../platform/clock.ts';
import { type Files, readIfThere, writeDurably } from '../platform/files.ts';

export type Severity = AlertPayload['severity'];

/** A condition made known: `key` is `<condition>.<subject>`. */
export interface Alert {
  key: string;
  severity: Severity;
  /** UTC milliseconds; survives restarts of the agent. */
  since: number;
  detail: string;
  /** A word for machines. */
  reason?: string | undefined;
  state: 'raised' | 'cleared';
}

export interface AlertBoard {
  /** Nothing is known of an earlier life: a broker may still show what it raised. */
  readonly blank: boolean;
  /** `since`: UTC milliseconds at which it was first seen; now, when absent. */
  raise(key: string, severity: Severity, detail: string, more?: { reason?: string; since?: number }): void;
  clear(key: string): void;
  /** What is wrong now, oldest first. */
  raised(): Alert[];
  /** Clears what an earlier life raised about a subject that is gone; `known` says which keys still have an owner. */
  adopt(known: (key: string) => boolean): void;
  /** Waits until the newest state is on disk. */
  settled(): Promise<void>;
}

const kept = z.array(
  z.object({
    key: z.string(),
    severity: z.enum(['info', 'warning', 'critical']),
    since: z.number(),
    detail: z.string(),
    reason: z.string().optional(),
  }),
);
const maxBytes = 256 * 1024;
const maxDetail = 500;

/**
 * The conditions that are wrong now. `changed` is told of each raise, clear and change of severity or reason; a
 * changed detail alone is not news. What is raised is kept on disk, so that `since` is true after a restart.
 */
export async function openAlertBoard(options: {
  files: Files;
  clock: Clock;
  path: string;
  changed(alert: Alert): void;
  /** The board is comfort: it goes on in memory when the disk does not take it. */
  failed(error: unknown): void;
}): Promise<AlertBoard> {
  const { files, clock, path } = options;
  const alerts = new Map<string, Alert>();
  const text = await readIfThere(files, path, maxBytes).catch(options.failed);
  let blank = true;
  if (text) {
    const before = kept.safeParse(safeJson(text.toString('utf8')));
    blank = !before.success;
    if (before.success) for (const alert of before.data) alerts.set(alert.key, { ...alert, state: 'raised' });
    else options.failed(before.error);
  }
  let writing = Promise.resolve();
  const keep = (): void => {
    const now = JSON.stringify([...alerts.values()].map(({ state: _, ...alert }) => alert));
    writing = writing.then(() => writeDurably(files, path, now)).catch(options.failed);
  };
  const clear = (key: string): void => {
    const alert = alerts.get(key);
    if (alert === undefined) return;
    alerts.delete(key);
    keep();
    options.changed({ ...alert, state: 'cleared' });
  };
  return {
    blank,
    raise(key, severity, detail, { reason, since } = {}) {
      const before = alerts.get(key);
      if (before?.severity === severity && before.reason === reason) return;
      const alert: Alert = {
        key,
        severity,
        since: before?.since ?? since ?? clock.utc(),
        detail: detail.slice(0, maxDetail),
        ...(reason === undefined ? {} : { reason }),
        state: 'raised',
      };
      alerts.set(key, alert);
      keep();
      options.changed(alert);
    },
    clear,
    raised: () => [...alerts.values()].sort((a, b) => a.since - b.since),
    adopt(known) {
      for (const key of [...alerts.keys()]) if (!known(key)) clear(key);
    },
    settled: () => writing,
  };
}

export function alertPayload(alert: Alert): AlertPayload {
  return { ...alert, since: instantText(alert.since) };
}

function safeJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
