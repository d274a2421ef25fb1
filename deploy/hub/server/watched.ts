import { feedWatchdog, openPulse } from '#agent/lifecycle/watchdog.ts';
import { type Clock, pause } from '#agent/platform/clock.ts';
import type { Log } from '#agent/platform/log.ts';
import type { Notifier } from '#agent/platform/notify.ts';
import { Failure } from '#protocol/failure.ts';

const askEveryMs = 10_000;
/** Four questions without an answer: people's commands are not answered either. */
const silentMs = 40_000;

/**
 * Tells the service manager that the hub serves, and then, for as long as it answers a question over its own socket,
 * that it still does; until `signal` aborts. `ask` is the question, bounded.
 */
export async function keepWatched(
  parts: { clock: Clock; log: Log; notifier: Notifier; ask(): Promise<unknown> },
  signal: AbortSignal,
): Promise<void> {
  const { clock, log, notifier } = parts;
  const status = (): string => 'serving';
  await notifier.ready(status());
  if (notifier.watchdogMs === undefined) return;
  const answers = openPulse(clock);
  const asking = async (): Promise<void> => {
    while (!signal.aborted) {
      try {
        await parts.ask();
        answers.beat();
      } catch (error) {
        if (!(error instanceof Failure)) throw error;
        log.warn({ code: error.code, why: error.message }, 'the hub does not answer itself');
      }
      await pause(clock, askEveryMs, signal);
    }
  };
  const signs = () => [{ name: 'the socket', idleMs: answers.idleMs(), limitMs: silentMs }];
  await Promise.all([asking(), feedWatchdog({ clock, log, notifier, signs, status }, signal)]);
}
