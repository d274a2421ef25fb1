import { Failure } from '#protocol/failure.ts';
import type { Bounds, Finished } from '../platform/process.ts';
import { type Asker, answerLimitMs, type Sample } from './sample.ts';

/** How a program is run: `run` of platform/process.ts. */
export type Run = (command: string, args: readonly string[], bounds: Bounds) => Promise<Finished>;

/** One ICMP echo by the system's ping, which has the privilege we lack: 84 octets of IP each way, one short process. */
export function openPing(parts: { run: Run; host: string }): Asker {
  return {
    async ask(signal) {
      // -n: no names are looked up; -W: seconds to wait; --: a target is never an option.
      const args = ['-n', '-q', '-c', '1', '-W', String(answerLimitMs / 1000), '--', parts.host];
      try {
        return parsePing(
          await parts.run('ping', args, {
            timeoutMs: answerLimitMs + 2000,
            maxBytes: 4096,
            env: { PATH: '/usr/bin:/bin:/usr/sbin:/sbin', LC_ALL: 'C' },
            signal,
          }),
        );
      } catch (error) {
        if (!(error instanceof Failure)) throw error;
        return error.code === 'process-missing'
          ? { kind: 'unmeasured', reason: 'no-program' }
          : { kind: 'lost', reason: 'no-answer' };
      }
    },
    close() {},
  };
}

/** What iputils and busybox print: `rtt min/avg/max/mdev = 0.043/0.043/0.043/0.000 ms`. */
export function parsePing({ code, stdout, stderr }: Pick<Finished, 'code' | 'stdout' | 'stderr'>): Sample {
  const times = /^(?:rtt|round-trip) min\/avg\/max(?:\/mdev)? = ([\d.]{1,12})\//m.exec(
    stdout.toString('latin1'),
  );
  if (code === 0 && times) return { kind: 'answer', roundTripMs: Number(times[1]) };
  if (/not known|bad address|failure in name resolution|No address/i.test(stderr))
    return { kind: 'lost', reason: 'unresolved' };
  if (/permi/i.test(stderr)) return { kind: 'unmeasured', reason: 'no-program' };
  return { kind: 'lost', reason: 'no-answer' };
}
