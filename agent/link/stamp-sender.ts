import { codeOf } from '#protocol/failure.ts';
import { type Clock, pause } from '../platform/clock.ts';
import type { Udp, UdpPeer } from '../platform/udp.ts';
import { type Asker, answerLimitMs, type Sample } from './sample.ts';
import type { StampClock } from './stamp-clock.ts';
import { encodeSender, parseReflected } from './stamp-packet.ts';

/** A STAMP session sender (RFC 8762 §4.2): one packet an ask, 72 octets of IP each way. */
export function openStampSender(parts: {
  clock: Clock;
  stampClock: StampClock;
  udp: Udp;
  target: { host: string; port: number };
}): Asker {
  const { clock, stampClock, udp, target } = parts;
  let peer: UdpPeer | undefined;
  /** A name is looked up once at a time: nobody can call a lookup back. */
  let connecting: Promise<void> | undefined;
  let closed = false;
  let sequence = 0;
  /** The one packet under way: asks never overlap. */
  let waiting: { sequence: number; sentAt: number; began: number; done(sample: Sample): void } | undefined;

  const take = (bytes: Buffer): void => {
    const receivedAt = stampClock.utc();
    const packet = parseReflected(bytes, receivedAt);
    // A packet that is late, doubled, or made up by somebody else is none of ours.
    if (!packet || !waiting || packet.sender.sequence !== waiting.sequence) return;
    if (Math.abs(packet.sender.sentAt - waiting.sentAt) > 0.001) return;
    // Its own share, by its own clock; a clock that steps in between makes nonsense of it.
    const elapsedMs = clock.monotonic() - waiting.began;
    const insideMs = packet.sentAt - packet.receivedAt;
    const sane = insideMs >= 0 && insideMs <= elapsedMs;
    waiting.done({
      kind: 'answer',
      roundTripMs: sane ? elapsedMs - insideMs : elapsedMs,
      forthMs: packet.receivedAt - waiting.sentAt,
      backMs: receivedAt - packet.sentAt,
      synchronised: packet.error.synchronised && packet.sender.error.synchronised,
    });
  };
  const failed = (error: unknown): void =>
    waiting?.done({ kind: 'lost', reason: codeOf(error) === 'ECONNREFUSED' ? 'refused' : 'no-answer' });

  const leave = (): void => {
    peer?.close();
    peer = undefined;
    sequence = 0;
  };

  /** For as long as an answer may take: a name server beyond a link that is down says nothing. */
  const connect = async (signal: AbortSignal): Promise<void> => {
    connecting ??= udp
      .connect(target, take, failed)
      .then((found) => {
        if (closed) found.close();
        else peer = found;
      })
      .finally(() => {
        connecting = undefined;
      });
    connecting.catch(() => {}); // Told below, while somebody waits.
    const ended = new AbortController();
    const limit = pause(clock, answerLimitMs, AbortSignal.any([signal, ended.signal]));
    await Promise.race([connecting, limit]).finally(() => ended.abort());
  };

  return {
    async ask(signal) {
      try {
        if (peer === undefined) await connect(signal);
      } catch (error) {
        return { kind: 'lost', reason: isUnresolved(error) ? 'unresolved' : 'no-answer' };
      }
      if (peer === undefined) return { kind: 'lost', reason: 'no-answer' };
      const answered = new AbortController();
      let sample: Sample = { kind: 'lost', reason: 'no-answer' };
      const sentAt = stampClock.utc();
      waiting = {
        sequence,
        sentAt,
        began: clock.monotonic(),
        done(found) {
          sample = found;
          waiting = undefined;
          answered.abort();
        },
      };
      peer.send(encodeSender({ sequence, sentAt, error: stampClock.error() }));
      sequence = (sequence + 1) >>> 0;
      await pause(clock, answerLimitMs, AbortSignal.any([signal, answered.signal]));
      waiting = undefined;
      // A new socket looks the name up again and is a new session.
      if (sample.kind === 'lost') leave();
      return sample;
    },
    close() {
      closed = true;
      leave();
    },
  };
}

/** A name that has no address, as Node says it. */
export function isUnresolved(error: unknown): boolean {
  return ['ENOTFOUND', 'EAI_AGAIN', 'EAI_NODATA', 'EAI_NONAME'].includes(codeOf(error));
}
