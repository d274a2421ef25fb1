import type { KeyObject } from 'node:crypto';
import { join } from 'node:path';
import { z } from 'zod';
import { type Files, readIfThere, writeDurably } from '#agent/platform/files.ts';
import { cosignCheckpoint, type HubStatement, type LogHead, verifyCheckpoint } from '#protocol/checkpoint.ts';
import { parseJson, sha256 } from '#protocol/envelope.ts';
import { Failure } from '#protocol/failure.ts';
import type { PublicKey } from '#protocol/key.ts';
import { instantText } from '#protocol/time.ts';
import { type Mirror, mirrorMark, openMirror, type Reception } from './mirror.ts';

/** The newest head of a node's log that was cosigned; what this hub will never contradict. */
const rememberedSchema = z.object({
  size: z.int().nonnegative(),
  root: z.base64(),
  policyVersion: z.int().positive(),
  at: z.iso.datetime({ precision: 3 }),
  /** The message as it was answered: checkpoint, cosignature and statement. */
  cosigned: z.string().max(64 * 1024),
  /** Where the copy stood then: at this head, or some lines ahead of it. */
  mark: mirrorMark,
});
export type RememberedHead = z.output<typeof rememberedSchema>;

/** What a head led to. `later`: lines below it have not arrived; it is answered when they have. */
export type Verdict = { answer: string } | 'later';

export interface Witness {
  mirror: Mirror;
  remembered(): RememberedHead | undefined;
  /** One audit line; a head that waited for it comes with the answer. */
  event(payload: Uint8Array): Promise<{ reception: Reception; verdict?: Verdict }>;
  /**
   * Cosigns a head that extends everything this hub has seen. Throws what must not be cosigned:
   * `note-malformed`, `note-signature`, `checkpoint-malformed`; `log-fork` (another history than the one shown),
   * `log-rollback` (shorter than one cosigned before), `policy-rollback` (an older policy than before), `policy-fork`
   * (another policy under the same version), `policy-behind` (a policy that was replaced too long ago).
   */
  checkpoint(payload: Uint8Array): Promise<Verdict>;
  /** Whether a head is signed by its node; keeps nothing and answers nothing. */
  shown(payload: Uint8Array): boolean;
}

/** Calls come one after the other: the caller orders them. */
export async function openWitness(options: {
  files: Files;
  folder: string;
  node: string;
  /** Of the policy in force; undefined for a node that it no longer names. */
  nodeKey(): PublicKey | undefined;
  hubKey: KeyObject;
  utc(): number;
  statement(): HubStatement;
  policyHash(version: number): string | undefined;
  /** Told of the policy that a good head names; true when that head may not be cosigned under it. */
  behind(version: number): boolean;
}): Promise<Witness> {
  const { files, node } = options;
  const path = join(options.folder, `${node}.head.json`);
  let remembered = await readRemembered(files, path);
  const mirror = await openMirror(files, options.folder, node, remembered?.mark);
  let waiting: { note: string; head: LogHead } | undefined;
  if (remembered) {
    const root = await mirror.root(remembered.size);
    if (!root?.equals(Buffer.from(remembered.root, 'base64')))
      throw new Failure(
        'corrupt',
        'mirror-broken',
        `the copy of the log of ${node} is not what was cosigned`,
      );
  }

  async function judge(note: string, head: LogHead): Promise<Verdict> {
    const refuse = (code: string, sentence: string): never => {
      throw new Failure('denied', code, sentence);
    };
    if (remembered && head.policyVersion < remembered.policyVersion)
      refuse(
        'policy-rollback',
        `${node} is back at policy ${head.policyVersion}, ${remembered.policyVersion} was in force`,
      );
    const known = options.policyHash(head.policyVersion);
    if (known !== undefined && known !== head.policyHash)
      refuse('policy-fork', `${node} holds another policy ${head.policyVersion} than this hub`);
    const root = await mirror.root(head.size);
    if (root === undefined) {
      waiting = { note, head };
      return 'later';
    }
    if (!root.equals(head.root))
      refuse('log-fork', `${node} signed a head of another history than it showed`);
    if (remembered && head.size < remembered.size)
      refuse('log-rollback', `${node} shows ${head.size} lines, ${remembered.size} were cosigned`);
    waiting = undefined;
    if (options.behind(head.policyVersion))
      refuse('policy-behind', `${node} still follows policy ${head.policyVersion}`);
    const utcMs = options.utc();
    const answer = cosignCheckpoint(node, note, options.statement(), options.hubKey, utcMs);
    const fresh: RememberedHead = {
      size: head.size,
      root: head.root.toString('base64'),
      policyVersion: head.policyVersion,
      at: instantText(utcMs),
      cosigned: answer,
      mark: mirror.mark(),
    };
    // Remembered before it is said: after a crash this hub must not cosign less than it said.
    await writeDurably(files, path, JSON.stringify(fresh));
    remembered = fresh;
    return { answer };
  }

  const verified = (payload: Uint8Array): { note: string; head: LogHead } => {
    const note = Buffer.from(payload).toString('utf8');
    const key = options.nodeKey();
    if (key === undefined) throw new Failure('denied', 'note-signature', `the policy knows no ${node}`);
    return { note, head: verifyCheckpoint(node, note, key) };
  };

  return {
    mirror,
    remembered: () => remembered,
    async event(payload) {
      const reception = await mirror.receive(payload);
      if (waiting === undefined || mirror.size() < waiting.head.size) return { reception };
      const { note, head } = waiting;
      return { reception, verdict: await judge(note, head) };
    },
    async checkpoint(payload) {
      const { note, head } = verified(payload);
      return judge(note, head);
    },
    shown(payload) {
      try {
        verified(payload);
        return true;
      } catch (error) {
        if (!(error instanceof Failure)) throw error;
        return false;
      }
    },
  };
}

/** Throws `corrupt` `mirror-broken`. */
export async function readRemembered(files: Files, path: string): Promise<RememberedHead | undefined> {
  const bytes = await readIfThere(files, path, 128 * 1024);
  if (bytes === undefined) return undefined;
  const parsed = rememberedSchema.safeParse(parseJson(bytes));
  if (!parsed.success) throw new Failure('corrupt', 'mirror-broken', `${path} is damaged`);
  return parsed.data;
}

/** What a checkpoint names as the hash of a policy: SHA-256 of its envelope. */
export function policyHashOf(envelope: Uint8Array): string {
  return sha256(envelope);
}
