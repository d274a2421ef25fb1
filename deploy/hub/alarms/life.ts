import {
  type Alarm,
  type AlarmState,
  flapQuietMs,
  flaps,
  flapWindowMs,
  idOf,
  isActive,
  stateOf,
} from './alarm.ts';
import { allSilent, explanations, silentTogether } from './join.ts';
import { type Heard, readyAt } from './wait.ts';

/** A time in which somebody works at a node, and what it says wrong is no news. */
export interface Maintenance {
  id: string;
  node: string;
  from: number;
  until: number;
  by: string;
  reason: string;
}

/** What people are to be told of an alarm. */
export type NoticeKind = 'raised' | 'worse' | 'escalated' | 'cleared';
export interface Notice {
  kind: NoticeKind;
  at: number;
  alarm: Alarm;
  /** Ids of what it explains at that time. */
  explains: string[];
  flapping: boolean;
}

/** All alarms, and what is decided about them. */
export interface Book {
  alarms: ReadonlyMap<string, Alarm>;
  maintenance: readonly Maintenance[];
}

export interface Rules extends Heard {
  /** A critical alarm that nobody acknowledged for this long is told to more people; undefined for never. */
  escalateMs: number | undefined;
}

export type Told = Pick<Alarm, 'node' | 'key' | 'severity' | 'since' | 'detail' | 'from'>;

/** What one step changed. */
export interface Step {
  changed: Alarm[];
  notices: Notice[];
}

const rank = { info: 0, warning: 1, critical: 2 } as const;
/** Over and never acknowledged: after this it is no longer shown. */
const forgetMs = 7 * 86_400_000;

const recent = (raises: readonly number[], now: number): number[] =>
  raises.filter((at) => now - at < flapWindowMs).slice(-63);

/** A condition stands. `before` is the alarm of its id. */
export function raise(before: Alarm | undefined, told: Told, now: number): Step {
  if (before !== undefined && isActive(before)) {
    const { quietSince, ...rest } = before;
    const { severity, detail } = told;
    const again = quietSince !== undefined;
    if (!again && severity === before.severity && detail === before.detail) return nothing;
    const after: Alarm = {
      ...rest,
      severity,
      detail,
      raises: again ? [...recent(rest.raises, now), now] : rest.raises,
    };
    const worse = after.announcedAt !== undefined && rank[severity] > rank[before.severity];
    return { changed: [after], notices: worse ? [notice('worse', after, now)] : [] };
  }
  const raises = [...recent(before?.raises ?? [], now), now];
  return {
    changed: [{ ...told, raisedAt: now, raises, ...(before?.shelved ? { shelved: before.shelved } : {}) }],
    notices: [],
  };
}

/** A condition is over. */
export function clear(before: Alarm | undefined, from: Alarm['from'], now: number): Step {
  if (before === undefined || !isActive(before) || before.from !== from) return nothing;
  if (before.announcedAt !== undefined && flaps({ ...before, raises: recent(before.raises, now) }))
    return before.quietSince === undefined
      ? { changed: [{ ...before, quietSince: now }], notices: [] }
      : nothing;
  return over(before, now);
}

function over(before: Alarm, now: number): Step {
  const { quietSince: _, explainedBy: __, freedAt: ___, outOfService: ____, ...rest } = before;
  const after: Alarm = { ...rest, clearedAt: now };
  return {
    changed: [after],
    notices: after.announcedAt === undefined ? [] : [notice('cleared', after, now)],
  };
}

/** Nothing when there is nothing to acknowledge. */
export function acknowledge(before: Alarm | undefined, by: string, now: number): Alarm | undefined {
  if (before === undefined || stateOf(before) === 'normal') return undefined;
  return { ...before, acknowledged: { at: now, by } };
}

export function shelve(before: Alarm, by: string, until: number, now: number): Alarm {
  return { ...before, shelved: { at: now, by, until } };
}

/** Off the shelf it is news again, to be acknowledged anew, if its condition still stands. */
export function unshelve(before: Alarm): Alarm {
  const { shelved: _, acknowledged, announcedAt, escalatedAt: __, ...rest } = before;
  if (!isActive(before))
    return {
      ...rest,
      ...(acknowledged ? { acknowledged } : {}),
      ...(announcedAt === undefined ? {} : { announcedAt }),
    };
  return rest;
}

