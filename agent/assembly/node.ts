import { Failure } from '#protocol/failure.ts';
import type { Config } from '../config/config.ts';
import type { Clock } from '../platform/clock.ts';
import type { Files } from '../platform/files.ts';
import type { Log } from '../platform/log.ts';
import type { Random } from '../platform/random.ts';

/** What the agent needs of the world. */
export interface Surroundings {
  files: Files;
  clock: Clock;
  random: Random;
  log: Log;
  /** Told once everything is open. */
  ready?(): void;
}

/** One run of the agent, as every stage of its assembly sees it. */
export interface Life extends Omit<Surroundings, 'ready'> {
  config: Config;
  /** Closed in reverse order at the end. */
  scope: AsyncDisposableStack;
  /** Aborts when the stage that started a work closes: recording and all that goes on beside it ends. */
  ending: AbortController;
  bootId: string;
  sessionId: string;
  /** UTC milliseconds. */
  startedAt: number;
  /** A failure nobody named: ends the process. */
  bug(error: unknown): void;
}

/** Hands what a background work throws to {@link Life.bug}; the work is still awaited where it is closed. */
export function guarded<T>(life: Life, work: Promise<T>): Promise<T> {
  work.catch(life.bug);
  return work;
}

/** Runs `work` where a named failure is told and survived, and any other is a bug. */
export function tolerated(life: Life, what: string, work: Promise<unknown>): void {
  work.catch((error: unknown) => {
    if (!(error instanceof Failure)) return life.bug(error);
    life.log.error({ code: error.code, why: error.message }, what);
  });
}
