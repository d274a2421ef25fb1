import type { Clock, MonotonicMs } from '../platform/clock.ts';
import type { Udp } from '../platform/udp.ts';
import type { StampClock } from './stamp-clock.ts';
import { encodeReflected, parseSender } from './stamp-packet.ts';

export interface Reflector {
  readonly port: number;
  /** Packets answered and packets dropped since the start. */
  counts(): { reflected: number; dropped: number };
  close(): Promise<void>;
}

/** A sender of ours sends one packet in ten seconds, five in a row when it doubts. */
const perSource = { burst: 20, perSecond: 5 };
/** Of all together: the relay with most nodes behind it hears two a second at worst. */
const overall = { burst: 200, perSecond: 50 };
/** Sources remembered; the one longest silent goes first. */
const maxSources = 256;
/** An Ethernet frame's worth: no sender that measures a link sends more. */
const maxBytes = 1472;
/** Senders use ports above; a packet that claims to come from below would make two reflectors answer each other. */
const firstSenderPort = 1024;

/**
 * A stateless STAMP session reflector (RFC 8762 §4.3), unauthenticated. It answers with as many bytes as came and never
 * more, so it amplifies nothing, and within its rates, so it burdens nobody.
 */
export async function openReflector(parts: {
  clock: Clock;
  stampClock: StampClock;
  udp: Udp;
  host: string;
  port: number;
}): Promise<Reflector> {
  const { clock, stampClock } = parts;
  let reflected = 0;
  let dropped = 0;
  const all = bucket(clock, overall);
  const sources = new Map<string, () => boolean>();
  const mayAnswer = (host: string): boolean => {
    const source = sources.get(host) ?? bucket(clock, perSource);
    sources.delete(host);
    sources.set(host, source);
    if (sources.size > maxSources) sources.delete(sources.keys().next().value as string);
    return source() && all();
  };
  const listener = await parts.udp.listen({ host: parts.host, port: parts.port }, (bytes, port, host) => {
    const receivedAt = stampClock.utc();
    const sane = bytes.length <= maxBytes && port >= firstSenderPort && port !== listener.port;
    if (!sane || parseSender(bytes, receivedAt) === undefined || !mayAnswer(host)) {
      dropped += 1;
      return;
    }
    reflected += 1;
    listener.send(encodeReflected(bytes, receivedAt, stampClock.utc(), stampClock.error()), port, host);
  });
  return {
    port: listener.port,
    counts: () => ({ reflected, dropped }),
    close: () => listener.close(),
  };
}

function bucket(clock: Clock, rate: { burst: number; perSecond: number }): () => boolean {
  let tokens = rate.burst;
  let at: MonotonicMs = clock.monotonic();
  return () => {
    const now = clock.monotonic();
    tokens = Math.min(rate.burst, tokens + ((now - at) / 1000) * rate.perSecond);
    at = now;
    if (tokens < 1) return false;
    tokens -= 1;
    return true;
  };
}
