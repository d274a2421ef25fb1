import { type Alarm, conditionOf, idOf, isActive, subjectOf } from './alarm.ts';
import type { Topology } from './topology.ts';

/** What the hub says of itself and of all nodes at once. */
export const brokerDown = 'hub/broker-down';
export const allSilent = 'hub/all-silent';

/** Fewer nodes than this tell nothing by being silent together. */
export const leastNodes = 3;
/** Wills of connections that broke together come within a keep-alive, 20 s, of each other. */
export const togetherMs = 60_000;

export interface Link {
  /** The node or place at its other end. */
  to: string;
  probe?: string | undefined;
}

/** What is known of the fleet beside its alarms. */
export interface Surroundings {
  topology: Topology;
  linkOf(node: string, link: string): Link | undefined;
}

/** What says that nothing is heard of a node. */
export function isSilence(alarm: Pick<Alarm, 'key' | 'from'>): boolean {
  return alarm.from === 'hub' && (alarm.key === 'node-down' || alarm.key === 'checkpoint-missing');
}

export function isLinkDown(alarm: Pick<Alarm, 'key' | 'from'>): boolean {
  return alarm.from === 'node' && conditionOf(alarm.key) === 'link-down';
}

/**
 * For each standing alarm that another explains, by id, the one that does: the broken thing nearest to the town hall.
 * What explains is itself explained by nothing.
 */
export function explanations(alarms: Iterable<Alarm>, around: Surroundings): Map<string, string> {
  const { topology } = around;
  const standing = new Map<string, Alarm>();
  for (const alarm of alarms)
    if (isActive(alarm) && alarm.quietSince === undefined) standing.set(idOf(alarm), alarm);
  const causes = new Map<string, string>();
  const everything = [brokerDown, allSilent].find((id) => standing.has(id));

  /** Links that are down, by the pair of places they join. */
  const links = new Map<string, string>();
  for (const [id, alarm] of standing)
    if (isLinkDown(alarm)) {
      const to = around.linkOf(alarm.node, subjectOf(alarm.key) ?? '')?.to;
      if (to === undefined) continue;
      const pair = pairOf(alarm.node, to);
      const other = standing.get(links.get(pair) ?? '');
      if (other === undefined || earlier(alarm, other)) links.set(pair, id);
    }

  /** What broke of a hop: the node at its far end, or the link to it, whichever was made known first. */
  const hop = (node: string): string | undefined => {
    const down = standing.get(`${node}/node-down`);
    if (down === undefined) return undefined;
    const uplink = topology.uplink(node);
    const link = uplink === undefined ? undefined : standing.get(links.get(pairOf(node, uplink)) ?? '');
    return link !== undefined && earlier(link, down) ? idOf(link) : idOf(down);
  };
  /** The broken thing nearest to the town hall on a node's way. */
  const root = (node: string): string | undefined => {
    for (const at of topology.way(node).toReversed()) {
      const broken = hop(at);
      if (broken !== undefined) return broken;
    }
    return undefined;
  };

  for (const [id, alarm] of standing) {
    if (id === brokerDown) continue;
    let cause: string | undefined;
    if (id === allSilent) cause = standing.has(brokerDown) ? brokerDown : undefined;
    else if (isSilence(alarm)) cause = everything ?? root(alarm.node);
    else if (isLinkDown(alarm)) {
      const to = around.linkOf(alarm.node, subjectOf(alarm.key) ?? '')?.to;
      if (to === undefined) continue;
      const ends = [to, alarm.node].filter((end) => standing.has(`${end}/node-down`));
      const [end] = ends;
      const twin = links.get(pairOf(alarm.node, to));
      // Both ends of a link say the same of it.
      cause = end === undefined ? twin : (everything ?? root(end));
    }
    if (cause !== undefined && cause !== id) causes.set(id, cause);
  }
  return flattened(causes);
}

/** Every explanation points at something that has none itself. */
function flattened(causes: Map<string, string>): Map<string, string> {
  for (const [id, first] of causes) {
    const passed = new Set([id]);
    let cause = first;
    for (let next = causes.get(cause); next !== undefined && !passed.has(cause); next = causes.get(cause)) {
      passed.add(cause);
      cause = next;
    }
    // A circle explains nothing: the one asked about stands for itself.
    if (passed.has(cause)) causes.delete(id);
    else causes.set(id, cause);
  }
  return causes;
}

/** Whether all nodes fell silent, most of them together: then it is the broker, or the hub, and no node. */
export function silentTogether(alarms: Iterable<Alarm>, topology: Topology): boolean {
  const nodes = topology.nodes();
  if (nodes.length < leastNodes) return false;
  const first = new Map<string, number>();
  for (const alarm of alarms)
    if (isActive(alarm) && isSilence(alarm) && alarm.quietSince === undefined)
      first.set(alarm.node, Math.min(alarm.raisedAt, first.get(alarm.node) ?? Number.POSITIVE_INFINITY));
  if (!nodes.every((node) => first.has(node))) return false;
  // One relay that all of them need explains it better.
  const firstHops = new Set(nodes.map((node) => topology.way(node).at(-1)));
  if (firstHops.size < 2) return false;
  const newest = Math.max(...first.values());
  const together = [...first.values()].filter((at) => newest - at <= togetherMs).length;
  return together >= Math.max(leastNodes, nodes.length / 2);
}

function earlier(a: Alarm, b: Alarm): boolean {
  const [first, second] = [
    a.announcedAt ?? Number.POSITIVE_INFINITY,
    b.announcedAt ?? Number.POSITIVE_INFINITY,
  ];
  // Of two that nobody knows of, the link says more: it was measured.
  if (first !== second) return first < second;
  return isLinkDown(a) !== isLinkDown(b) ? isLinkDown(a) : idOf(a) < idOf(b);
}

function pairOf(a: string, b: string): string {
  return a < b ? `${a} ${b}` : `${b} ${a}`;
}
