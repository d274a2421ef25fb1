import { type ScheduledTask, schedule } from 'node-cron';
import { Failure } from '#protocol/failure.ts';
import { untilAborted } from './clock.ts';

/** Something done once a night, at a time of day. */
export interface NightlyJob {
  name: string;
  /** As `03:15`; UTC where no IANA zone is given. */
  at: string;
  zone?: string;
  /** A run past this is told to stop and not waited for any longer; the next night tries again. */
  limitMs: number;
  run(signal: AbortSignal): Promise<void>;
}

export interface Nightly {
  /** After a step of the UTC clock: a schedule made before it would wait for the old time, or run through the gap. */
  clockStepped(): void;
  /** Runs a job now, in turn: what a night without power left undone. */
  now(name: string): void;
  /** Stops the schedule and waits for what runs. */
  close(): Promise<void>;
}

/** Runs jobs by node-cron, one at a time. `failed` is told of what they throw, and of `job-late`; the next night tries again. */
export function openNightly(
  jobs: readonly NightlyJob[],
  failed: (name: string, error: unknown) => void,
): Nightly {
  let tasks: ScheduledTask[] = [];
  let working = Promise.resolve();
  const closing = new AbortController();
  /** Ends at the limit also where the job does not look at its signal, so that it holds up no other. */
  const once = async (job: NightlyJob): Promise<void> => {
    const late = new AbortController();
    const limit = setTimeout(() => late.abort(), job.limitMs);
    const givenUp = untilAborted(late.signal).then(() => {
      throw new Failure('transient', 'job-late', `${job.name} took longer than ${job.limitMs} ms`);
    });
    try {
      await Promise.race([job.run(AbortSignal.any([closing.signal, late.signal])), givenUp]);
    } finally {
      clearTimeout(limit);
    }
  };
  const run = (job: NightlyJob): void => {
    working = working.then(() => once(job)).catch((error: unknown) => failed(job.name, error));
  };
  const start = (): void => {
    tasks = jobs.map((job) => {
      const [hour, minute] = job.at.split(':');
      return schedule(`${Number(minute)} ${Number(hour)} * * *`, () => run(job), {
        timezone: job.zone ?? 'UTC',
        name: job.name,
      });
    });
  };
  const stop = (): void => {
    for (const task of tasks) task.destroy();
  };
  start();
  return {
    clockStepped() {
      stop();
      start();
    },
    now(name) {
      for (const job of jobs) if (job.name === name) run(job);
    },
    async close() {
      stop();
      closing.abort();
      await working;
    },
  };
}
