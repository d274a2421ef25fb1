import { join } from 'node:path';
import { type Files, writeDurably } from '#agent/platform/files.ts';
import type { Command } from '#protocol/command.ts';
import { Failure } from '#protocol/failure.ts';
import type { PublicKey } from '#protocol/key.ts';
import type { Manifest } from '#protocol/manifest.ts';
import type { Policy } from '#protocol/policy.ts';
import type { CommandStatus } from '#protocol/status.ts';
import type { Register, RegisterEntry, RegisterLine } from '../register/register.ts';
import { findRequest } from '../register/requests.ts';
import { serial } from '../serial.ts';
import { type Asked, admitPrepared, admitSigned, hasLapsed } from './admission.ts';
import { type CaseFile, isDelivered, isOver } from './case.ts';
import { preparedFacts } from './facts.ts';
import { readCase } from './kept.ts';
import { requireManifestOf, verifyManifest } from './manifest.ts';
import { maxReviewMs, reviewOf } from './reviews.ts';
import { verifyStatus } from './status.ts';

export interface Case<C extends Command = Command> extends CaseFile {
  command: C;
  /** The command's envelope, with the signatures so far. */
  envelope: string;
  manifest?: Manifest;
  /** Counts up with every change of this run: for who waits for news. */
  revision: number;
}

export interface Cases {
  /** The folder of all of them. */
  root: string;
  all(): Case[];
  /** Throws `unknown-case`. */
  get(id: string): Case;
  folder(id: string): string;
  /** `about`: the request's number, or the text of who attends, where the command needs one. */
  prepare(
    envelope: string,
    about: { request?: string | undefined; attending?: string | undefined },
    by: string,
    review?: number,
  ): Promise<Case>;
  /** The text that a snapshot was prepared with. Throws `not-a-picture`. */
  attending(id: string): string;
  /** Throws `review`: not in the future, or beyond a year. */
  review(id: string, review: number): Promise<void>;
  /** Another signature; authorised once no more are needed. */
  authorise(id: string, envelope: string, by: string): Promise<Case>;
  /** A node's status, signed by it: its case. One for no case of ours, or an older one, changes nothing. */
  status(node: string, id: string, payload: Uint8Array): Promise<Case | undefined>;
  /** Keeps a delivery's manifest. Throws `other-manifest` and what its verification throws. */
  manifest(id: string, envelope: Buffer): Promise<Case>;
  /** Everything the manifest lists is here. */
  complete(id: string): Promise<void>;
  /** More of it has arrived: wakes who follows. */
  progressed(id: string): void;
  /** Ends the cases that nobody can answer any more. */
  lapse(): Promise<void>;
  /** First step of closing: the register says so, and nothing more is taken in. */
  beginClosing(id: string, by: string, deleted: unknown, why?: 'unopened'): Promise<void>;
  closed(id: string): Promise<void>;
  cleared(id: string): Promise<void>;
  /** Resolves when the case is newer than `revision`, or after `limitMs`. */
  news(id: string, revision: number, limitMs: number): Promise<Case>;
}

/**
 * A case is one command and what came of it: `data/cases/<id>/`. Steps on one case come one after the other. What the
 * register says of it is so: a case whose own file a crash kept from it opens as it was noted.
 */
