import type { Html } from '#agent/view/html.ts';
import type { Form } from '#agent/view/times.ts';
import { Failure } from '#protocol/failure.ts';
import { localMinute } from '../cli/times.ts';
import { findRequest, type RequestRecord } from '../register/requests.ts';
import type { HubSource } from './hub-source.ts';
import { type Prospect, prospectOf } from './prospect.ts';
import { type RequestForm, readForm, recordOf, windowOf } from './request-form.ts';
import { enteredPart, requestFormPart, windowPart } from './request-page.ts';
import { requestWords } from './request-words.ts';
import type { Session } from './sessions.ts';

/** What to answer: a page, a part of it, or where to go on. */
export type DeskAnswer = { body: Html; title: string } | { part: Html } | { goTo: string };

/** Where operators and officers look what is recorded and enter a request. It signs nothing. */
export interface RequestDesk {
  /** The empty form, or with `id` a request that was entered. */
  show(query: URLSearchParams, form: Form, session: Session): Promise<DeskAnswer>;
  /** `act` of the form: `show` and `part` what is recorded, `enter` into the register. */
  take(given: URLSearchParams, form: Form, session: Session): Promise<DeskAnswer>;
}

const hourMs = 3_600_000;

/** `enter` puts a request into the register and gives its number; throws what the register refuses. */
export function openRequestDesk(
  source: HubSource,
  enter: (by: string, record: RequestRecord) => Promise<string>,
): RequestDesk {
  const { settings } = source;

  async function prospectsOf(
    cameras: readonly string[],
    window: { from: number; to: number } | undefined,
  ): Promise<Prospect[]> {
    if (window === undefined) return [];
    const all = await Promise.all(
      cameras.map((text) => {
        const [node = '', camera = ''] = text.split('/');
        return prospectOf(source, { node, camera, ...window });
      }),
    );
    return all.filter((one) => one !== undefined);
  }
  async function partOf(typed: RequestForm, form: Form): Promise<Html> {
    const prospects = await prospectsOf(typed.cameras, windowOf(typed, settings.zone));
    return windowPart(prospects, typed.cameras.length > 0, form, settings);
  }
  async function page(
    typed: RequestForm,
    form: Form,
    session: Session,
    problem?: string,
  ): Promise<DeskAnswer> {
    const window = await partOf(typed, form);
    const body = requestFormPart({ form, settings, csrf: session.csrf, typed, window, problem });
    return { body, title: requestWords[form.lang].title };
  }

  return {
    async show(query, form, session) {
      const id = query.get('id');
      if (id !== null) {
        const found = findRequest(source.register.lines(), id);
        const t = requestWords[form.lang];
        if (found === undefined) return await page(readForm(query), form, session, t.unknown);
        const prospects = await Promise.all(
          found.record.windows.map(({ from, to, ...where }) =>
            prospectOf(source, { ...where, from: Date.parse(from), to: Date.parse(to) }),
          ),
        );
        const known = prospects.filter((one) => one !== undefined);
        return { body: enteredPart(found, known, form, settings), title: t.entered(id) };
      }
      const typed = readForm(query);
      // The last whole hour: something to begin with.
      const hour = Math.floor(source.utc() / hourMs) * hourMs;
      const local = (utcMs: number): string => localMinute(utcMs, settings.zone);
      const begin = { from: typed.from || local(hour - hourMs), to: typed.to || local(hour) };
      return await page({ ...typed, ...begin, date: typed.date || local(hour).slice(0, 10) }, form, session);
    },
    async take(given, form, session) {
      const typed = readForm(given);
      if (given.get('act') === 'part') return { part: await partOf(typed, form) };
      if (given.get('act') !== 'enter') return await page(typed, form, session);
      const t = requestWords[form.lang];
      const made = recordOf(typed, settings.zone);
      if ('wrong' in made)
        return await page(
          typed,
          form,
          session,
          t.wrong(made.wrong.map((field) => t.field[field]).join(', ')),
        );
      try {
        const id = await enter(`page:${session.name}`, made.record);
        return { goTo: `/request?id=${id}&lang=${form.lang}` };
      } catch (error) {
        if (!(error instanceof Failure)) throw error;
        if (error.code === 'disk-full' || error.code === 'disk-error')
          return await page(typed, form, session, t.notKept);
        // What the register refuses, it refuses for a reason.
        if (error.kind !== 'denied') throw error;
        return await page(typed, form, session, error.message);
      }
    },
  };
}