/**
 * Brings everything up to `now`: joins, ends what has ended, tells what is to be told. `due` is when there is more to
 * do if nothing happens before. The same book, later: nothing is told a second time.
 */
export function settle(book: Book, rules: Rules, now: number): Step & { due: number } {
  const alarms = new Map(book.alarms);
  const notices: Notice[] = [];
  const changed = new Map<string, Alarm>();
  let due = Number.POSITIVE_INFINITY;
  const put = (alarm: Alarm): Alarm => {
    const id = idOf(alarm);
    alarms.set(id, alarm);
    changed.set(id, alarm);
    return alarm;
  };
  const take = (step: Step): void => {
    for (const alarm of step.changed) put(alarm);
    notices.push(...step.notices);
  };
  /** True from `at` on; before, it is due then. */
  const reached = (at: number): boolean => {
    if (now >= at) return true;
    due = Math.min(due, at);
    return false;
  };

  for (const alarm of book.alarms.values()) {
    if (alarm.quietSince !== undefined && reached(alarm.quietSince + flapQuietMs)) take(over(alarm, now));
    const shelved = alarms.get(idOf(alarm)) as Alarm;
    if (shelved.shelved !== undefined && reached(shelved.shelved.until)) put(unshelve(shelved));
  }

  const together = silentTogether(alarms.values(), rules.topology);
  const said = alarms.get(allSilent);
  if (together && !(said && isActive(said))) take(raise(said, { ...allSilentTold, since: now }, now));
  else if (!together) take(clear(said, 'hub', now));

  const covered = new Set<string>();
  for (const { node, from, until } of book.maintenance)
    if (reached(from) && !reached(until)) covered.add(node);
  const causes = explanations(alarms.values(), rules);
  for (const alarm of [...alarms.values()].filter(isActive)) {
    const cause = causes.get(idOf(alarm));
    const out = covered.has(alarm.node);
    if (cause === alarm.explainedBy && out === (alarm.outOfService ?? false)) continue;
    const { explainedBy, freedAt, outOfService: _, ...rest } = alarm;
    const freed = cause === undefined && explainedBy !== undefined ? now : freedAt;
    put({
      ...rest,
      ...(cause === undefined ? (freed === undefined ? {} : { freedAt: freed }) : { explainedBy: cause }),
      ...(out ? { outOfService: true } : {}),
    });
  }

  const active = [...alarms.values()].filter(isActive).sort((a, b) => a.raisedAt - b.raisedAt);
  for (const alarm of active) {
    if (!stateOf(alarm).endsWith('acknowledged-active') || alarm.quietSince !== undefined) continue;
    const explains = (): string[] =>
      active.filter(({ explainedBy }) => explainedBy === idOf(alarm)).map(idOf);
    let told = alarm;
    if (told.announcedAt === undefined) {
      if (!reached(readyAt(told, rules))) continue;
      const { freedAt: _, ...rest } = told;
      told = put({ ...rest, announcedAt: now });
      notices.push(notice('raised', told, now, explains()));
    }
    const untaken = told.severity === 'critical' && told.acknowledged === undefined;
    if (untaken && told.escalatedAt === undefined && rules.escalateMs !== undefined)
      if (reached((told.announcedAt ?? now) + rules.escalateMs))
        notices.push(notice('escalated', put({ ...told, escalatedAt: now }), now, explains()));
  }
  return { changed: [...changed.values()], notices, due };
}

/** Whether an alarm that is over need not be kept: nobody has anything to know of it any more. */
export function forgettable(alarm: Alarm, now: number): boolean {
  if (isActive(alarm) || alarm.shelved !== undefined) return false;
  const lasting: AlarmState = stateOf(alarm);
  if (lasting !== 'normal') return now - (alarm.clearedAt ?? now) > forgetMs;
  return now - (alarm.raises.at(-1) ?? 0) > flapWindowMs;
}

export const allSilentTold: Omit<Told, 'since'> = {
  node: 'hub',
  key: 'all-silent',
  severity: 'critical',
  detail:
    'nessun nodo risponde, caduti tutti insieme: controllare il broker e la rete del municipio prima dei siti',
  from: 'hub',
};

const nothing: Step = { changed: [], notices: [] };

function notice(kind: NoticeKind, alarm: Alarm, at: number, explains: string[] = []): Notice {
  return { kind, at, alarm, explains, flapping: flaps({ ...alarm, raises: recent(alarm.raises, at) }) };
}
