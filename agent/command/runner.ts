import type { Command } from '#protocol/command.ts';

export type Origin = 'mqtt' | 'usb';

/** A command that this node has accepted, by its own durable journal: only the journal makes one. */
export interface AcceptedCommand<C extends Command = Command> {
  readonly command: C;
  /** Line of the log that says so. */
  readonly auditSeq: number;
  /** UTC milliseconds, of that line. */
  readonly acceptedAt: number;
  /** By which way it came. */
  readonly origin: Origin;
  readonly accepted: unique symbol;
}

export interface Progress {
  /** 0 to 1. */
  progress?: number;
  segments?: number;
  bytes?: number;
}

/** Carries out the commands of one type. One at a time, in the order of their acceptance. */
export interface Runner<C extends Command = Command> {
  /**
   * Checks that what is asked for is here, and durably keeps it until {@link forget}. Throws a `Refusal`.
   * A crash may follow at any moment: what is kept for a command that the journal does not know is let go at start.
   */
  admit(command: C): Promise<void>;
  /**
   * Carries it out; after a restart again from the beginning, so every step must bear repetition. A `Failure` it
   * throws is the command's outcome, its code the reason. Once `signal` aborted, how it ends is ignored: it runs again.
   */
  run(
    accepted: AcceptedCommand<C>,
    report: (progress: Progress) => void,
    signal: AbortSignal,
  ): Promise<Progress>;
  /** The command has its outcome: what was kept for it may go. What the disk refuses here, {@link keepOnly} does. */
  forget(id: string): Promise<void>;
  /** At start: forgets what is kept for any command but these. */
  keepOnly(ids: ReadonlySet<string>): Promise<void>;
}

export type Runners = { [T in Command['type']]?: Runner<Extract<Command, { type: T }>> };
