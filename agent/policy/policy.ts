import { join } from 'node:path';
import { z } from 'zod';
import { parseEnvelope, parseJson, sha256 } from '#protocol/envelope.ts';
import { codeOf, Failure, sentenceOf } from '#protocol/failure.ts';
import { maxPolicyBytes, type Policy, recipientsFor, type Trust, verifyPolicy } from '#protocol/policy.ts';
import { diskFailure } from '../platform/disk-failure.ts';
import { type Files, makeFolderDurably, readIfThere, writeDurably } from '../platform/files.ts';
import type { Log } from '../platform/log.ts';

export interface InForce {
  policy: Policy;
  version: number;
  /** SHA-256, hex, of the envelope. */
  hash: string;
  /** The envelope as it came. */
  bytes: Buffer;
}

export interface PolicyInForce {
  current(): InForce;
  /** age recipients that this node seals to at an instant. */
  recipients(utcMs: number): string[];
  /**
   * A policy that somebody carries here. `taken` when it is in force now, durably; `known` when it already was.
   * Throws `policy-malformed`, `policy-signature`, `policy-rollback` or `policy-unsound`, each logged once for the
   * same bytes; `disk-full` or `disk-error` when it cannot be kept.
   */
  offer(bytes: Buffer, origin: string): Promise<'taken' | 'known'>;
  /** Waits for the judgement of what was offered so far. */
  settled(): Promise<void>;
  /** Calls `then` when another policy has come into force. */
  onChange(then: (now: InForce) => void): void;
}

/**
 * Refused envelopes that one life of the agent logs, each once: a retained message comes with every connection, and
 * whoever offers more than these brings no policies. What follows is one line that says so.
 */
const maxRefusedLogged = 16;

/**
 * The policy in force: of the one that is configured and those that came later, the highest that can be verified.
 * Later ones are kept as `policies/<version>.dsse.json`, each verified against the one before it, so that a change of
 * roots can be followed again from `trust` at every start; the newest also as `policy.dsse.json`.
 * Throws the code of the last one tried (config) when nothing at all can be verified.
 */
export async function openPolicy(options: {
  files: Files;
  log: Log;
  /** The store's. */
  folder: string;
  node: string;
  trust: Trust;
  /** The envelope that the configuration names. */
  configured: Buffer;
  /** One line in the log: `policy-taken` or `policy-refused`. */
  note(kind: string, fields: Record<string, unknown>): Promise<unknown>;
}): Promise<PolicyInForce> {
  const { files, log, trust } = options;
  const kept = join(options.folder, 'policies');
  const newestPath = join(options.folder, 'policy.dsse.json');
  const keptPath = (version: number): string => join(kept, `${String(version).padStart(10, '0')}.dsse.json`);
  await makeFolderDurably(files, kept);
  let inForce = await newest();
  // Beside the segments, so that the store says by itself under which rules it was filled.
  if (!(await readIfThere(files, newestPath, maxPolicyBytes))?.equals(inForce.bytes))
    await writeDurably(files, newestPath, inForce.bytes);
  const listeners: ((now: InForce) => void)[] = [];
  const refused = new Set<string>();
  let turn: Promise<unknown> = Promise.resolve();

  async function newest(): Promise<InForce> {
    const candidates = new Map([[sha256(options.configured), options.configured]]);
    const paths = (await files.list(kept))
      .filter(({ name }) => name.endsWith('.dsse.json'))
      .map(({ name }) => join(kept, name));
    for (const path of [...paths, newestPath]) {
      const bytes = await readIfThere(files, path, maxPolicyBytes);
      if (bytes) candidates.set(sha256(bytes), bytes);
    }
    const inOrder = [...candidates.values()]
      .map((bytes) => ({ bytes, version: claimedVersion(bytes) }))
      .sort((a, b) => a.version - b.version);
    let best: InForce | undefined;
    let failure: unknown;
    for (const { bytes } of inOrder) {
      try {
        best = verified(bytes, best);
      } catch (error) {
        if (codeOf(error) !== 'policy-rollback') failure = error;
        log.warn({ code: codeOf(error), why: sentenceOf(error) }, 'a policy on disk is not believed');
      }
    }
    if (best === undefined)
      throw new Failure('config', codeOf(failure), `no policy can be believed: ${sentenceOf(failure)}`, {
        cause: failure,
      });
    return best;
  }

  function verified(bytes: Buffer, before: InForce | undefined): InForce {
    const policy = verifyPolicy(bytes, trust, before?.policy);
    return { policy, version: policy.version, hash: sha256(bytes), bytes };
  }

  /** Whether this node took these very bytes before. */
  async function isPast(bytes: Buffer): Promise<boolean> {
    const before = await readIfThere(files, keptPath(claimedVersion(bytes)), maxPolicyBytes);
    return before?.equals(bytes) ?? false;
  }

  async function judge(bytes: Buffer, origin: string): Promise<'taken' | 'known'> {
    const hash = sha256(bytes);
    if (hash === inForce.hash) return 'known';
    let next: InForce;
    try {
      next = verified(bytes, inForce);
    } catch (error) {
      // The hub sends a step of the chain to whom it misses; every node hears it, and those that took it say nothing.
      if (error instanceof Failure && !refused.has(hash) && !(await isPast(bytes))) {
        log.warn({ code: error.code, why: sentenceOf(error), origin }, 'policy refused');
        if (refused.size <= maxRefusedLogged) {
          const last = refused.size === maxRefusedLogged ? { more: 'not logged' } : {};
          const facts = { code: error.code, hash, inForce: inForce.version, origin, ...last };
          await options.note('policy-refused', facts);
          refused.add(hash);
        }
      }
      throw error;
    }
    // 1 the step of the chain, 2 the newest, 3 the line; only then it is in force.
    try {
      await writeDurably(files, keptPath(next.version), bytes);
      await writeDurably(files, newestPath, bytes);
    } catch (error) {
      throw diskFailure(error, 'the policy');
    }
    await options.note('policy-taken', {
      version: next.version,
      hash,
      before: inForce.version,
      origin,
    });
    inForce = next;
    log.info({ version: next.version, origin }, 'another policy is in force');
    for (const then of listeners) then(next);
    return 'taken';
  }

  return {
    current: () => inForce,
    recipients: (utcMs) => recipientsFor(inForce.policy, options.node, utcMs),
    offer(bytes, origin) {
      const mine = turn.then(() => judge(bytes, origin));
      turn = mine.catch(() => {});
      return mine;
    },
    async settled() {
      await turn;
    },
    onChange: (then) => {
      listeners.push(then);
    },
  };
}

const claim = z.object({ version: z.number() });

/** What a policy says of itself, to try older ones first; zero when it says nothing. Believed by nobody. */
function claimedVersion(bytes: Buffer): number {
  try {
    return claim.parse(parseJson(parseEnvelope(bytes, maxPolicyBytes).payload)).version;
  } catch {
    return 0;
  }
}