export async function openCases(options: {
  files: Files;
  dir: string;
  register: Register;
  policy(): Policy;
  /** The policies from a version on. */
  policiesSince(version: number): readonly Policy[];
  utc(): number;
  after(ms: number, then: () => void): { cancel(): void };
}): Promise<Cases> {
  const { files, dir, register } = options;
  const cases = new Map<string, Case>();
  const waiting = new Map<string, Set<() => void>>();
  const steps = serial();

  const nodeKey = (node: string) => options.policy().nodes.find(({ id }) => id === node)?.key;
  /** It signed with a key that it has, or had since the command was given. */
  const nodeKeys = ({ node, policyVersion }: Command): PublicKey[] =>
    [options.policy(), ...options.policiesSince(policyVersion)].flatMap(
      (policy) => policy.nodes.find(({ id }) => id === node)?.key ?? [],
    );
  const get = (id: string): Case => {
    const found = cases.get(id);
    if (found === undefined)
      throw new Failure('denied', 'unknown-case', `there is no case ${id.slice(0, 64)}`);
    return found;
  };
  const wake = (one: Case): void => {
    one.revision += 1;
    for (const listener of waiting.get(one.id) ?? []) listener();
  };
  /** What was noted counts at once: nobody opens, while the disk still works, what the register calls closed. */
  async function keep(one: Case, change: Partial<CaseFile>): Promise<void> {
    Object.assign(one, change);
    const { command: _c, envelope: _e, manifest: _m, revision: _r, ...kept } = one;
    await writeDurably(files, join(dir, one.id, 'case.json'), JSON.stringify(kept));
    wake(one);
  }
  /** Asking a node for its health touches no picture: the node's log is where that stands. */
  const note = ({ id, request, command }: Case, { kind, by, ...facts }: RegisterEntry): void => {
    if (command.type !== 'probe') register.append({ kind, request, case: id, by, ...facts });
  };
  /** What a crash made happen twice is noted once: of a node's answers each by its line of the log. */
  const noteOnce = (one: Case, entry: RegisterEntry): void => {
    const same = (line: RegisterLine): boolean =>
      line.kind === entry.kind && line.case === one.id && line['auditSeq'] === entry['auditSeq'];
    if (!register.lines().some(same)) note(one, entry);
  };
  const step = <T>(id: string, work: (one: Case) => Promise<T>): Promise<T> =>
    steps.run(id, () => work(get(id)));

  const requireNotRejected = ({ request }: Case): void => {
    if (request !== undefined && findRequest(register.lines(), request)?.rejected)
      throw new Failure('denied', 'request-rejected', `request ${request} was rejected`);
  };

  await files.makeFolder(dir);
  const noted = register.lines();
  for (const { name, directory } of await files.list(dir))
    if (directory) {
      const found = await readCase(files, join(dir, name), noted, nodeKeys);
      if (found) cases.set(found.id, found);
    }

  return {
    root: dir,
    all: () => [...cases.values()].sort((a, b) => a.createdAt - b.createdAt),
    get,
    folder: (id) => join(dir, get(id).id),
    async prepare(envelope, { request, attending }, by, review) {
      if (review !== undefined) requireReview(review, options.utc());
      const asked: Asked = {
        request: request === undefined ? undefined : findRequest(register.lines(), request),
        attending,
        holdAt: (id) => heldAt(cases.get(id)),
      };
      const { command, complete } = admitPrepared(
        Buffer.from(envelope),
        options.policy(),
        asked,
        options.utc(),
      );
      const { id } = command;
      const forRequest = command.type === 'release' ? cases.get(command.hold)?.request : asked.request?.id;
      return steps.run(id, async () => {
        if (cases.has(id)) throw new Failure('denied', 'replayed', `case ${id} exists already`);
        const folder = join(dir, id);
        await files.makeFolder(folder);
        await files.syncFolder(dir);
        await writeDurably(files, join(folder, 'command.dsse.json'), envelope);
        const fresh: Case = {
          id,
          ...(forRequest === undefined ? {} : { request: forRequest }),
          state: complete ? 'authorised' : 'prepared',
          createdAt: options.utc(),
          ...(complete ? { authorisedAt: options.utc() } : {}),
          ...(review === undefined ? {} : { review }),
          command,
          envelope,
          revision: 0,
        };
        note(fresh, { kind: 'prepared', by, ...preparedFacts(command, attending, reviewOf(fresh)) });
        cases.set(id, fresh);
        await keep(fresh, {});
        return fresh;
      });
    },
    attending(id) {
      const line = register.lines().find(({ kind, case: of }) => kind === 'prepared' && of === id);
      const full = line?.['attending'];
      if (typeof full === 'string') return full;
      throw new Failure('denied', 'not-a-picture', `case ${id} is no picture for maintenance`);
    },
    async review(id, review) {
      requireReview(review, options.utc());
      await step(id, (one) => keep(one, { review }));
    },
    authorise: (id, envelope, by) =>
      step(id, async (one) => {
        if (one.state !== 'prepared')
          throw new Failure(
            'denied',
            'not-prepared',
            `case ${id} is ${one.state}: there is nothing to authorise`,
          );
        requireNotRejected(one);
        const complete = admitSigned(Buffer.from(envelope), options.policy(), one, options.utc());
        await writeDurably(files, join(dir, id, 'command.dsse.json'), envelope);
        one.envelope = envelope;
        // Somebody may have rejected it while the disk worked; from here to the line nobody can.
        requireNotRejected(one);
        if (!complete) {
          note(one, { kind: 'signed', by });
          await keep(one, {});
          return one;
        }
        const officer = 'officer' in one.command ? { officer: one.command.officer } : {};
        noteOnce(one, { kind: 'authorised', by, ...officer });
        await keep(one, { state: 'authorised', authorisedAt: options.utc() });
        return one;
      }),
    async status(node, id, payload) {
      const known = cases.get(id);
      const key = nodeKey(node);
      if (known?.command.node !== node || key === undefined) return undefined;
      const status = verifyStatus(payload, key);
      if (status.id !== id)
        throw new Failure('invalid', 'malformed', `a status of ${status.id} on the topic of ${id}`);
      await step(id, async (one) => {
        if (one.state === 'prepared' || (one.status && status.version <= one.status.version)) return;
        // It took it in time and was not heard, or a stick brings its word: that counts, and not what was supposed here.
        const late = one.state === 'failed' && one.reason === 'expired' && one.authorisedAt !== undefined;
        const ended = late || one.state === 'authorised' ? endOf(one.command, status) : undefined;
        if (late || ended)
          noteOnce(one, {
            kind: 'answered',
            by: node,
            state: status.state,
            reason: status.reason ?? '',
            auditSeq: status.auditSeq,
          });
        await keep(one, {
          status,
          ...(late ? { state: 'authorised', reason: undefined } : {}),
          ...(ended ? { state: ended } : {}),
          ...(ended === 'executed' ? { executedAt: options.utc() } : {}),
        });
      });
      return known;
    },
    manifest: (id, envelope) =>
      step(id, async (one) => {
        const { command } = one;
        const key = nodeKey(command.node);
        if (key === undefined || one.state !== 'authorised' || !isDelivered(command))
          throw new Failure('denied', 'not-expected', `nothing is expected for case ${id}`);
        const manifest = verifyManifest(envelope, key);
        requireManifestOf(command, manifest);
        if (new Set(manifest.files.map(({ name }) => name)).size !== manifest.files.length)
          throw new Failure('invalid', 'malformed', 'the manifest lists a file twice');
        await writeDurably(files, join(dir, id, 'manifest.dsse.json'), envelope);
        one.manifest = manifest;
        wake(one);
        return one;
      }),
    complete: (id) =>
      step(id, async (one) => {
        if (one.state !== 'authorised' || one.manifest === undefined) return;
        const bytes = one.manifest.files.reduce((sum, file) => sum + file.bytes, 0);
        noteOnce(one, {
          kind: 'delivered',
          by: one.command.node,
          files: one.manifest.files.length,
          bytes,
          gaps: one.manifest.gaps.length,
          auditSeq: one.manifest.auditSeq,
        });
        await keep(one, { state: 'complete', completeAt: options.utc() });
      }),
    progressed: (id) => wake(get(id)),
    async lapse() {
      for (const { id } of [...cases.values()])
        await step(id, async (one) => {
          const open = one.state === 'prepared' || (one.state === 'authorised' && one.status === undefined);
          if (!open || !hasLapsed(one.command, options.utc())) return;
          noteOnce(one, { kind: 'answered', by: 'hub', state: 'failed', reason: 'expired' });
          await keep(one, { state: 'failed', reason: 'expired' });
        });
    },
    beginClosing: (id, by, deleted, why) =>
      step(id, async (one) => {
        if (one.state === 'closing' || one.state === 'closed') return;
        if (!isDelivered(one.command) && isOver(one.state))
          throw new Failure(
            'denied',
            'nothing-to-close',
            `case ${id} is a ${one.command.type}: nothing of it lies here`,
          );
        const underWay = one.state === 'authorised' && one.status?.state !== 'done';
        // A node that died with a delivery half sent must not keep a case open for ever.
        if (underWay && !hasLapsed(one.command, options.utc()))
          throw new Failure(
            'denied',
            'under-way',
            `case ${id} is under way: follow it with "hub follow ${id}"`,
          );
        const reason = why === undefined ? {} : { reason: why };
        noteOnce(one, { kind: 'closed', by, was: one.state, ...reason, deleted });
        await keep(one, { state: 'closing' });
      }),
    closed: (id) => step(id, (one) => keep(one, { state: 'closed', closedAt: options.utc() })),
    cleared: (id) => step(id, (one) => keep(one, { cleared: true })),
    news(id, revision, limitMs) {
      const one = get(id);
      if (one.revision > revision || isOver(one.state)) return Promise.resolve(one);
      return new Promise((resolve) => {
        const listeners = waiting.get(id) ?? new Set();
        waiting.set(id, listeners);
        const finish = (): void => {
          timer.cancel();
          listeners.delete(finish);
          resolve(one);
        };
        const timer = options.after(limitMs, finish);
        listeners.add(finish);
      });
    },
  };
}

function requireReview(review: number, utcMs: number): void {
  if (review <= utcMs || review > utcMs + maxReviewMs)
    throw new Failure('denied', 'review', 'the day of review lies in the future, within a year');
}

/** The node that keeps what a hold of this hub asked for. */
function heldAt(one: Case | undefined): string | undefined {
  return one?.command.type === 'hold' && one.state === 'executed' ? one.command.node : undefined;
}

/** What a node's word makes of a case; undefined while there is more to come. */
function endOf(command: Command, { state }: CommandStatus): CaseFile['state'] | undefined {
  if (state === 'refused' || state === 'failed') return state;
  return state === 'done' && !isDelivered(command) ? 'executed' : undefined;
}
