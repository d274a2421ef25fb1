import { codeOf } from '#protocol/failure.ts';
import type { Clock } from '../platform/clock.ts';
import type { Net } from '../platform/net.ts';
import { type Asker, answerLimitMs } from './sample.ts';
import { isUnresolved } from './stamp-sender.ts';

/** Opens a TCP connection and closes it again: some 380 octets of IP. Measures the handshake. */
export function openTcp(parts: { clock: Clock; net: Net; target: { host: string; port: number } }): Asker {
  const { clock, net, target } = parts;
  return {
    async ask(signal) {
      const limit = new AbortController();
      const timer = clock.after(answerLimitMs, () => limit.abort());
      const began = clock.monotonic();
      try {
        const receiver = { data() {}, ended() {} };
        const connection = await net.connect(target, receiver, AbortSignal.any([signal, limit.signal]));
        const roundTripMs = clock.monotonic() - began;
        connection.close();
        return { kind: 'answer', roundTripMs };
      } catch (error) {
        if (isUnresolved(error)) return { kind: 'lost', reason: 'unresolved' };
        return { kind: 'lost', reason: codeOf(error) === 'ECONNREFUSED' ? 'refused' : 'no-answer' };
      } finally {
        timer.cancel();
      }
    },
    close() {},
  };
}
