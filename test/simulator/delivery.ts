import type { Socket as UdpSocket } from 'node:dgram';
import type { Socket } from 'node:net';

/** Where the packets of one track go. */
export interface Delivery {
  /** Packets behind their interleaving on channel 0, beginning at `starts`. False when the client does not keep up. */
  media(bytes: Buffer, starts: readonly number[]): boolean;
  /** One RTP packet, bare. */
  packet(packet: Buffer): void;
  /** One compound RTCP packet, bare. */
  report(packet: Buffer): void;
  close(): void;
}

/** A camera drops pictures rather than hold seconds of them for a client that does not read. */
const maxBacklogBytes = 8 * 1024 * 1024;
/** As many packets as fit a default receive buffer several times over are sent at once, then a millisecond's pause. */
const burstPackets = 16;
const maxWaitingPackets = 4096;

/** RTSP interleaving (RFC 2326 §10.12): `channel` for RTP, `reportChannel` for RTCP. */
export function interleaved(
  socket: Socket,
  channel: number,
  reportChannel: number,
  garbage: () => Buffer | undefined,
): Delivery {
  const framed = (packet: Buffer, on: number): Buffer => {
    const bytes = Buffer.alloc(4 + packet.length);
    bytes[0] = 0x24;
    bytes[1] = on;
    bytes.writeUInt16BE(packet.length, 2);
    packet.copy(bytes, 4);
    return bytes;
  };
  return {
    media(bytes, starts) {
      if (socket.writableLength > maxBacklogBytes) return false;
      const noise = garbage();
      if (noise) socket.write(noise);
      let out = bytes;
      if (channel !== 0) {
        out = Buffer.from(bytes);
        for (const start of starts) out[start + 1] = channel;
      }
      socket.write(out);
      return true;
    },
    packet: (packet) => void socket.write(framed(packet, channel)),
    report: (packet) => void socket.write(framed(packet, reportChannel)),
    close() {},
  };
}

/** A pair of sockets for the whole server: RTP from the even port, RTCP from the odd one above it. */
export interface UdpPair {
  rtp: UdpSocket;
  rtcp: UdpSocket;
  rtpPort: number;
}

export function unicast(pair: UdpPair, address: string, rtpPort: number, rtcpPort: number): Delivery {
  const waiting: Buffer[] = [];
  let timer: NodeJS.Timeout | undefined;
  const drain = (): void => {
    timer = undefined;
    for (const packet of waiting.splice(0, burstPackets)) pair.rtp.send(packet, rtpPort, address, ignore);
    if (waiting.length > 0) timer = setTimeout(drain, 1);
  };
  return {
    media(bytes, starts) {
      if (waiting.length + starts.length > maxWaitingPackets) return false;
      starts.forEach((start, i) => {
        waiting.push(bytes.subarray(start + 4, starts[i + 1] ?? bytes.length));
      });
      if (!timer) drain();
      return true;
    },
    packet: (packet) => pair.rtp.send(packet, rtpPort, address, ignore),
    report: (packet) => pair.rtcp.send(packet, rtcpPort, address, ignore),
    close() {
      clearTimeout(timer);
      waiting.length = 0;
    },
  };
}

/** The client's port may be gone before its TEARDOWN is read. */
function ignore(): void {}
