import type { Log } from './log.ts';

/** Longest orderly stop: systemd's default patience is 90 s, an upgrade should cost seconds. */
const stopDeadlineMs = 10_000;
/** One Ctrl-C comes twice: from the terminal, and from npm or the bootstrap, which hand it on. */
const sameSignalMs = 500;

/**
 * Runs `main` until it ends or SIGTERM or SIGINT asks it to; `main` closes in reverse order what it opened when its
 * signal aborts. Past the deadline, or at a second signal, the process exits as it stands: the store is made for it.
 */
export async function untilSignal(log: Log, main: (signal: AbortSignal) => Promise<void>): Promise<void> {
  const stop = new AbortController();
  let askedAt: number | undefined;
  const onSignal = (name: NodeJS.Signals): void => {
    if (askedAt !== undefined) {
      if (performance.now() - askedAt < sameSignalMs) return;
      log.warn({ signal: name }, 'second signal: exiting at once');
      process.exit(1);
    }
    askedAt = performance.now();
    log.info({ signal: name }, 'stopping');
    setTimeout(() => {
      log.error({ stopDeadlineMs }, 'orderly stop took too long: exiting');
      process.exit(1);
    }, stopDeadlineMs).unref();
    stop.abort();
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
  try {
    await main(stop.signal);
  } finally {
    process.off('SIGTERM', onSignal);
    process.off('SIGINT', onSignal);
  }
}
