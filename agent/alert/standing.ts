import type { Clock, MonotonicMs } from '../platform/clock.ts';
import type { Severity } from './board.ts';
import type { Condition, Reason } from './condition.ts';
import type { Values } from './words.ts';

export type Reading =
  | { state: 'ok' }
  | { state: 'unknown' }
  | { state: 'failing'; reason: string; values: Values; forMs?: number | undefined };

/** What one reading changed: nothing, or what is to be said. */
export type Verdict = 'nothing' | 'raise' | 'reword' | 'clear';

/** Raised this often within the window, a condition flaps: it stays raised, said once, until it was ok for long. */
const flapRaises = 4;
const flapWindowMs = 3_600_000;
const flapQuietMs = 15 * 60_000;
/** Another reason is told when it has lasted: a camera that reconnects wavers between two. */
const rewordAfterMs = 60_000;

const rank: Record<Severity, number> = { info: 0, warning: 1, critical: 2 };

/** One condition of one subject, and how it stands. Judged by monotonic time at each reading; has no timer. */
export interface Standing {
  readonly state: Reading['state'];
  readonly raised: boolean;
  readonly flapping: boolean;
  /** Raises within the last hour. */
  readonly times: number;
  /** UTC of the first failing reading of this episode, and of the last change of `state`. */
  readonly firstSeen: number | undefined;
  readonly lastChange: number;
  readonly reason: string | undefined;
  readonly values: Values;
  readonly severity: Severity;
  /** `held`: something else explains it, so it is not raised, and is cleared where it was. */
  judge(reading: Reading, held: boolean): Verdict;
}

export function openStanding(
  clock: Clock,
  rule: Condition,
  before: { since: number; reason?: string | undefined } | undefined,
): Standing {
  let state: Reading['state'] = 'unknown';
  let raised = before !== undefined;
  let flapping = false;
  let raises: MonotonicMs[] = [];
  let firstSeen = before?.since;
  let lastChange: number = clock.utc();
  /** Monotonic. */
  let failingSince: number | undefined;
  let okSince: MonotonicMs | undefined;
  let reason = before?.reason;
  let reasonSince: MonotonicMs | undefined;
  let said = before?.reason;
  let values: Values = {};

  const reasonRule = (name: string | undefined): Reason | undefined =>
    name === undefined ? undefined : rule.reasons[name];
  const severityOf = (name: string | undefined): Severity => reasonRule(name)?.severity ?? rule.severity;

  const failing = (now: MonotonicMs, held: boolean, forMs: number): Verdict => {
    okSince = undefined;
    if (held) {
      // It has to fail for its full time again once the explanation is gone.
      failingSince = undefined;
      return drop();
    }
    failingSince ??= now - forMs;
    firstSeen ??= clock.utc() - Math.round(forMs);
    if (!raised) {
      if (now - failingSince < (reasonRule(reason)?.raiseAfterMs ?? rule.raiseAfterMs)) return 'nothing';
      raised = true;
      raises = [...raises.filter((at) => now - at < flapWindowMs), now];
      flapping = raises.length >= flapRaises;
      said = reason;
      return 'raise';
    }
    if (reason === said) return 'nothing';
    const worse = rank[severityOf(reason)] > rank[severityOf(said)];
    if (!worse && now - (reasonSince ?? now) < rewordAfterMs) return 'nothing';
    said = reason;
    return 'reword';
  };
  const ok = (now: MonotonicMs): Verdict => {
    failingSince = undefined;
    okSince ??= now;
    if (!raised) {
      firstSeen = undefined;
      return 'nothing';
    }
    const quietMs = flapping ? Math.max(flapQuietMs, rule.clearAfterMs) : rule.clearAfterMs;
    return now - okSince < quietMs ? 'nothing' : drop();
  };
  const drop = (): Verdict => {
    const was = raised;
    raised = false;
    flapping = false;
    firstSeen = undefined;
    said = undefined;
    return was ? 'clear' : 'nothing';
  };

  return {
    get state() {
      return state;
    },
    get raised() {
      return raised;
    },
    get flapping() {
      return flapping;
    },
    get times() {
      return raises.length;
    },
    get firstSeen() {
      return firstSeen;
    },
    get lastChange() {
      return lastChange;
    },
    get reason() {
      return reason;
    },
    get values() {
      return values;
    },
    get severity() {
      return severityOf(raised ? said : reason);
    },
    judge(reading, held) {
      const now = clock.monotonic();
      if (reading.state !== state) lastChange = clock.utc();
      state = reading.state;
      if (reading.state === 'unknown') {
        // Neither raises nor clears: what was known stands until something is known again.
        failingSince = undefined;
        okSince = undefined;
        return held ? drop() : 'nothing';
      }
      if (reading.state === 'ok') return ok(now);
      values = reading.values;
      if (reading.reason !== reason) reasonSince = now;
      reason = reading.reason;
      return failing(now, held, reading.forMs ?? 0);
    },
  };
}
