import type { WireTap } from './wire-tap.ts';

/** One row of the fault table: what was done, what was said of it, and how long both took. */
export interface FaultRow {
  cause: string;
  /** `<node>.<key>` */
  alarm: string;
  raisedSeconds: number;
  clearedBy: string;
  /** Undefined where a test does not wait for it. */
  clearedSeconds: number | undefined;
}

/** What the hub says on its own alert topics: what people would be told, after joining. */
export interface AlarmWatch {
  readonly rows: FaultRow[];
  /**
   * Does `inject`, waits until the hub says `alarm`; then, where there is one, does `mend`, and waits until it says
   * that it is over.
   */
  fault(fault: {
    cause: string;
    alarm: string;
    inject(): unknown;
    limitMs: number;
    /** A word that its sentence must hold. */
    says?: string;
    clearedBy?: string;
    mend?(): unknown;
    clearLimitMs?: number;
  }): Promise<void>;
  /** Everything raised since the watch began that no fault asked for. */
  others(): string[];
  print(): void;
}

const prefix = 'peio/v1/hub/alert/';

export function watchAlarms(tap: WireTap): AlarmWatch {
  const begun = performance.now();
  const rows: FaultRow[] = [];
  const asked = new Set<string>();
  const word = (alarm: string, state: string, since: number, limitMs: number, says = '') =>
    tap.wait(
      `${alarm} ${state}${says && `, with "${says}"`}`,
      ({ topic, payload }) =>
        topic === `${prefix}${alarm}` &&
        payload.includes(`"state":"${state}"`) &&
        payload.toString().includes(says),
      since,
      limitMs,
    );
  return {
    rows,
    async fault({ cause, alarm, inject, limitMs, says, clearedBy = '', mend, clearLimitMs = 60_000 }) {
      asked.add(alarm);
      const at = performance.now();
      await inject();
      const raised = await word(alarm, 'raised', at, limitMs, says);
      const row: FaultRow = {
        cause,
        alarm,
        raisedSeconds: (raised.at - at) / 1000,
        clearedBy,
        clearedSeconds: undefined,
      };
      rows.push(row);
      if (mend === undefined) return;
      const mendedAt = performance.now();
      await mend();
      const cleared = await word(alarm, 'cleared', mendedAt, clearLimitMs);
      row.clearedSeconds = (cleared.at - mendedAt) / 1000;
    },
    others: () =>
      tap.heard
        .filter(({ topic, payload, at, retained }) => {
          const raised = topic.startsWith(prefix) && payload.includes('"state":"raised"');
          return raised && !retained && at >= begun && !asked.has(topic.slice(prefix.length));
        })
        .map(({ topic, payload }) => `${topic.slice(prefix.length)}: ${payload.toString()}`),
    print() {
      for (const { cause, alarm, raisedSeconds, clearedBy, clearedSeconds } of rows)
        process.stdout.write(
          `\n  measured: ${cause}: ${alarm} after ${raisedSeconds.toFixed(1)} s` +
            (clearedSeconds === undefined ? '' : `; over ${clearedSeconds.toFixed(1)} s after ${clearedBy}`),
        );
      process.stdout.write('\n');
    },
  };
}
