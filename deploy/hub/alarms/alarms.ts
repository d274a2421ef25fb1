import { randomUUID } from 'node:crypto';
import type { Clock, Timer } from '#agent/platform/clock.ts';
import { Failure } from '#protocol/failure.ts';
import type { Alerts, HubAlert } from '../fleet/alerts.ts';
import { type Alarm, type AlarmState, idOf, isActive, stateOf } from './alarm.ts';
import type { AlarmStore } from './alarm-store.ts';
import { openEnduringStore } from './enduring-store.ts';
import type { Link } from './join.ts';
import {
  acknowledge,
  clear,
  forgettable,
  type Maintenance,
  type Notice,
  type Rules,
  raise,
  type Step,
  settle,
  shelve,
  unshelve,
} from './life.ts';
import { steadyUtc } from './steady.ts';
import type { Topology } from './topology.ts';

/** What the page and the command line see of an alarm. Times are UTC milliseconds. */
export interface AlarmView extends HubAlert {
  /** `<node>/<key>`, by which it is acknowledged and shelved. */
  id: string;
  state: AlarmState;
  /** The id of what explains it (`suppressed-by-design`). */
  explainedBy?: string;
  /** Ids of what it explains. */
  explains: string[];
  shelved?: { at: number; by: string; until: number };
  escalatedAt?: number;
  /** Its condition stood from, by the hub's clock. */
  raisedAt: number;
}

export interface Alarms extends Alerts {
  /** Everything that is not normal, worst state and severity first, then oldest first. */
  list(): AlarmView[];
  /** `id` as for `acknowledge`. Throws `unknown-alert`. */
  shelve(id: string, by: string, forMs: number): Promise<AlarmView>;
  unshelve(id: string, by: string): Promise<AlarmView>;
  /** Windows that have not ended. */
  maintenance(): Maintenance[];
  /** At most 30 days, `from` at most a year away. */
  announceMaintenance(window: Omit<Maintenance, 'id'>): Promise<Maintenance>;
  /** Throws `unknown-maintenance`. */
  endMaintenance(id: string): Promise<void>;
  /** Something was heard of a node: what waited for that is looked at again. */
  look(): void;
  /** What was told since, oldest first. */
  notices(since: number): Notice[];
  store: AlarmStore;
  now(): number;
  close(): void;
}

/** What the hub knows of the fleet; live, asked at every step. */
export interface FleetKnowledge {
  topology(): Topology;
  linkOf(node: string, link: string): Link | undefined;
  /** Monotonic milliseconds. */
  heardAt(node: string): number | undefined;
}

export const nobodyKnows: FleetKnowledge = {
  topology: () => ({ nodes: () => [], way: (node) => [node], uplink: () => undefined }),
  linkOf: () => undefined,
  heardAt: () => undefined,
};

/** Twice what 14 cameras, their links and the box can say at once; beyond, a node talks nonsense. */
const maxOfNode = 500;
/** Months: a step of the sums, no rule of anybody's. */
const maxTimerMs = 86_400_000;
const rankOf: Record<AlarmState, number> = {
  'unacknowledged-active': 0,
  'acknowledged-active': 1,
  'return-to-normal-unacknowledged': 2,
  shelved: 3,
  'suppressed-by-design': 4,
  'out-of-service': 5,
  normal: 6,
};
const gravity = { critical: 0, warning: 1, info: 2 } as const;

/**
 * Alarms of the fleet: every change is on disk, together with what is to be sent of it, before anybody is told.
 * `waysFor` says by which ways a notice goes out, and from when; `toSend` that there is something new.
 * `refused` hears what a disk threw and says whether it was the disk: from then on alarms are in memory.
 * Throws `corrupt` `alarms-broken`.
 */
