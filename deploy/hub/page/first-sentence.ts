import type { Lang } from '#agent/view/states.ts';
import { elapsed, since } from '#agent/view/times.ts';
import { detailOf } from '../alarms/words.ts';
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

/** When the hub noticed that a node is out of reach. */
function downSince(node: NodeView): number | undefined {
  return node.alerts.find(({ key }) => key === 'node-down')?.since;
}

/** The first line answers: what is cut off and by what, else the gravest that nobody has taken on, else all is well. */
export function firstSentence(view: HubView): string {
  const { alerts, nodes, nowUtc, form } = view;
  const t = pageWords[form.lang];
  if (!view.brokerConnected) return t.noBroker;
  const open = alerts.filter(({ acknowledged }) => acknowledged === undefined);
  const cut = nodes
    .map((node) => ({ node, sites: nodes.filter(({ behind }) => behind === node.id).length }))
    .filter(({ sites }) => sites > 0)
    .sort((a, b) => b.sites - a.sites)[0];
  const more = (count: number): string => (count > 0 ? ` ${t.more(count)}` : '');
  if (cut) {
    const lasting = elapsed(nowUtc - (downSince(cut.node) ?? nowUtc), form.lang);
    const others = open.filter(({ node }) => node !== cut.node.id).length;
    return `${t.cutOff(cut.node.name, lasting, cut.sites)}${more(others)}`;
  }
  const gravest = open[0];
  if (gravest)
    return `${whereOf(gravest, view)}: ${detailOf(gravest, view.settings)}, ${since(nowUtc - gravest.since, form.lang)}.${more(open.length - 1)}`;
  const rest = restOf(nodes, form.lang);
  return alerts.length > 0 ? t.taken(alerts.length, rest) : rest;
}

function restOf(nodes: readonly NodeView[], lang: Lang): string {
  const t = pageWords[lang];
  const silent = nodes.filter(({ state }) => state === 'unknown').length;
  if (silent > 0) return t.silent(silent, nodes.length);
  return t.allWell(
    nodes.length,
    nodes.reduce((sum, { cameras }) => sum + cameras.length, 0),
  );
}
