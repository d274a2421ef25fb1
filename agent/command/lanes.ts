import type { Command } from '#protocol/command.ts';
import { codeOf, Failure, sentenceOf } from '#protocol/failure.ts';
import type { CommandStatus } from '#protocol/status.ts';
import { type Clock, pause, type Timer } from '../platform/clock.ts';
import type { Log } from '../platform/log.ts';
import { acceptedCommand, type CommandRecord, type Journal, type UnloggedStatus } from './journal.ts';
import type { Progress, Runner, Runners } from './runner.ts';

/** Shortest time between two statuses that only differ in progress. */
const progressEveryMs = 2000;
/** Between the versions of two lives: more than one life can count in the 72 h that footage is kept for it. */
const resumeStride = 1_000_000;
/** A command that has ended so many lives is what ends them. */
const maxResumes = 50;
const retryMs = 5000;

export interface Lanes {
  /** Carries out an accepted command after those of its type that came before. */
  begin(record: CommandRecord): void;
  /** The newest status of one that is not finished. */
  status(id: string): CommandStatus | undefined;
  unfinished(): number;
  close(): Promise<void>;
}

/** Runs accepted commands, one at a time of each type, and makes their outcome durable. */
export function openLanes(options: {
  clock: Clock;
  log: Log;
  journal: Journal;
  runners: Runners;
  say(status: CommandStatus): void;
}): Lanes {
  const { clock, journal } = options;
  const stop = new AbortController();
  const lanes = new Map<Command['type'], Promise<void>>();
  const live = new Map<string, CommandStatus>();

  async function run(record: CommandRecord, runner: Runner | undefined): Promise<void> {
    if (stop.signal.aborted) return;
    const accepted = acceptedCommand(record);
    if (!accepted) throw new Error(`${record.id} was not accepted`);
    const { id } = record;
    const log = options.log.child({ command: id, type: accepted.command.type });
    const reports = paced(clock, (progress) => {
      const before = live.get(id) as CommandStatus;
      const status = { ...before, ...progress, state: 'running' as const, version: before.version + 1 };
      live.set(id, status);
      options.say(status);
    });
    reports.report({});
    let outcome: Omit<UnloggedStatus, 'id' | 'version'>;
    try {
      if (runner === undefined) throw new Failure('denied', 'not-supported', 'this node has no such part');
      if (record.resumed > maxResumes)
        throw new Failure('corrupt', 'given-up', `begun ${record.resumed} times without an end`);
      outcome = { state: 'done', ...(await runner.run(accepted, reports.report, stop.signal)) };
    } catch (error) {
      if (stop.signal.aborted) return;
      if (!(error instanceof Failure)) throw error;
      log.warn({ code: error.code, why: sentenceOf(error) }, 'command failed');
      outcome = { state: 'failed', reason: error.code };
    } finally {
      reports.close();
    }
    if (stop.signal.aborted) return;
    const version = (live.get(id)?.version ?? 0) + 1;
    const { state, ...facts } = outcome;
    const ended = await persist(record, { id, version, ...outcome }, `command-${state}`, facts);
    if (ended?.status === undefined) return;
    live.delete(id);
    options.say(ended.status);
    try {
      await runner?.forget(id);
    } catch (err) {
      if (codeOf(err) === 'unknown') throw err;
      log.error({ err }, 'the disk does not let go of what was kept for it: the next start does');
    }
    log.info({ state }, 'command ended');
  }

  /** A full disk delays an outcome; it does not lose it. */
  async function persist(
    record: CommandRecord,
    status: UnloggedStatus,
    kind: string,
    facts: Record<string, unknown>,
  ): Promise<CommandRecord | undefined> {
    while (!stop.signal.aborted) {
      try {
        const now = journal.find(record.id);
        if (now !== undefined && now !== 'unreadable' && now.pending?.kind === kind)
          return await journal.finish(now);
        return await journal.change(record, status, kind, facts);
      } catch (error) {
        if (!(error instanceof Failure)) throw error;
        options.log.error({ command: record.id, code: error.code }, 'an outcome cannot be written down');
      }
      await pause(clock, retryMs, stop.signal);
    }
    return undefined;
  }

  return {
    begin(record) {
      const accepted = acceptedCommand(record);
      if (!accepted || !record.status) throw new Error(`${record.id} was not accepted`);
      const version = record.status.version + record.resumed * resumeStride;
      live.set(record.id, { ...record.status, version });
      const { type } = accepted.command;
      const before = lanes.get(type) ?? Promise.resolve();
      lanes.set(
        type,
        before.then(() => run(record, options.runners[type] as Runner | undefined)),
      );
    },
    status: (id) => live.get(id),
    unfinished: () => live.size,
    async close() {
      stop.abort();
      await Promise.all(lanes.values());
    },
  };
}

/** Lets the first report through at once and then the newest, at most one every {@link progressEveryMs}. */
function paced(clock: Clock, then: (progress: Progress) => void) {
  let timer: Timer | undefined;
  let newest: Progress | undefined;
  const turn = (): void => {
    timer = undefined;
    if (newest === undefined) return;
    const progress = newest;
    newest = undefined;
    timer = clock.after(progressEveryMs, turn);
    then(progress);
  };
  return {
    report(progress: Progress) {
      newest = progress;
      if (timer === undefined) turn();
    },
    close: () => timer?.cancel(),
  };
}
