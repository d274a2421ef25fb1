import { Failure } from '#protocol/failure.ts';
import { type Clock, pause } from '../platform/clock.ts';
import type { Random } from '../platform/random.ts';
import type { Udp, UdpListener } from '../platform/udp.ts';
import { discoveryGroup, discoveryPort, type Found, foundIn, probeMessage } from './probe.ts';

export interface DiscoverParts {
  udp: Udp;
  clock: Clock;
  random: Random;
}

export interface DiscoverBounds {
  /** Own addresses: the segments that are asked. */
  from: readonly string[];
  /** Who is asked; everybody on the segment when absent. */
  target?: { host: string; port: number };
  /** How long answers are waited for. */
  waitMs: number;
}

/** Once more, since nobody acknowledges a datagram (SOAP-over-UDP §3.4). */
const sends = 3;
const againMs = 300;
/** A segment has some hundred devices at most; who answers more often is no camera. */
const maxFound = 256;
const maxAnswers = 4096;

/**
 * Asks once who sends video, and gives those who answered within the time, by address. Throws
 * `no-network` when no address of this box can be asked from. Answers are bounded in size and number; one answers for its own address alone.
 */
export async function discover(
  { udp, clock, random }: DiscoverParts,
  { from, target, waitMs }: DiscoverBounds,
  signal: AbortSignal,
): Promise<Found[]> {
  const id = uuid(random.bytes(16));
  const found = new Map<string, Found>();
  let answers = 0;
  const take = (bytes: Buffer, _port: number, host: string): void => {
    answers += 1;
    if (answers > maxAnswers || found.size >= maxFound) return;
    const one = foundIn(bytes, id, host);
    // Each answers once for every datagram that it heard.
    if (one !== undefined && !found.has(one.onvif)) found.set(one.onvif, one);
  };
  const { host, port } = target ?? { host: discoveryGroup, port: discoveryPort };
  const sockets: UdpListener[] = [];
  let failed: unknown;
  for (const address of from) {
    try {
      sockets.push(await udp.listen({ host: address, port: 0, from: address }, take));
    } catch (cause) {
      failed = cause; // An interface that went away: the others are asked.
    }
  }
  if (sockets.length === 0)
    throw new Failure('unavailable', 'no-network', `no network to ask: ${from.join(', ') || 'no address'}`, {
      cause: failed,
    });
  for (let sent = 0; sent < sends && !signal.aborted; sent++) {
    for (const socket of sockets) socket.send(probeMessage(id), port, host);
    await pause(clock, againMs, signal);
  }
  await pause(clock, Math.max(0, waitMs - sends * againMs), signal);
  for (const socket of sockets) await socket.close();
  return [...found.values()].sort(
    (a, b) => order(a.address) - order(b.address) || (a.onvif < b.onvif ? -1 : 1),
  );
}

function order(address: string): number {
  return address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
}

/** RFC 9562 §5.4 */
function uuid(bytes: Buffer): string {
  const own = Buffer.from(bytes);
  own[6] = (own[6]! & 0x0f) | 0x40;
  own[8] = (own[8]! & 0x3f) | 0x80;
  return own.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
