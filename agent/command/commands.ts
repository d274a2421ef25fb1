import type { KeyObject } from 'node:crypto';
import {
  authorise,
  type Command,
  Refusal,
  signaturesSuffice,
  Unreadable,
  unverifiedId,
  type VerifiedCommand,
  verifyCommand,
} from '#protocol/command.ts';
import { payloadTypes, sha256, signEnvelope } from '#protocol/envelope.ts';
import { Failure, sentenceOf } from '#protocol/failure.ts';
import type { Policy } from '#protocol/policy.ts';
import { type RefusalCode, refusalCodes } from '#protocol/refusal.ts';
import type { CommandStatus } from '#protocol/status.ts';
import { instantText } from '#protocol/time.ts';
import type { Clock } from '../platform/clock.ts';
import type { Files } from '../platform/files.ts';
import type { Log } from '../platform/log.ts';
import { openFlood } from './flood.ts';
import { type CommandLog, type CommandRecord, commandOf, messageOf, openJournal } from './journal.ts';
import { openLanes } from './lanes.ts';
import type { Origin, Runners } from './runner.ts';

/** Accepted and not yet finished; more than an operator waits for, few enough to keep in order. */
const maxUnfinished = 16;
/** Ids kept: every signed command of a week many times over. */
const maxIds = 10_000;
const dayMs = 86_400_000;
/** Longest life of a command and a day, whatever its dates say. */
const longestKeepMs = 8 * dayMs;

export interface Commands {
  /**
   * One message, judged, journalled and answered before it resolves; what it orders is carried out afterwards. Gives
   * the status it was answered with, or undefined when it was one of a flood and only counted, or when the disk would
   * not take the journal or the log: nothing is done unseen, and who sent it gets no answer and asks again.
   */
  receive(message: Buffer, origin: Origin): Promise<CommandStatus | undefined>;
  /**
   * The last status of a command that was taken, once nothing more will change; undefined for an id that is not known.
   * Rejects with the signal's reason.
   */
  ended(id: string, signal: AbortSignal): Promise<CommandStatus | undefined>;
  /** Asks what runs to stop and waits for it; it goes on at the next start. */
  close(): Promise<void>;
}

export interface CommandOptions {
  files: Files;
  clock: Clock;
  log: Log;
  folder: string;
  node: string;
  /** The node's own, for its answers. */
  key: KeyObject;
  policy(): Policy;
  clockTrusted(): boolean;
  audit: CommandLog;
  /** `text` is the signed status. Never blocks: who is offline says it later. */
  publishStatus(id: string, text: string, retained: boolean): void;
  runners: Runners;
}

