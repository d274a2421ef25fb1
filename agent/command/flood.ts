import type { Clock, Timer } from '../platform/clock.ts';

/** Unverified refusals that are answered one by one in any minute; whoever sends more has stopped reading answers. */
const answeredAMinute = 10;
const minuteMs = 60_000;

export interface Flood {
  /** True when this one is to be answered by itself; false when it was only counted. */
  admit(code: string, id: string): boolean;
  /** Summarises what was counted so far. */
  close(): Promise<void>;
}

/** What was counted in a minute, by code, with the id of the last one. */
export interface FloodSummary {
  count: number;
  codes: Record<string, number>;
  lastId: string;
  lastCode: string;
}

/** Lets ten a minute through and counts the rest; `summarise` is called once at the end of such a minute. */
export function openFlood(clock: Clock, summarise: (summary: FloodSummary) => Promise<void>): Flood {
  let answered = 0;
  let counted: FloodSummary | undefined;
  let timer: Timer | undefined;
  let working: Promise<void> = Promise.resolve();
  const end = (): void => {
    timer = undefined;
    answered = 0;
    const summary = counted;
    counted = undefined;
    if (summary) working = working.then(() => summarise(summary));
  };
  return {
    admit(code, id) {
      timer ??= clock.after(minuteMs, end);
      if (answered < answeredAMinute) {
        answered += 1;
        return true;
      }
      counted ??= { count: 0, codes: {}, lastId: id, lastCode: code };
      counted.count += 1;
      counted.codes[code] = (counted.codes[code] ?? 0) + 1;
      counted.lastId = id;
      counted.lastCode = code;
      return false;
    },
    async close() {
      timer?.cancel();
      end();
      await working;
    },
  };
}
