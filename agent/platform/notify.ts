import { Failure } from '#protocol/failure.ts';
import type { Log } from './log.ts';
import { run } from './process.ts';

/** What the service manager is told, and how often it wants to hear. Without one nothing is sent. */
export interface Notifier {
  /** Not heard of for this long, the process is killed and started again. Undefined: nobody watches. */
  readonly watchdogMs: number | undefined;
  /** Everything is open: units that wait for this one may start. `status` is shown by `systemctl status`. */
  ready(status: string): Promise<void>;
  alive(status: string): Promise<void>;
  stopping(): Promise<void>;
}

/** Some milliseconds of D-Bus-free datagram and its barrier; far beyond, the service manager itself hangs. */
const notifyTimeoutMs = 5000;

/**
 * Speaks sd_notify(3) through systemd-notify(1), since Node has no Unix datagram socket: the unit needs
 * `NotifyAccess=all`. A message that cannot be sent is logged, never thrown: recording does not depend on it.
 */
export function openNotifier(env: Readonly<Record<string, string | undefined>>, log: Log): Notifier {
  const listens = env['NOTIFY_SOCKET'] !== undefined;
  const watchdogUs = Number(env['WATCHDOG_USEC']);
  const forUs = env['WATCHDOG_PID'] === undefined || Number(env['WATCHDOG_PID']) === process.pid;
  const say = async (...assignments: string[]): Promise<void> => {
    if (!listens) return;
    try {
      const bounds = { timeoutMs: notifyTimeoutMs, maxBytes: 4096 };
      const { code, stderr } = await run('systemd-notify', assignments, bounds);
      if (code !== 0) log.warn({ exit: code, why: stderr.trim() }, 'the service manager did not hear');
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      log.warn({ code: error.code, why: error.message }, 'the service manager did not hear');
    }
  };
  return {
    watchdogMs: listens && forUs && watchdogUs > 0 ? watchdogUs / 1000 : undefined,
    ready: (status) => say('READY=1', `STATUS=${oneLine(status)}`),
    alive: (status) => say('WATCHDOG=1', `STATUS=${oneLine(status)}`),
    stopping: () => say('STOPPING=1', 'STATUS=stopping'),
  };
}

/** A newline would begin another assignment. */
function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, ' ').slice(0, 200);
}
