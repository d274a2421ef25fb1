import type { Bus } from '#agent/mqtt/bus.ts';
import type { Log } from '#agent/platform/log.ts';
import { hubName } from '#protocol/checkpoint.ts';
import { Failure } from '#protocol/failure.ts';
import { hubNode, parseTopic, type Topic } from '#protocol/topics.ts';
import { isSettled } from '../cases/case.ts';
import type { Cases } from '../cases/cases.ts';
import type { Alerts } from '../fleet/alerts.ts';
import type { Fleet } from '../fleet/fleet.ts';
import type { Verdict, Witness } from '../logs/witness.ts';
import type { Serial } from '../serial.ts';
import type { Disk } from './disk.ts';
import type { Dispatch } from './dispatch.ts';

/** Findings about a node's log that stay until a person has looked: the next good head proves nothing about them. */
const lasting = new Set(['log-fork', 'policy-fork']);
/** Findings that the next good head takes back. */
const passing = ['log-rollback', 'policy-rollback', 'policy-behind', 'checkpoint-refused', 'log-line'];

/** What a node says that this hub keeps. */
const kept: ReadonlySet<string> = new Set(['event', 'checkpoint', 'command-status']);

const filters = ['state', 'health', 'alert/+', 'event', 'checkpoint', 'command/+/status'].map(
  (rest) => `peio/v1/+/${rest}`,
);

const sentences: Record<string, string> = {
  'log-fork':
    'il nodo mostra un registro diverso da quello già mostrato: non spegnerlo, avvisare il titolare; se l’apparato è stato sostituito: hub node replace',
  'policy-fork':
    'il nodo applica regole diverse da quelle del municipio sotto lo stesso numero: avvisare il titolare',
  'log-rollback':
    'il registro del nodo è più corto di quello già controfirmato: disco sostituito o ripristinato? se sostituito: hub node replace',
  'policy-rollback': 'il nodo è tornato a regole precedenti: disco sostituito o ripristinato?',
  'policy-behind':
    'il nodo segue ancora regole superate e non viene più controfirmato: controllare il collegamento, poi portarle con una chiavetta',
  'checkpoint-refused': 'la testa del registro non è firmata dal nodo',
  'log-line': 'il nodo invia righe di registro che non lo sono',
};

/** Wires what the nodes say to who keeps it. Everything of one node is handled in the order it came. */
export function listenToNodes(parts: {
  bus: Bus;
  log: Log;
  fleet: Fleet;
  alerts: Alerts;
  cases: Cases;
  dispatch: Dispatch;
  releases: { round(): Promise<void> };
  order: Serial;
  /** Undefined for a node that the policy does not name, or whose copy here is broken. */
  witness(node: string): Witness | undefined;
  /**
   * Runs what publishes, after the message is handled: an acknowledgement of ours arrives behind the message that is
   * being handled, so a handler that waited for one would wait for ever.
   */
  afterwards(work: () => Promise<void>): void;
  disk: Pick<Disk, 'refused' | 'refuses'>;
}): void {
  const { bus, log, fleet, alerts, cases } = parts;

  async function answer(node: string, verdict: Verdict | undefined): Promise<void> {
    if (verdict === undefined || verdict === 'later') return;
    await fleet.checkpoint(node);
    for (const key of passing) await alerts.clear(node, key, 'hub');
    parts.afterwards(() => parts.dispatch.cosignature(node, verdict.answer));
  }
  async function witnessed(node: string, work: (witness: Witness) => Promise<void>): Promise<void> {
    const witness = parts.witness(node);
    if (witness === undefined) return;
    try {
      await work(witness);
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      const key = lasting.has(error.code) || passing.includes(error.code) ? error.code : 'checkpoint-refused';
      // It shows its log; that is not what is wrong with it.
      if (key === 'policy-behind') await fleet.checkpoint(node);
      log.error({ node, code: error.code, why: error.message }, `refused by ${hubName}`);
      const detail = sentences[key] ?? error.message;
      await alerts.raise({ node, key, severity: 'critical', detail, from: 'hub' });
    }
  }

  /** Nodes whose last head waited for lines, and how many lines were held then. */
  const stuck = new Map<string, number>();

  /**
   * While the disk refuses, what would have to be kept is let go unanswered: a node sends the lines again that were not
   * cosigned, and the next connection brings what is retained. That it showed its log counts.
   */
  async function letGo(node: string, kind: string, payload: Buffer): Promise<void> {
    if (kind === 'checkpoint' && parts.witness(node)?.shown(payload)) await fleet.checkpoint(node);
  }

  const hear: Parameters<Bus['subscribe']>[1] = async ({ topic, payload }) => {
    const parsed = parseTopic(topic);
    if (parsed === undefined || parsed.node === hubNode) return;
    const { node } = parsed;
    if (!fleet.nodes().some(({ id }) => id === node))
      return log.warn({ node: node.slice(0, 64) }, 'a node that the policy does not name');
    await parts.order.run(node, async () => {
      try {
        if (!(parts.disk.refuses() && kept.has(parsed.kind))) await take(node, parsed, payload);
        else await letGo(node, parsed.kind, payload);
      } catch (error) {
        if (parts.disk.refused(error) === undefined) throw error;
      }
    });
  };
  const take = async (node: string, parsed: Topic, payload: Buffer): Promise<void> => {
    switch (parsed.kind) {
      case 'state': {
        const heard = await fleet.state(node, payload);
        if (heard?.online) parts.afterwards(() => parts.dispatch.unanswered(node));
        return;
      }
      case 'health':
        return fleet.health(node, payload);
      case 'alert':
        return await fleet.alert(node, parsed.key, payload);
      case 'event':
        return await witnessed(node, async (witness) => {
          const { reception, verdict } = await witness.event(payload);
          if (reception === 'ahead')
            log.warn({ node, held: witness.mirror.size() }, 'lines are missing before this one');
          await answer(node, verdict);
        });
      case 'checkpoint':
        return await witnessed(node, async (witness) => {
          const verdict = await witness.checkpoint(payload);
          const last = witness.remembered();
          const held = witness.mirror.size();
          // Shown again, and no line came between: what this hub last cosigned tells the node from where to send.
          // After a restore that is less than it thinks.
          if (verdict === 'later' && last && stuck.get(node) === held)
            parts.afterwards(() => parts.dispatch.cosignature(node, last.cosigned));
          if (verdict === 'later') stuck.set(node, held);
          else stuck.delete(node);
          await answer(node, verdict);
        });
      case 'command-status':
        if (payload.length === 0) return;
        try {
          const one = await cases.status(node, parsed.id, payload);
          if (one === undefined || !isSettled(one)) return;
          parts.afterwards(() => parts.dispatch.clearAgain(one));
          if (one.command.type === 'release') parts.afterwards(() => parts.releases.round());
        } catch (error) {
          if (!(error instanceof Failure)) throw error;
          log.warn({ node, case: parsed.id.slice(0, 64), code: error.code }, 'status refused');
        }
        return;
      default:
        return; // What the hub itself says.
    }
  };
  for (const filter of filters) bus.subscribe(filter, hear);
}
