import { Failure } from '#protocol/failure.ts';
import { run } from './process.ts';

/** What the machine's time service says of its clock; `unknown` when there is none to ask. */
export type TimeService = 'synced' | 'unsynchronised' | 'unknown';

/** A call over D-Bus that takes some 20 ms; ten times that is a hung bus. */
const askTimeoutMs = 2000;

/**
 * Asks timedatectl(1), which knows systemd-timesyncd and every service that announces itself to it (chrony, ntpd), and
 * reads the kernel's own flag of adjtimex(2).
 */
export async function readTimeService(signal: AbortSignal): Promise<TimeService> {
  try {
    const asked = ['show', '--property=NTP', '--property=NTPSynchronized'];
    const { code, stdout } = await run('timedatectl', asked, {
      timeoutMs: askTimeoutMs,
      maxBytes: 4096,
      signal,
    });
    const text = stdout.toString();
    if (code !== 0) return 'unknown';
    if (/^NTPSynchronized=yes$/m.test(text)) return 'synced';
    return /^NTP=yes$/m.test(text) ? 'unsynchronised' : 'unknown';
  } catch (error) {
    if (error instanceof Failure) return 'unknown';
    throw error;
  }
}
