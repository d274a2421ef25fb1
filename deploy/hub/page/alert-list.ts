import { shape, sinceTime } from '#agent/view/document.ts';
import { type Html, html } from '#agent/view/html.ts';
import type { State } from '#agent/view/states.ts';
import { exactly, lasting, moment } from '#agent/view/times.ts';
import type { AlarmView } from '../alarms/alarms.ts';
import { saidOf } from '../alarms/words.ts';
import { whereOf } from './first-sentence.ts';
import type { HubView } from './hub-view.ts';
import { pageWords } from './words.ts';

const severityState = { critical: 'failing', warning: 'degraded', info: 'unknown' } as const;

/** For how long an alert can be put on the shelf: an hour's work, a shift, a day, until the spare part is here. */
export const shelfHours: readonly number[] = [1, 8, 24, 168];

/** A button that sends `value` with the form of that name, see {@link alertForms}. */
function button(form: string, id: string, value: string, word: string, about: string): Html {
  return html`<button type="submit" form="${form}" name="alert" value="${value}" id="${form}-${id}" aria-label="${word}: ${about}">${word}</button>`;
}

/**
 * The forms that the buttons beside alerts belong to: one each, so that an update replaces none. `node`: the page that
 * they lead back to, the overview when absent.
 */
export function alertForms(lang: string, csrf: string, node?: string): Html {
  const back = node === undefined ? '' : `&node=${node}`;
  return html`${['ack', 'shelve', 'unshelve'].map(
    (form) =>
      html`<form id="${form}" method="post" action="/${form}?lang=${lang}${back}"><input type="hidden" name="csrf" value="${csrf}"></form>`,
  )}`;
}

/** What is wrong, what of it nobody has taken on first; below it, folded, what it explains, and what rests. */
export function alertList(view: HubView): Html {
  const { alarms, alerts, form } = view;
  const t = pageWords[form.lang];
  const of = (state: AlarmView['state']): AlarmView[] => alarms.filter((alarm) => alarm.state === state);
  const taken = ({ acknowledged }: AlarmView): number => (acknowledged === undefined ? 0 : 1);
  const shown = [...alerts].sort((a, b) => taken(a) - taken(b) || b.explains.length - a.explains.length);
  const explained = groups(of('suppressed-by-design'));
  const folded = (id: string, title: string, all: readonly AlarmView[]): Html | false =>
    all.length > 0 &&
    html`<details id="${id}"><summary>${title}</summary><ul class="alerts">${all.map((alarm) => item(view, alarm))}</ul></details>`;
  const list = [...shown, ...of('return-to-normal-unacknowledged')];
  return html`${list.length > 0 ? html`<ul class="alerts">${list.map((alarm) => item(view, alarm))}</ul>` : html`<p class="soft">${t.noAlerts}</p>`}${[
    ...explained,
  ].map(([cause, all]) =>
    folded(`explained-${cause}`, t.explained(all.length, causeName(view, cause)), all),
  )}${folded(
    'shelved',
    t.shelvedAlerts(of('shelved').length),
    of('shelved'),
  )}${folded('resting', t.resting(of('out-of-service').length), of('out-of-service'))}`;
}

/** By what explains them: the id of an alarm. */
function groups(alarms: readonly AlarmView[]): Map<string, AlarmView[]> {
  const found = new Map<string, AlarmView[]>();
  for (const alarm of alarms) {
    const cause = alarm.explainedBy ?? '';
    found.set(cause, [...(found.get(cause) ?? []), alarm]);
  }
  return found;
}

function causeName(view: HubView, id: string): string {
  const slash = id.indexOf('/');
  const node = id.slice(0, slash);
  return view.nodes.find((one) => one.id === node)?.name ?? node;
}

function stateOf({ state, severity }: AlarmView): State {
  switch (state) {
    case 'shelved':
    case 'out-of-service':
      return 'shelved';
    case 'suppressed-by-design':
      return 'affected';
    case 'return-to-normal-unacknowledged':
    case 'normal':
      return 'ok';
    default:
      return severityState[severity];
  }
}

function item(view: HubView, alarm: AlarmView): Html {
  const { form, nowUtc, seer } = view;
  const t = pageWords[form.lang];
  const { id, acknowledged, shelved, state } = alarm;
  const what = saidOf(alarm, view.settings, form.lang);
  const about = `${whereOf(alarm, view)}: ${what.text}`;
  const said = [
    state === 'return-to-normal-unacknowledged' && html` <span class="soft">${t.over}</span>`,
    acknowledged &&
      html` <span class="soft">${t.acknowledged(acknowledged.by)} ${sinceTime(acknowledged.at, nowUtc, form)}</span>`,
    shelved &&
      html` <span class="soft">${t.shelvedBy(shelved.by)} <time datetime="${new Date(shelved.until).toISOString()}" title="${exactly(shelved.until, form)}">${moment(shelved.until, form)}</time></span>`,
  ];
  const hours = (count: number): string => lasting(count * 3_600_000, form.lang);
  const acts = seer.acts && [
    acknowledged === undefined &&
      (state.endsWith('active') || state.startsWith('return')) &&
      html` ${button('ack', id, id, t.acknowledge, about)}`,
    state.endsWith('acknowledged-active') &&
      html` <details class="acts" id="shelving-${id}"><summary aria-label="${t.shelve}: ${about}">${t.shelve}</summary> ${shelfHours.map(
        (count) =>
          html`${button('shelve', `${id}-${count}`, `${count} ${id}`, hours(count), `${t.shelve}: ${about}`)} `,
      )}</details>`,
    shelved && html` ${button('unshelve', id, id, t.unshelve, about)}`,
  ];
  return html`<li id="alert-${alarm.from}-${id}">${shape(stateOf(alarm))}<div class="what"><span lang="${what.lang}">${about}</span> <code>${alarm.key}</code>${said}${acts}</div>${sinceTime(alarm.since, nowUtc, form)}</li>`;
}
