import { Failure } from '#protocol/failure.ts';
import type { Policy } from '#protocol/policy.ts';
import type { CaseAnswer } from '../api/schema.ts';
import type { Case, Cases } from '../cases/cases.ts';
import { deliveredPicture, openerRole } from '../cases/opening.ts';
import { reviewOf } from '../cases/reviews.ts';
import type { Inbox } from '../inbox/inbox.ts';
import { attendingOf } from '../register/attending.ts';
import type { Register } from '../register/register.ts';
import type { Handlers } from './api.ts';
import type { Dispatch } from './dispatch.ts';

/** A follower asks again at least this often, so that it shows bytes that arrive in the middle of a file. */
const newsLimitMs = 1000;

export function caseAnswers(inbox: Pick<Inbox, 'delivery'>): (one: Case) => Promise<CaseAnswer> {
  return async (one) => {
    const { id, request, state, revision, command, envelope, status, reason } = one;
    const delivery = await inbox.delivery(one);
    const { type, node, expiresAt } = command;
    return {
      id,
      type,
      ...(request === undefined ? {} : { request }),
      state,
      revision,
      node,
      ...('camera' in command ? { camera: command.camera } : {}),
      ...('from' in command ? { from: command.from, to: command.to } : {}),
      ...('purpose' in command ? { purpose: command.purpose } : {}),
      ...('until' in command ? { until: command.until } : {}),
      ...('hold' in command ? { hold: command.hold } : {}),
      expiresAt,
      envelope,
      ...(status ? { status } : {}),
      review: reviewOf(one),
      ...(reason ? { reason } : {}),
      ...(delivery ? { delivery } : {}),
    };
  };
}

/** What is asked of commands and of what came of them. */
export function caseHandlers(parts: {
  cases: Cases;
  inbox: Inbox;
  dispatch: Dispatch;
  register: Register;
  policy(): Policy;
  utc(): number;
}): Pick<
  Handlers,
  'GET /cases' | 'GET /case' | 'GET /attending' | 'POST /prepare' | 'POST /authorise' | 'POST /look'
> {
  const { cases, dispatch } = parts;
  const answerOf = caseAnswers(parts.inbox);
  const idOf = (ask: URLSearchParams): string => {
    const id = ask.get('id') ?? '';
    return id === 'latest' ? (cases.all().at(-1)?.id ?? id) : id;
  };
  return {
    'GET /cases': () => Promise.all(cases.all().map(answerOf)),
    'GET /case': async (ask) => {
      const after = Number(ask.get('after') ?? '-1');
      return answerOf(await cases.news(idOf(ask), Number.isFinite(after) ? after : -1, newsLimitMs));
    },
    'GET /attending': (ask) => ({ full: cases.attending(idOf(ask)) }),
    'POST /prepare': async ({ by, request, attending, envelope, review }) => {
      const one = await cases.prepare(envelope, { request, attending }, by, review);
      await dispatch.command(one);
      return answerOf(one);
    },
    'POST /authorise': async ({ by, id, envelope }) => {
      const one = await cases.authorise(id, envelope, by);
      await dispatch.command(one);
      return answerOf(one);
    },
    'POST /look': ({ by, id, recipient, present, swap }) => {
      const one = deliveredPicture(cases, id);
      const role = openerRole(parts.policy(), one, recipient, parts.utc());
      requireAttending(present, attendingOf(cases.attending(id), one.command.attending)?.persons ?? []);
      const facts = { role, recipient, present, ...(swap ? { swap } : {}) };
      const { seq, at } = parts.register.append({ kind: 'opened', case: id, by, ...facts });
      return { seq, at };
    },
  };
}

/** Whom two persons signed for, and nobody else (Art. 6 c. 8). */
function requireAttending(present: readonly string[], named: readonly { name: string }[]): void {
  const stranger = present.find((name) => !named.some((one) => one.name === name));
  if (stranger !== undefined)
    throw new Failure(
      'denied',
      'not-attending',
      `${stranger} is not among those for whom the picture was taken: ${named.map(({ name }) => name).join(', ')}`,
    );
}
