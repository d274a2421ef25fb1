import { Failure } from '#protocol/failure.ts';

/**
 * What a file operation threw, by name: `disk-full` (exhausted) or `disk-error` (transient). Anything that is no system
 * error is a bug and comes back as it is.
 */
export function diskFailure(cause: unknown, what: string): unknown {
  const code = (cause as { code?: unknown } | null)?.code;
  if (cause instanceof Failure || typeof code !== 'string' || !/^E[A-Z0-9]+$/.test(code)) return cause;
  return code === 'ENOSPC' || code === 'EDQUOT'
    ? new Failure('exhausted', 'disk-full', `no room for ${what}`, { cause })
    : new Failure('transient', 'disk-error', `the disk refuses ${what}: ${code}`, { cause });
}
