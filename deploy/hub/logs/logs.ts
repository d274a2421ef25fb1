import type { KeyObject } from 'node:crypto';
import type { Files } from '#agent/platform/files.ts';
import type { Log } from '#agent/platform/log.ts';
import type { HubStatement } from '#protocol/checkpoint.ts';
import { Failure, sentenceOf } from '#protocol/failure.ts';
import type { Policy } from '#protocol/policy.ts';
import type { Alerts } from '../fleet/alerts.ts';
import type { Register } from '../register/register.ts';
import type { Serial } from '../serial.ts';
import { openArchive } from './archive.ts';
import { type LogProof, makeProof } from './proof.ts';
import { openWitness, type Witness } from './witness.ts';

/** What the hub holds against a node for its log; an archived log takes its findings along. */
const findings = [
  'log-fork',
  'log-rollback',
  'log-line',
  'policy-fork',
  'policy-rollback',
  'policy-behind',
  'checkpoint-refused',
  'mirror-broken',
];

/** The copies of every node's log. */
export interface Logs {
  /** Undefined for a node that the policy does not name, or whose copy here is broken. */
  witness(node: string): Witness | undefined;
  /** Opens the copies of nodes that the policy has come to name. */
  open(): Promise<void>;
  /**
   * The box of a node was replaced, and its log begins anew: what is held of the old one goes below `archive/`, with a
   * line in the register; what the hub held against the old log is taken back. Says how many lines the old one had.
   * Throws `unknown-node`.
   */
  archiveLog(node: string, by: string, reason: string): Promise<{ lines: number | undefined }>;
  /** Proves the line `seq` about the command `id`, out of the log of now or one that was archived. */
  proof(node: string, seq: number, id: string): Promise<LogProof>;
}

export function openLogs(options: {
  files: Files;
  log: Log;
  folder: string;
  alerts: Alerts;
  register: Register;
  /** Everything of one node is done one after the other. */
  order: Serial;
  hubKey: KeyObject;
  policy(): Policy;
  utc(): number;
  statement(): HubStatement;
  policyHash(version: number): string | undefined;
  behind(node: string, version: number): boolean;
}): Logs {
  const { folder, alerts, log } = options;
  const witnesses = new Map<string, Witness>();
  const archive = openArchive(options);
  const witnessOf = (node: string, where: string): Promise<Witness> =>
    openWitness({
      ...options,
      folder: where,
      node,
      nodeKey: () => options.policy().nodes.find(({ id }) => id === node)?.key,
      behind: (version) => options.behind(node, version),
    });

  async function begin(node: string): Promise<void> {
    try {
      await archive.resume(node);
      witnesses.set(node, await witnessOf(node, folder));
      await alerts.clear(node, 'mirror-broken', 'hub');
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      // One damaged copy must not keep the hub from the other nodes.
      log.error({ node, why: sentenceOf(error) }, 'the copy of a log is damaged');
      const detail =
        'la copia del registro di questo nodo è danneggiata: conservarla e ripristinarla dal salvataggio';
      await alerts.raise({ node, key: 'mirror-broken', severity: 'critical', detail, from: 'hub' });
    }
  }

  return {
    witness: (node) => witnesses.get(node),
    async open() {
      for (const { id } of options.policy().nodes)
        await options.order.run(id, async () => {
          if (!witnesses.has(id)) await begin(id);
        });
    },
    archiveLog(node, by, reason) {
      if (!options.policy().nodes.some(({ id }) => id === node))
        throw new Failure('denied', 'unknown-node', `the policy knows no ${node}`);
      return options.order.run(node, async () => {
        const mark = witnesses.get(node)?.mirror.mark();
        witnesses.delete(node);
        await archive.begin(node, { by, reason, ...(mark ? { lines: mark.size, last: mark.last } : {}) });
        log.warn({ node, by, lines: mark?.size }, 'the log of a replaced box is archived');
        await begin(node);
        for (const key of findings) await alerts.clear(node, key, 'hub');
        return { lines: mark?.size };
      });
    },
    async proof(node, seq, id) {
      const found = await proofIn(witnesses.get(node), id);
      if (found) return found;
      for (const where of await archive.folders(node)) {
        const older = await proofIn(await witnessOf(node, where), id);
        if (older) return older;
      }
      throw new Failure(
        'unavailable',
        'not-cosigned',
        `line ${seq} of ${node} is in no head that this hub cosigned: try again in a minute`,
      );

      async function proofIn(witness: Witness | undefined, about: string): Promise<LogProof | undefined> {
        return witness && (await makeProof(node, witness, seq, about));
      }
    },
  };
}