/** Opens the way of a command: verify, authorise, journal, answer, run. Resumes what a restart interrupted. */
export async function openCommands(options: CommandOptions): Promise<Commands> {
  const { clock, audit, node, runners } = options;
  const utc = (): number => clock.utc();
  const journal = await openJournal({ ...options, utc });
  const listeners = new Set<() => void>();
  const say = (status: CommandStatus, retained: boolean): CommandStatus => {
    const text = signEnvelope(payloadTypes.status, Buffer.from(JSON.stringify(status)), [options.key]);
    options.publishStatus(status.id, text, retained);
    for (const look of listeners) look();
    return status;
  };
  const lanes = openLanes({ ...options, journal, say: (status) => say(status, true) });
  async function unlessDisk<T>(what: string, work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof Failure) || (error.kind !== 'exhausted' && error.kind !== 'transient'))
        throw error;
      options.log.error({ code: error.code, why: sentenceOf(error) }, what);
      return undefined;
    }
  }
  const flood = openFlood(clock, ({ count, codes, lastId, lastCode }) =>
    unlessDisk('refusals could not be logged', async () => {
      const { seq } = await audit.append('commands-refused', { count, codes, last: lastId });
      say(refusedStatus(lastId, lastCode, seq), false);
    }),
  );

  /** Refuses under the message's own hash: its id is not believed, or belongs to another message. */
  async function refuseMessage(
    message: Buffer,
    code: RefusalCode,
    why: string,
    origin: Origin,
    own?: string,
  ): Promise<CommandStatus | undefined> {
    const id = unverifiedId(message);
    options.log.warn({ command: id, code, why, origin }, 'command refused');
    // Who stands before the box with a stick is answered every time.
    if (origin === 'mqtt' && !flood.admit(code, id)) return undefined;
    const hash = sha256(message);
    const { seq } = await audit.append('command-refused', { id, hash, code, bytes: message.length, origin });
    // Whoever signed rightly what this node cannot read waits under the id it gave, which stays free.
    if (own !== undefined && journal.find(own) === undefined) say(refusedStatus(own, code, seq), false);
    return say(refusedStatus(id, code, seq), false);
  }

  async function judge(message: Buffer, origin: Origin): Promise<CommandStatus | undefined> {
    const policy = options.policy();
    let verified: VerifiedCommand;
    try {
      verified = verifyCommand(message, policy);
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      const own = error instanceof Unreadable ? error.id : undefined;
      return refuseMessage(message, refusalCode(error), error.message, origin, own);
    }
    const { command, messageHash } = verified;
    const known = journal.find(command.id);
    if (known === 'unreadable')
      return refuseMessage(message, 'replayed', 'the record of this id is lost', origin);
    if (known && sha256(messageOf(known)) === messageHash) return repeat(known);
    if (known?.claimed) return refuseMessage(message, 'replayed', 'another message has this id', origin);

    const here = { node, policy, nowUtc: clock.utc(), clockTrusted: options.clockTrusted() };
    const record = recordOf(message, command, origin, known);
    try {
      authorise(verified, here);
      if (here.clockTrusted) await journal.prune(here.nowUtc);
      if (lanes.unfinished() >= maxUnfinished || journal.count() >= maxIds)
        throw new Refusal('busy', `${lanes.unfinished()} commands wait here`);
      await admit(command);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      return refuse({ ...record, claimed: signaturesSuffice(verified, here) }, error);
    }
    const accepted = await journal.change(
      { ...record, claimed: true },
      { id: command.id, version: versionAfter(known), state: 'accepted' },
      'command-accepted',
      { ...factsOf(command), origin },
    );
    options.log.info({ command: command.id, type: command.type, origin }, 'command accepted');
    return begin(accepted);
  }

  async function refuse(
    record: CommandRecord,
    { code, message }: Refusal,
  ): Promise<CommandStatus | undefined> {
    const { id, origin } = record;
    // A single signer could otherwise fill the log with variations of one command.
    if (!record.claimed && origin === 'mqtt' && !flood.admit(code, id)) return undefined;
    options.log.warn({ command: id, code, why: message, origin }, 'command refused');
    const refused = await journal.change(
      record,
      { id, version: versionAfter(record), state: 'refused', reason: code },
      'command-refused',
      { code, ...factsOf(commandOf(record)), origin },
    );
    return refused.status && say(refused.status, true);
  }

  async function repeat(known: CommandRecord): Promise<CommandStatus | undefined> {
    const { status, accepted } = known;
    const finished = await journal.finish(known);
    if (finished.status === undefined) return undefined;
    // Its line could not be written the first time.
    if (finished.accepted && !accepted) return begin(finished);
    options.log.debug({ command: known.id }, 'command repeated: nothing runs');
    return say(lanes.status(known.id) ?? status ?? finished.status, true);
  }

  function begin(record: CommandRecord): CommandStatus | undefined {
    lanes.begin(record);
    return record.status && say(record.status, true);
  }

  async function admit(command: Command): Promise<void> {
    try {
      await (runners[command.type] as { admit(command: Command): Promise<void> } | undefined)?.admit(command);
    } catch (error) {
      if (error instanceof Failure && (error.kind === 'transient' || error.kind === 'exhausted'))
        throw new Refusal('busy', sentenceOf(error));
      throw error;
    }
  }

  const recordOf = (
    message: Buffer,
    command: Command,
    origin: Origin,
    known: CommandRecord | undefined,
  ): CommandRecord => ({
    id: command.id,
    message: message.toString('base64'),
    origin,
    keepUntil: Math.min(Math.max(command.expiresAt, utc()) + dayMs, utc() + longestKeepMs),
    claimed: false,
    resumed: 0,
    ...(known?.status ? { status: known.status } : {}),
  });

  const open = journal.all().filter(({ accepted, status }) => accepted && !isOver(status));
  for (const [type, runner] of Object.entries(runners)) {
    const mine = open.filter((record) => commandOf(record).type === type);
    await runner.keepOnly(new Set(mine.map(({ id }) => id)));
  }
  for (const record of open.sort((a, b) => a.accepted!.seq - b.accepted!.seq))
    lanes.begin(await journal.resume(record));
  // What was said just before the last stop may not have been heard.
  for (const { status } of journal.all()) if (status) say(status, true);

  let turn: Promise<unknown> = Promise.resolve();
  let closing = false;
  return {
    receive(message, origin) {
      // Not judged and never acknowledged: the broker brings it to the next life.
      if (closing) return new Promise(() => {});
      const mine = turn.then(() => unlessDisk('a command could not be taken', () => judge(message, origin)));
      turn = mine.catch(() => {});
      return mine;
    },
    ended: (id, signal) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          const record = journal.find(id);
          const status = record === 'unreadable' ? undefined : record?.status;
          if (record !== undefined && record !== 'unreadable' && !isOver(status)) return;
          listeners.delete(look);
          signal.removeEventListener('abort', abort);
          resolve(status);
        };
        const abort = (): void => {
          listeners.delete(look);
          reject(signal.reason);
        };
        if (signal.aborted) return abort();
        signal.addEventListener('abort', abort, { once: true });
        listeners.add(look);
        look();
      }),
    async close() {
      closing = true;
      await turn;
      await lanes.close();
      await flood.close();
    },
  };
}

function isOver(status: CommandStatus | undefined): boolean {
  return status !== undefined && status.state !== 'accepted' && status.state !== 'running';
}

function versionAfter(known: CommandRecord | undefined): number {
  return known?.status === undefined ? 0 : known.status.version + 1;
}

function refusedStatus(id: string, code: string, auditSeq: number): CommandStatus {
  return { id, version: 0, state: 'refused', reason: code, auditSeq };
}

/** What `verifyCommand` throws has a refusal's code. */
function refusalCode({ code }: Failure): RefusalCode {
  const known = refusalCodes.find((one) => one === code);
  if (known === undefined) throw new Error(`${code} is no refusal`);
  return known;
}

/** What the log says of a command: ids, hashes and times, never a name. */
function factsOf(command: Command): Record<string, unknown> {
  const { type, policyVersion, operator } = command;
  const facts: Record<string, unknown> = { type, policyVersion, operator };
  for (const [name, value] of Object.entries(command))
    if (!['id', 'node', 'issuedAt', 'expiresAt'].includes(name))
      facts[name] = ['from', 'to', 'until'].includes(name) ? instantText(value as number) : value;
  return facts;
}
