import type { Clock } from '../platform/clock.ts';
import type { AlertBoard, Severity } from './board.ts';
import type { Condition } from './condition.ts';
import { type ConditionName, conditions, type ReasonOf } from './conditions.ts';
import { openStanding, type Reading, type Standing } from './standing.ts';
import { fill, flappingWords, type Lang, type Values } from './words.ts';

/** Takes readings of one condition of one subject. Time limits are judged when a reading comes: report at least as
 * often as the condition's own times ask for. */
export interface Watch<Name extends ConditionName> {
  ok(): void;
  /** Nobody can tell at present: raises nothing, clears nothing. */
  unknown(): void;
  /** `forMs`: it has been so for that long already, by a monotonic measure, when the first look sees it. */
  failing(reason: ReasonOf<Name>, values?: Values, forMs?: number): void;
}

/** How one condition stands, for the local status. */
export interface StandingCondition {
  /** `<condition>.<subject>` */
  key: string;
  /** In the language of the maintainer. */
  name: string;
  state: Reading['state'];
  raised: boolean;
  flapping: boolean;
  severity: Severity;
  reason?: string;
  /** UTC milliseconds. */
  firstSeen?: number;
  lastChange: number;
}

export interface Conditions {
  /** The one watch of this condition and subject; the subject of `store` and `node` is that word. */
  watch<Name extends ConditionName>(name: Name, subject?: string): Watch<Name>;
  /** Clears what an earlier life raised and nobody watches any more. Call it once everything is watched. */
  adopt(): void;
  /** Every key that is watched. */
  keys(): string[];
  standing(): StandingCondition[];
}

interface Watched {
  rule: Condition;
  standing: Standing;
  watch: Watch<ConditionName>;
}

/** Turns readings into alerts on the board: hysteresis, flapping and explanations by the table of conditions. */
export function openConditions(parts: { board: AlertBoard; clock: Clock; lang: Lang }): Conditions {
  const { board, clock, lang } = parts;
  const watched = new Map<string, Watched>();
  const raisedBefore = new Map(board.raised().map((alert) => [alert.key, alert]));

  const explained = (rule: Condition, subject: string): boolean =>
    (rule.explainedBy ?? []).some((other) => watched.get(keyOf(other, subject))?.standing.raised === true);
  /** What a raise explains and was said before it is taken back. */
  const takeBack = (name: string): void => {
    for (const [key, { rule, standing }] of watched)
      if (
        rule.explainedBy?.includes(name) &&
        standing.raised &&
        explained(rule, key.slice(key.indexOf('.') + 1))
      )
        if (standing.judge({ state: 'unknown' }, true) === 'clear') board.clear(key);
  };

  return {
    watch<Name extends ConditionName>(name: Name, subject?: string) {
      const key = keyOf(name, subject ?? '');
      const known = watched.get(key);
      if (known !== undefined) return known.watch as Watch<Name>;
      const rule: Condition = conditions[name];
      const standing = openStanding(clock, rule, raisedBefore.get(key));
      const take = (reading: Reading): void => {
        const verdict = standing.judge(reading, explained(rule, key.slice(name.length + 1)));
        if (verdict === 'clear') board.clear(key);
        if (verdict !== 'raise' && verdict !== 'reword') return;
        const words = rule.reasons[standing.reason ?? ''] ?? rule.name;
        const detail = fill(words, lang, standing.values);
        board.raise(
          key,
          standing.severity,
          standing.flapping ? fill(flappingWords, lang, { times: standing.times, detail }) : detail,
          {
            ...(standing.reason === undefined ? {} : { reason: standing.reason }),
            ...(standing.firstSeen === undefined ? {} : { since: standing.firstSeen }),
          },
        );
        takeBack(name);
      };
      const watch: Watch<ConditionName> = {
        ok: () => take({ state: 'ok' }),
        unknown: () => take({ state: 'unknown' }),
        failing: (reason: string, values: Values = {}, forMs?: number) =>
          take({ state: 'failing', reason, values, forMs }),
      };
      watched.set(key, { rule, standing, watch });
      return watch as Watch<Name>;
    },
    adopt: () => board.adopt((key) => watched.has(key)),
    keys: () => [...watched.keys()],
    standing: () =>
      [...watched].map(([key, { rule, standing }]) => ({
        key,
        name: rule.name[lang],
        state: standing.state,
        raised: standing.raised,
        flapping: standing.flapping,
        severity: standing.severity,
        ...(standing.reason === undefined || standing.state !== 'failing' ? {} : { reason: standing.reason }),
        ...(standing.firstSeen === undefined ? {} : { firstSeen: standing.firstSeen }),
        lastChange: standing.lastChange,
      })),
  };
}

/** `<condition>.<subject>`; the store and the box are their own subject. */
function keyOf(name: string, subject: string): string {
  const kind = conditions[name as ConditionName].subject;
  return `${name}.${kind === 'store' || kind === 'node' ? kind : subject}`;
}
