import { type Alarm, subjectOf } from './alarm.ts';
import { isLinkDown, isSilence, leastNodes, type Surroundings } from './join.ts';

/**
 * How long a silence waits for what would explain it: a connection that breaks is noticed by the broker 10 to 30 s
 * later (keep-alive 20 s, MQTT 5 §3.1.2.10), so nodes behind one relay, and the relay, are told within 20 s of each
 * other. Mostly it does not wait: somebody else has just spoken.
 */
const silenceMs = 21_000;
/**
 * A will is told this long after its connection broke: who spoke since outlived it. MQTT 3.1.1 has no such delay: there
 * a site may be told before its relay.
 */
const willDelayMs = 30_000;
/** A link is known to be down long before a connection over it is: 8 probes of 2 s and the time to the next probe. */
const linkWaitMs: Record<string, number> = { stamp: 48_000, ping: 38_000, tcp: 28_000 };
const deviceWaitMs = 8000;
/** Said before the node heard of this hub again; heads come every 5 minutes. */
const hubSilentWaitMs = 6 * 60_000;
/** After what explained it is over: nodes come back within their backoff and the broker's keep-alive. */
const returnMs = 120_000;

export interface Heard extends Surroundings {
  /** When something live came from a node; undefined for never. */
  heardAt(node: string): number | undefined;
}

/** From when people are told, at the latest, unless something explains it by then. */
export function readyAt(alarm: Alarm, around: Heard): number {
  if (alarm.freedAt !== undefined) return alarm.freedAt + returnMs;
  const { raisedAt, node } = alarm;
  const { topology } = around;
  const spoke = (other: string, after: number): boolean =>
    (around.heardAt(other) ?? Number.NEGATIVE_INFINITY) > after;
  if (alarm.from === 'node' && alarm.key.startsWith('hub-silent')) return raisedAt + hubSilentWaitMs;
  if (isLinkDown(alarm)) {
    const link = around.linkOf(node, subjectOf(alarm.key) ?? '');
    if (link === undefined || !topology.nodes().includes(link.to) || spoke(link.to, raisedAt))
      return raisedAt;
    return raisedAt + (linkWaitMs[link.probe ?? ''] ?? deviceWaitMs);
  }
  if (!isSilence(alarm)) return raisedAt;
  const others = topology.nodes().filter((other) => other !== node);
  const alive = (other: string): boolean => spoke(other, raisedAt - willDelayMs);
  const ways = topology.way(node).slice(1);
  const notAll = topology.nodes().length < leastNodes || others.some(alive);
  return notAll && ways.every(alive) ? raisedAt : raisedAt + silenceMs;
}
