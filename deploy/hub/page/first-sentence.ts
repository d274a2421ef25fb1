import { elapsed, since } from '#agent/view/times.ts';
import type { AlarmView } from '../alarms/alarms.ts';
import { saidOf } from '../alarms/words.ts';
import type { HubAlert } from '../fleet/alerts.ts';
import { cameraName } from '../settings.ts';
import type { NodeView } from './fleet-view.ts';
import type { HubView } from './hub-view.ts';
import { pageWords } from './words.ts';

/** Where an alert is: a camera or a place, by name. */
export function whereOf({ node, key }: Pick<HubAlert, 'node' | 'key'>, { nodes, settings }: HubView): string {
  const place = nodes.find(({ id }) => id === node);
  const subject = key.slice(key.indexOf('.') + 1);
  if (place?.cameras.some(({ id }) => id === subject)) return cameraName(settings, node, subject);
  return place ? `${place.name} (${node})` : (settings.place?.name ?? node);
}

const isCutOff = ({ key }: Pick<HubAlert, 'key'>): boolean => key === 'node-down';

/** The alarm that names why a node is out of reach: its own, or the link that was told of first. */
function causeOf(node: NodeView, { alarms }: HubView): AlarmView | undefined {
  const own = alarms.find((alarm) => alarm.node === node.id && isCutOff(alarm));
  return alarms.find(({ id }) => id === own?.explainedBy) ?? own;
}

/** Whether it is not the one to name: somebody works there, or the town hall itself hears nobody. */
function isExcused(node: NodeView, view: HubView): boolean {
  return node.state === 'shelved' || causeOf(node, view)?.node === 'hub';
}

/** Where, what, since when, and how many more. */
export function alertSentence(alert: AlarmView, view: HubView, others: number): string {
  const { form, nowUtc, settings } = view;
  const { text } = saidOf(alert, settings, form.lang);
  const more = others > 0 ? ` ${pageWords[form.lang].more(others)}` : '';
  return `${whereOf(alert, view)}: ${text}, ${since(nowUtc - alert.since, form.lang)}.${more}`;
}

/** The first line answers: what is cut off and by what, else the gravest that nobody has taken on, else all is well. */
export function firstSentence(view: HubView): string {
  const { alerts, nodes, nowUtc, form } = view;
  const t = pageWords[form.lang];
  if (!view.brokerConnected) return t.noBroker;
  const open = alerts.filter(({ acknowledged }) => acknowledged === undefined);
  const cut = nodes
    .filter((node) => !isExcused(node, view))
    .map((node) => ({
      node,
      sites: nodes.filter(({ behind, role }) => behind === node.id && role === 'site').length,
    }))
    .filter(({ sites }) => sites > 0)
    .sort((a, b) => b.sites - a.sites)[0];
  const more = (count: number): string => (count > 0 ? ` ${t.more(count)}` : '');
  if (cut) {
    const cause = causeOf(cut.node, view);
    const lasting = elapsed(nowUtc - (cause?.since ?? nowUtc), form.lang);
    const others = open.filter(({ id, node }) => node !== cut.node.id && id !== cause?.id).length;
    return `${t.cutOff(cut.node.name, lasting, cut.sites)}${more(others)}`;
  }
  const gravest = open[0];
  if (gravest) return alertSentence(gravest, view, open.length - 1);
  const rest = restOf(view);
  return alerts.length > 0 ? t.taken(alerts.length, rest) : rest;
}

/** What is left where nothing is open: who is not heard and why nobody said yet, or that all is well but what was set aside. */
function restOf({ nodes, alarms, form }: HubView): string {
  const t = pageWords[form.lang];
  const silent = nodes.filter(
    ({ sight, state, alerts }) =>
      sight.state !== 'online' && state !== 'shelved' && !alerts.some((alarm) => isCutOff(alarm)),
  ).length;
  if (silent > 0) return t.silent(silent, nodes.length);
  const aside = alarms.filter(({ state }) => state === 'shelved' || state === 'out-of-service').length;
  const well = t.allWell(
    nodes.length,
    nodes.reduce((sum, { cameras }) => sum + cameras.length, 0),
  );
  return aside > 0 ? `${well} ${t.aside(aside)}` : well;
}
