import { join } from 'node:path';
import { type Files, makeFolderDurably, writeDurably } from '#agent/platform/files.ts';
import { Failure } from '#protocol/failure.ts';
import { type Policy, verifyPolicy } from '#protocol/policy.ts';
import { policyHashOf } from '../logs/witness.ts';
import type { Register } from '../register/register.ts';
import { type History, historyOf, keptPolicies, policyFile, type Trusted } from '../trust.ts';

/** The policy in force at the hub, and every one before. */
export interface Policies {
  current(): Policy;
  newest(): Trusted;
  at(version: number): Trusted | undefined;
  /** From a version on, oldest first. */
  since(version: number): readonly Policy[];
  /**
   * What a node that follows `version` can take next: the newest that the roots of that version signed. A change of
   * roots is followed step by step. Undefined when it follows the newest, or one that this hub does not know.
   */
  stepFor(version: number): Trusted | undefined;
  /**
   * A policy that somebody publishes. `known` when it is in force already. Throws what `verifyPolicy` throws, as every
   * node would, and `other-hub` for one that names another hub's key.
   */
  publish(envelope: Buffer, by: string): Promise<'taken' | 'known'>;
  /** Calls `then` when another policy has come into force. */
  onChange(then: () => Promise<void>): void;
}

/**
 * 1 the version before and the new one in `data/policies/`; 2 the register's line; 3 `policy.dsse.json`. Cut after 1,
 * the new one is in force at the next start, and its line is written then.
 */
export function openPolicies(options: {
  files: Files;
  dir: string;
  history: History;
  register: Register;
}): Policies {
  const { files, dir, register } = options;
  const kept = join(dir, keptPolicies);
  let history = options.history;
  const listeners: (() => Promise<void>)[] = [];
  let turn: Promise<unknown> = Promise.resolve();

  const note = (one: Trusted, by: string): void => {
    const { version } = one.policy;
    const noted = register.lines().some((line) => line.kind === 'policy' && line['hash'] === one.hash);
    if (!noted) register.append({ kind: 'policy', by, version, hash: one.hash });
  };
  // The first one came with the hub: who made it is on paper.
  for (const one of history.all.slice(1)) note(one, 'hub');

  async function publish(envelope: Buffer, by: string): Promise<'taken' | 'known'> {
    if (policyHashOf(envelope) === history.hash) return 'known';
    const policy = verifyPolicy(envelope, history.trust, history.policy);
    if (policy.hub.key.id !== history.policy.hub.key.id)
      throw new Failure(
        'denied',
        'other-hub',
        'it names another hub: put it into the folder of that hub, with its key, and start it',
      );
    await makeFolderDurably(files, kept);
    const before = history;
    await writeDurably(files, join(kept, policyFile(before.policy.version)), before.envelope);
    await writeDurably(files, join(kept, policyFile(policy.version)), envelope);
    history = historyOf(before.trust, [...before.all.map((one) => one.envelope), envelope]);
    note(history, by);
    await writeDurably(files, join(dir, 'policy.dsse.json'), envelope);
    for (const then of listeners) await then();
    return 'taken';
  }

  return {
    current: () => history.policy,
    newest: () => history,
    at: (version) => history.at(version),
    since: (version) => history.all.map(({ policy }) => policy).filter((one) => one.version >= version),
    stepFor(version) {
      const from = history.at(version);
      if (from === undefined) return version < history.policy.version ? history : undefined;
      return history.all.findLast(
        ({ envelope, policy }) => policy.version > version && follows(history, envelope, from),
      );
    },
    publish(envelope, by) {
      const mine = turn.then(() => publish(envelope, by));
      turn = mine.catch(() => {});
      return mine;
    },
    onChange: (then) => {
      listeners.push(then);
    },
  };
}

function follows({ trust }: History, envelope: Buffer, from: Trusted): boolean {
  try {
    verifyPolicy(envelope, trust, from.policy);
    return true;
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    return false;
  }
}
