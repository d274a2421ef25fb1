import type { Clock, MonotonicMs } from '#agent/platform/clock.ts';
import type { Udp, UdpListener } from '#agent/platform/udp.ts';
import { codeOf, Failure } from '#protocol/failure.ts';
import type { Carrier } from './carrier.ts';
import { Reorder } from './reorder.ts';

export interface UdpPath extends Carrier {
  /** UDP payload received. */
  readonly bytes: number;
  /** To be called now and then. */
  tick(now: MonotonicMs): void;
  /** Sends a compound RTCP packet to where the camera takes them. */
  report(packet: Uint8Array): void;
  /** What is held back is handed on; nothing comes any more. */
  close(): Promise<void>;
}

export interface UdpParts {
  clock: Clock;
  udp: Udp;
  /** Ends of the RTSP connection: packets come to this end, from the other. */
  ends: { local: string; remote: string };
  /** One RTP packet, in order; one compound RTCP packet. Must not throw. */
  rtp(packet: Buffer, now: MonotonicMs): void;
  rtcp(packet: Buffer, now: MonotonicMs): void;
}

/** A keyframe comes at once. */
const bufferBytes = 4 * 1024 * 1024;
const pairTries = 32;
const rtpHeaderBytes = 12;

/** RTP to two ports of ours (RFC 2326 §12.39, RFC 3550 §11). */
export async function openUnicast(parts: UdpParts): Promise<UdpPath> {
  const intake = takeFrom(parts);
  const [rtp, rtcp] = await bindPair(parts.udp, parts.ends.local, intake);
  let server: { rtp: number; rtcp: number } | undefined;
  return {
    ...intake.path,
    get bytes() {
      return intake.bytes();
    },
    ask: `RTP/AVP;unicast;client_port=${rtp.port}-${rtcp.port}`,
    accepted(transport) {
      refuseTcp(transport);
      intake.admit(transport);
      const [, first, second] = /(?:^|;)server_port=(\d{1,5})(?:-(\d{1,5}))?/i.exec(transport) ?? [];
      if (first === undefined) return;
      server = { rtp: Number(first), rtcp: second === undefined ? Number(first) + 1 : Number(second) };
      if (server.rtp < 1 || server.rtp > 0xffff || server.rtcp < 1 || server.rtcp > 0xffff)
        throw new Failure('transient', 'stream-error', 'the camera sends from no port');
      // Firewalls on the way let answers in, and only those.
      const { remote } = parts.ends;
      rtp.send(Buffer.concat([Buffer.from([0x80]), Buffer.alloc(rtpHeaderBytes - 1)]), server.rtp, remote);
      rtcp.send(Buffer.from([0x80, 201, 0, 1, 0, 0, 0, 0]), server.rtcp, remote);
    },
    report(packet) {
      if (server) rtcp.send(packet, server.rtcp, parts.ends.remote);
    },
    async close() {
      intake.path.flush();
      await Promise.all([rtp.close(), rtcp.close()]);
    },
  };
}

/** RTP to a group that the camera names, or that its description `announced`. */
export function openMulticast(
  parts: UdpParts,
  announced: { address: string | undefined; port: number },
): UdpPath {
  const intake = takeFrom(parts);
  const sockets: UdpListener[] = [];
  return {
    ...intake.path,
    get bytes() {
      return intake.bytes();
    },
    ask: 'RTP/AVP;multicast',
    async accepted(transport) {
      refuseTcp(transport);
      intake.admit(transport);
      const address =
        /(?:^|;)destination=([0-9a-f.:]{2,45})/i.exec(transport)?.[1] ?? announced.address ?? '';
      const stated = /(?:^|;)(?:client_)?port=(\d{1,5})(?:-(\d{1,5}))?/i.exec(transport);
      const port = Number(stated?.[1] ?? announced.port);
      const reports = Number(stated?.[2] ?? port + 1);
      if (!isGroup(address) || port < 1024 || port > 0xfffe || reports < 1024 || reports > 0xffff)
        throw new Failure('transient', 'stream-error', 'the camera names no multicast group and port');
      const where = { host: address, group: parts.ends.local, bufferBytes };
      try {
        sockets.push(await parts.udp.listen({ ...where, port }, intake.rtp));
        sockets.push(await parts.udp.listen({ ...where, port: reports }, intake.rtcp));
      } catch (cause) {
        throw new Failure('transient', 'stream-error', `cannot join the group (${codeOf(cause)})`, { cause });
      }
    },
    // Reports of one would go to everybody.
    report() {},
    async close() {
      intake.path.flush();
      await Promise.all(sockets.map((socket) => socket.close()));
    },
  };
}

/** Takes what comes from the camera, and from nobody else. */
function takeFrom({ clock, ends, rtp, rtcp }: UdpParts) {
  const allowed = new Set([ends.remote]);
  let bytes = 0;
  let now = clock.monotonic();
  const reorder = new Reorder((packet) => rtp(packet, now));
  return {
    bytes: () => bytes,
    /** A recorder may send from the camera itself, and say so. */
    admit(transport: string): void {
      const source = /(?:^|;)source=([0-9a-f.:]{2,45})/i.exec(transport)?.[1];
      if (source !== undefined) allowed.add(source);
    },
    rtp(packet: Buffer, _port: number, host: string): void {
      if (!allowed.has(host) || packet.length < rtpHeaderBytes) return;
      bytes += packet.length;
      now = clock.monotonic();
      reorder.push(packet, now);
    },
    rtcp(packet: Buffer, _port: number, host: string): void {
      if (!allowed.has(host)) return;
      bytes += packet.length;
      rtcp(packet, clock.monotonic());
    },
    path: {
      tick(at: MonotonicMs): void {
        now = at;
        reorder.tick(at);
      },
      flush: () => reorder.flush(),
    },
  };
}

function refuseTcp(transport: string): void {
  if (/TCP|interleaved/i.test(transport))
    throw new Failure('transient', 'stream-error', 'the camera offers RTP over TCP alone');
}

/** RFC 5771 §4 without the block that routers keep to the link, RFC 4291 §2.7. */
function isGroup(address: string): boolean {
  const first = Number(/^(\d{1,3})\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.exec(address)?.[1] ?? Number.NaN);
  return (
    (first >= 224 && first <= 239 && !address.startsWith('224.0.0.')) || /^ff[0-9a-f]{2}:/i.test(address)
  );
}

/** Two ports in a row, the lower one even: the kernel picks the first, so a few tries may be needed. */
async function bindPair(
  udp: Udp,
  host: string,
  { rtp, rtcp }: ReturnType<typeof takeFrom>,
): Promise<[rtp: UdpListener, rtcp: UdpListener]> {
  let cause: unknown;
  for (let tries = 0; tries < pairTries; tries++) {
    try {
      const first = await udp.listen({ host, port: 0, bufferBytes }, rtp);
      if (first.port % 2 === 0) {
        try {
          return [first, await udp.listen({ host, port: first.port + 1 }, rtcp)];
        } catch (error) {
          cause = error;
        }
      }
      await first.close();
    } catch (error) {
      cause = error;
    }
  }
  throw new Failure('transient', 'stream-error', `no pair of UDP ports (${codeOf(cause)})`, { cause });
}