export function openAlarms(options: {
  path: string;
  clock: Clock;
  knowledge: FleetKnowledge;
  escalateMs?: number | undefined;
  waysFor?(notice: Notice, now: number): { way: string; due: number }[];
  toSend?(): void;
  /** Told of every state an alarm takes; undefined id for everything at the start. */
  changed?(alarms: readonly Alarm[]): void;
  refused?(error: unknown): boolean;
  broken(error: unknown): void;
}): Alarms {
  const { clock, knowledge } = options;
  const store = openEnduringStore(options.path, options.refused ?? (() => false));
  const steady = steadyUtc(clock);
  let timer: Timer | undefined;
  let closed = false;
  let waiting = false;

  const rules = (): Rules => ({
    topology: knowledge.topology(),
    linkOf: knowledge.linkOf,
    heardAt: (node) => {
      const at = knowledge.heardAt(node);
      return at === undefined ? undefined : steady.of(at);
    },
    escalateMs: options.escalateMs,
  });
  /** Applies a step and what follows from it, as one transaction. */
  const apply = (step: Step, more: { maintenance?: Maintenance[]; ended?: string[] } = {}): void => {
    const now = steady.now();
    const before = store.book();
    const alarms = new Map(before.alarms);
    for (const alarm of step.changed) alarms.set(idOf(alarm), alarm);
    const gone = new Set(more.ended);
    const maintenance = [
      ...before.maintenance.filter(({ id }) => !gone.has(id)),
      ...(more.maintenance ?? []),
    ];
    const settled = settle({ alarms, maintenance }, rules(), now);
    const changed = new Map([...step.changed, ...settled.changed].map((alarm) => [idOf(alarm), alarm]));
    const forget = [...alarms.values()]
      .filter((alarm) => forgettable(changed.get(idOf(alarm)) ?? alarm, now))
      .map(idOf);
    for (const id of forget) changed.delete(id);
    const notices = [...step.notices, ...settled.notices];
    store.keep({
      alarms: [...changed.values()],
      forget: forget.filter((id) => before.alarms.has(id)),
      ...more,
      ended: [...gone, ...before.maintenance.filter(({ until }) => until <= now).map(({ id }) => id)],
      notices: notices.map((notice) => ({ notice, ways: options.waysFor?.(notice, now) ?? [] })),
      at: now,
    });
    timer?.cancel();
    waiting = Number.isFinite(settled.due);
    if (!closed && waiting) timer = clock.after(Math.min(maxTimerMs, Math.max(1, settled.due - now)), again);
    if (changed.size > 0) options.changed?.([...changed.values()]);
    if (notices.length > 0) options.toSend?.();
  };
  function again(): void {
    try {
      apply({ changed: [], notices: [] });
    } catch (error) {
      options.broken(error);
    }
  }

  /** By its id, as its topic writes it, or by its key alone where only one node has it. */
  const find = (id: string): Alarm => {
    const known = [...store.book().alarms.values()].filter((alarm) => stateOf(alarm) !== 'normal');
    const named = known.filter(
      (alarm) => idOf(alarm) === id || `${alarm.node}.${alarm.key}` === id || alarm.key === id,
    );
    const alarm = known.find((one) => idOf(one) === id) ?? named[0];
    if (alarm === undefined || (idOf(alarm) !== id && named.length > 1)) {
      const which = named.slice(0, 5).map(idOf).join(', ');
      const why = named.length > 1 ? `several are called ${id}: ${which}` : `no alert ${id} is raised`;
      throw new Failure('denied', 'unknown-alert', `${why}: see "hub status"`);
    }
    return alarm;
  };
  /** Ids of what each cause explains. */
  const explainedNow = (): Map<string, string[]> => {
    const found = new Map<string, string[]>();
    for (const alarm of store.book().alarms.values())
      if (isActive(alarm) && alarm.explainedBy !== undefined)
        found.set(alarm.explainedBy, [...(found.get(alarm.explainedBy) ?? []), idOf(alarm)]);
    return found;
  };
  const view = (alarm: Alarm, explains = explainedNow()): AlarmView => {
    const { node, key, severity, since, detail, from, raisedAt } = alarm;
    const id = idOf(alarm);
    const state = stateOf(alarm);
    return {
      id,
      node,
      key,
      severity,
      since,
      detail,
      from,
      raisedAt,
      state,
      explains: explains.get(id) ?? [],
      ...(alarm.clearedAt === undefined ? {} : { clearedAt: alarm.clearedAt }),
      ...(alarm.acknowledged ? { acknowledged: alarm.acknowledged } : {}),
      ...(alarm.explainedBy === undefined ? {} : { explainedBy: alarm.explainedBy }),
      ...(alarm.shelved ? { shelved: alarm.shelved } : {}),
      ...(alarm.escalatedAt === undefined ? {} : { escalatedAt: alarm.escalatedAt }),
    };
  };
  const worstFirst = (a: AlarmView, b: AlarmView): number =>
    gravity[a.severity] - gravity[b.severity] || a.since - b.since || (a.id < b.id ? -1 : 1);
  const change = (alarm: Alarm): AlarmView => {
    apply({ changed: [alarm], notices: [] });
    return view(store.book().alarms.get(idOf(alarm)) ?? alarm);
  };
  const countOf = (node: string): number =>
    [...store.book().alarms.values()].filter((alarm) => alarm.node === node).length;
  const all = (): AlarmView[] => {
    const explains = explainedNow();
    return [...store.book().alarms.values()].map((alarm) => view(alarm, explains));
  };

  again();
  return {
    async raise({ node, key, severity, detail, from, since }) {
      const now = steady.now();
      // It ends in letters: no line of it is to pass for one of ours.
      const plain = detail.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ').slice(0, 500);
      const told = { node, key, severity, detail: plain, from, since: since ?? now };
      const before = store.book().alarms.get(idOf(told));
      // Two say it under one name: who said it first goes on; the other's word is in the logs.
      if (before !== undefined && isActive(before) && before.from !== from) return;
      if (before === undefined && from === 'node' && countOf(node) >= maxOfNode) return;
      const step = raise(before, told, now);
      if (step.changed.length > 0) apply(step);
    },
    async clear(node, key, from) {
      const step = clear(store.book().alarms.get(idOf({ node, key })), from, steady.now());
      if (step.changed.length > 0) apply(step);
    },
    async acknowledge(id, by) {
      const after = acknowledge(find(id), by, steady.now());
      return change(after ?? find(id));
    },
    raised: () =>
      all()
        .filter((alarm) => alarm.state.endsWith('acknowledged-active'))
        .filter(({ id }) => store.book().alarms.get(id)?.announcedAt !== undefined)
        .sort(worstFirst),
    list: () =>
      all()
        .filter(({ state }) => state !== 'normal')
        .filter(
          ({ id, state }) =>
            !state.endsWith('acknowledged-active') || store.book().alarms.get(id)?.announcedAt !== undefined,
        )
        .sort((a, b) => rankOf[a.state] - rankOf[b.state] || worstFirst(a, b)),
    async shelve(id, by, forMs) {
      const now = steady.now();
      return change(shelve(find(id), by, now + forMs, now));
    },
    async unshelve(id) {
      const alarm = find(id);
      return alarm.shelved === undefined ? view(alarm) : change(unshelve(alarm));
    },
    maintenance: () => [...store.book().maintenance].sort((a, b) => a.from - b.from),
    async announceMaintenance(given) {
      const window = { id: randomUUID(), ...given };
      apply({ changed: [], notices: [] }, { maintenance: [window] });
      return window;
    },
    async endMaintenance(id) {
      if (!store.book().maintenance.some((window) => window.id === id))
        throw new Failure('denied', 'unknown-maintenance', `there is no maintenance ${id}`);
      apply({ changed: [], notices: [] }, { ended: [id] });
    },
    look() {
      if (waiting && !closed) again();
    },
    notices: (since) => store.notices(since),
    store,
    now: steady.now,
    close() {
      closed = true;
      timer?.cancel();
      store.close();
    },
  };
}
