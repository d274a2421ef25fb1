import type { Bus } from '#agent/mqtt/bus.ts';
import type { Log } from '#agent/platform/log.ts';
import { Failure, sentenceOf } from '#protocol/failure.ts';
import { topics } from '#protocol/topics.ts';
import { isSettled } from '../cases/case.ts';
import type { Case, Cases } from '../cases/cases.ts';

/** What the hub says to the nodes about cases: commands until they are answered, empty statuses once closed. */
export interface Dispatch {
  command(one: Case): Promise<void>;
  /** A node is there (again): whatever it has not answered is said again. The same bytes twice change nothing there. */
  unanswered(node?: string): Promise<void>;
  clear(one: Case): Promise<void>;
  /** A node said the status of a case that is over once more, as it does at its start: it goes again. */
  clearAgain(one: Case): Promise<void>;
  /** Not repeated: the node shows its head again until it is answered. */
  cosignature(node: string, answer: string): Promise<void>;
  /** The policy in force, retained; every connection begins with it too. */
  policy(envelope: Buffer): Promise<void>;
  /** A step towards it for a node that cannot take it at once. Not retained; to other nodes it is old news. */
  policyStep(node: string, envelope: Buffer): Promise<void>;
}

export function openDispatch(bus: Bus, cases: Cases, utc: () => number, log: Log): Dispatch {
  /** Offline is no failure: the next connection begins with everything unsaid. */
  async function say(work: () => Promise<void>): Promise<boolean> {
    if (!bus.connected()) return false;
    try {
      await work();
      return true;
    } catch (error) {
      if (!(error instanceof Failure) || error.code !== 'offline') throw error;
      log.info({ why: sentenceOf(error) }, 'said again at the next connection');
      return false;
    }
  }
  const command = async (one: Case): Promise<void> => {
    if (one.state !== 'authorised' || one.status !== undefined) return;
    const expirySeconds = Math.ceil((one.command.expiresAt - utc()) / 1000);
    if (expirySeconds <= 0) return;
    const topic = topics.command(one.command.node);
    await say(() => bus.publish({ topic, payload: one.envelope, retain: false, expirySeconds }));
  };
  const clear = async (one: Case): Promise<void> => {
    if (!isSettled(one) || one.cleared) return;
    if (await forget(one)) await cases.cleared(one.id);
  };
  const forget = (one: Case): Promise<boolean> => {
    const topic = topics.commandStatus(one.command.node, one.id);
    return say(() => bus.publish({ topic, payload: '', retain: true }));
  };
  return {
    command,
    clear,
    async clearAgain(one) {
      if (one.cleared) await forget(one);
      else await clear(one);
    },
    async cosignature(node, answer) {
      await say(() => bus.publish({ topic: topics.cosignature(node), payload: answer, retain: false }));
    },
    async policy(envelope) {
      await say(() => bus.publish({ topic: topics.hubPolicy, payload: envelope, retain: true }));
    },
    async policyStep(node, envelope) {
      log.info({ node }, 'follows an older policy: the next one is sent');
      await say(() => bus.publish({ topic: topics.hubPolicy, payload: envelope, retain: false }));
    },
    async unanswered(node) {
      for (const one of cases.all())
        if (node === undefined || one.command.node === node) {
          await command(one);
          await clear(one);
        }
    },
  };
}
