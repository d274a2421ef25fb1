/** Every failure the project names, once. `code` is for machines and stable; `kind` says what to do about it. */

export type FailureKind =
  /** The operator of the program must mend a file: exit 78. */
  | 'config'
  /** What came in is not believed: refuse and log. */
  | 'invalid'
  /** Rightly formed, not allowed: refuse and log. */
  | 'denied'
  /** May pass by itself: back off and try again. */
  | 'transient'
  /** A bound is reached: shed and report. */
  | 'exhausted'
  /** Bytes on disk are not what was written: quarantine and go on. */
  | 'corrupt'
  /** Something needed is away: exit 69. */
  | 'unavailable'
  /** Wrong use of a command: exit 64. */
  | 'usage';

/**
 * A failure with a name. Anything thrown that is not a `Failure` is a bug: it ends the process, which restarts.
 * Cancelling is not a failure: ask the abort signal.
 */
export class Failure extends Error {
  readonly kind: FailureKind;
  readonly code: string;
  constructor(kind: FailureKind, code: string, sentence: string, options?: { cause?: unknown }) {
    super(sentence, options);
    this.name = 'Failure';
    this.kind = kind;
    this.code = code;
  }
}

/** The `code` of a failure or of a system error, else `unknown`. */
export function codeOf(error: unknown): string {
  if (error instanceof Failure) return error.code;
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' ? code : 'unknown';
}

/** What a person reads of anything thrown, one line. */
export function sentenceOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).replaceAll(/\s*\n\s*/g, ' ');
}

/** Exit codes of both command lines (sysexits.h where it has one). */
export const exitCodes = {
  done: 0,
  checkFailed: 1,
  refused: 2,
  usage: 64,
  unavailable: 69,
  bug: 70,
  config: 78,
} as const;

export function exitCodeOf(error: unknown): number {
  if (!(error instanceof Failure)) return exitCodes.bug;
  switch (error.kind) {
    case 'config':
      return exitCodes.config;
    case 'usage':
      return exitCodes.usage;
    case 'invalid':
    case 'denied':
      return exitCodes.refused;
    case 'corrupt':
      return exitCodes.checkFailed;
    case 'transient':
    case 'exhausted':
    case 'unavailable':
      return exitCodes.unavailable;
  }
}
