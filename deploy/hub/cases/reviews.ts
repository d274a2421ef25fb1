import { sayOf } from '../alarms/hub-sentences.ts';
import type { Alerts } from '../fleet/alerts.ts';
import type { Register } from '../register/register.ts';
import { isDelivered } from './case.ts';
import type { Case, Cases } from './cases.ts';
import type { Closing } from './closing.ts';

const dayMs = 86_400_000;
/** When nobody names a day: a proceeding is looked at again after a quarter of a year. */
export const defaultReviewMs = 90 * dayMs;
/** Nobody may park a case for ever; at each opening the day can be moved again. */
export const maxReviewMs = 366 * dayMs;
/** Footage that nobody looks at was not needed (GDPR Art. 5 c. 1 e). */
export const unopenedMs = 30 * dayMs;

/** Where alerts about cases stand: not with a node, whose maintainer must not learn of them. */
const here = 'hub';

export function reviewOf({ review, createdAt }: Pick<Case, 'review' | 'createdAt'>): number {
  return review ?? createdAt + defaultReviewMs;
}

/**
 * Looks after cases that nobody ends (Art. 9 c. 1 g): past its day of review a case raises an alert until it is closed
 * or another day is set; footage that nobody opened for 30 days goes, as if the case were closed by `hub`.
 */
export function openReviews(parts: {
  cases: Cases;
  register: Register;
  alerts: Alerts;
  closing: Closing;
  utc(): number;
}): { round(): Promise<void> } {
  const { cases, register, alerts, closing, utc } = parts;

  function unopened(one: Case): boolean {
    const since = one.completeAt ?? one.authorisedAt;
    const holds = one.state === 'complete' || one.state === 'authorised' || one.state === 'failed';
    if (!isDelivered(one.command) || !holds || since === undefined || utc() < since + unopenedMs)
      return false;
    return !register.lines().some(({ kind, case: of }) => kind === 'opened' && of === one.id);
  }

  return {
    async round() {
      for (const one of cases.all()) {
        if (unopened(one)) await closing.close(one.id, here, 'unopened');
        const { id, state, request } = cases.get(one.id);
        const key = `case-overdue.${id}`;
        const open = state === 'complete' || state === 'authorised' || state === 'prepared';
        if (open && utc() >= reviewOf(one)) {
          const detail =
            request === undefined ? sayOf('pictureOverdue', { id }) : sayOf('caseOverdue', { id, request });
          await alerts.raise({
            node: here,
            key,
            severity: 'warning',
            detail,
            from: 'hub',
            since: reviewOf(one),
          });
        } else await alerts.clear(here, key, 'hub');
      }
    },
  };
}
