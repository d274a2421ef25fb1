import { documentOf } from '#agent/view/document.ts';
import { Html, html } from '#agent/view/html.ts';
import type { Parts } from '#agent/view/live.ts';
import { stripLegend } from '#agent/view/strip-svg.ts';
import { elapsed, moment } from '#agent/view/times.ts';
import { siteParts } from '#agent/web/site-parts.ts';
import { siteWords } from '#agent/web/site-words.ts';
import { alertForms, alertList } from './alert-list.ts';
import { alertSentence } from './first-sentence.ts';
import type { NodeView } from './fleet-view.ts';
import { other, whereOf } from './hub-pages.ts';
import type { HubView, NodeRows } from './hub-view.ts';
import type { Session } from './sessions.ts';
import { pageWords } from './words.ts';

/** Curves are drawn by whoever was there: the town hall keeps none. */
const noHistory = { add() {}, curve: () => [] };

/**
 * The changing parts of the page of one node: what the box shows on its own page, as far as the town hall was told, with
 * the alarms as they stand here. It is of maintenance alone: no request, hold or extraction, whoever looks.
 */
export function nodeParts(view: HubView, node: NodeView, weeks: NodeRows): Parts {
  const { form, nowUtc, settings } = view;
  const { sight } = node;
  const t = pageWords[form.lang];
  const own = sight.health && {
    form,
    nowUtc,
    status: {
      node: node.id,
      version: sight.version ?? '',
      lang: settings.lang,
      names: Object.fromEntries(node.cameras.map(({ id, name }) => [id, name])),
      unheard: sight.state !== 'online',
      places: Object.fromEntries(
        [...settings.nodes, ...(settings.place ? [settings.place] : [])].map(({ id, name }) => [id, name]),
      ),
      health: sight.health,
      alerts: node.alerts.map((alert) => ({ ...alert, state: 'raised' as const })),
    },
    weeks,
    history: noHistory,
  };
  const said = own && siteParts(own);
  const part = (id: string): string => said?.get(id) ?? html`<p class="soft">${t.neverHeard}</p>`.text;
  return new Map([
    ['first', firstOf(view, node, said && new Html(said.get('first') ?? '')).text],
    ['then', thenOf(view, node).text],
    ['alerts', alertList(onlyOf(view, node)).text],
    ['cameras', part('cameras')],
    ['links', part('links')],
    ['box', part('box')],
  ]);
}

/** The page's view with the alarms of one node. */
function onlyOf(view: HubView, node: NodeView): HubView {
  return {
    ...view,
    alarms: view.alarms.filter((alarm) => alarm.node === node.id),
    alerts: silenceFirst(node),
  };
}

/** While a node is silent, what else it said is of before. */
function silenceFirst({ alerts }: NodeView): NodeView['alerts'] {
  const isSilence = ({ key }: NodeView['alerts'][number]): number => (key === 'node-down' ? 0 : 1);
  return [...alerts].sort((a, b) => isSilence(a) - isSilence(b));
}

function firstOf(view: HubView, node: NodeView, well: Html | undefined): Html {
  const { form, nodes } = view;
  const t = pageWords[form.lang];
  const place = `${node.name} (${node.id})`;
  const behind = nodes.find(({ id }) => id === node.behind);
  if (behind) return html`${place}: ${t.behind(behind.name)}.`;
  if (node.maintenanceUntil !== undefined)
    return html`${place}: ${t.maintenance(moment(node.maintenanceUntil, form))}.`;
  const [gravest] = silenceFirst(node);
  if (gravest) return html`${alertSentence(gravest, view, node.alerts.length - 1)}`;
  return html`${place}: ${node.sight.state === 'online' && well ? well : t.notHeard}`;
}

/** Where the node is not heard: of when the rest is. */
function thenOf({ form, nowUtc }: HubView, { sight }: NodeView): Html {
  if (sight.state === 'online' || sight.health === undefined) return html``;
  return html`<p class="wrong">${pageWords[form.lang].asOf(elapsed(nowUtc - sight.health.at, form.lang))}</p>`;
}

export function nodePage(
  view: HubView,
  node: NodeView,
  weeks: NodeRows,
  session: Session | undefined,
): string {
  const { form, seer } = view;
  const { lang } = form;
  const t = pageWords[lang];
  const words = siteWords[lang];
  const parts = nodeParts(view, node, weeks);
  const section = (id: string, title: string): Html =>
    html`<section aria-labelledby="${id}-title"><h2 id="${id}-title">${title}</h2><div id="${id}">${new Html(parts.get(id) ?? '')}</div></section>
`;
  return documentOf({
    form,
    title: `${node.name} (${node.id})`,
    where: whereOf(seer, session),
    other: `${other(form)}&id=${node.id}`,
    live: `/live?lang=${lang}&node=${node.id}`,
    styles: ['/hub.css'],
    wide: true,
    body: html`<h1 id="first" aria-live="polite">${new Html(parts.get('first') ?? '')}</h1>
<p><a href="/?lang=${lang}#node-${node.id}">${t.back}</a></p>
${session !== undefined && seer.acts && alertForms(lang, session.csrf, node.id)}
${section('alerts', t.alerts)}<div id="then">${new Html(parts.get('then') ?? '')}</div>
${node.cameras.length > 0 && section('cameras', words.cameras)}${section('links', words.links)}${section('box', words.box)}<section aria-labelledby="legend-title"><h2 id="legend-title">${t.legend}</h2>${stripLegend(lang)}<p class="soft">${t.keys}</p></section>`,
  });
}
