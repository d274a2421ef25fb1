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

/**
 * Spreads packets as the camera's network port does: one at a time, and no more than it carries in a millisecond. A
 * picture of 50 kB takes 4 ms at 100 Mbit/s, and its reader is woken many times for it; `bytesPerMs` of Infinity sends
 * it in one piece. `send` gets whole packets, from `starts[from]` to before `starts[to]`.
 */
function networkPort(
  bytesPerMs: number,
  backlogBytes: () => number,
  send: (bytes: Buffer, starts: readonly number[], from: number, to: number) => void,
): Pick<Delivery, 'media' | 'close'> {
  let waiting: { bytes: Buffer; starts: readonly number[]; next: number }[] = [];
  let waitingBytes = 0;
  let room = bytesPerMs;
  let again: { cancel(): void } | undefined;
  const soon = (): void => {
    const immediate = setImmediate(drain);
    again = { cancel: () => clearImmediate(immediate) };
  };
  const nextMillisecond = (): void => {
    const timer = setTimeout(() => {
      room = bytesPerMs;
      drain();
    }, 1);
    again = { cancel: () => clearTimeout(timer) };
  };
  const drain = (): void => {
    again = undefined;
    const first = waiting[0];
    if (!first) return;
    const { bytes, starts, next } = first;
    const to = bytesPerMs === Number.POSITIVE_INFINITY ? starts.length : next + 1;
    const size = (starts[to] ?? bytes.length) - (starts[next] as number);
    send(bytes, starts, next, to);
    room -= size;
    waitingBytes -= size;
    first.next = to;
    if (to >= starts.length) waiting.shift();
    // The last packet of a millisecond waits it out too, or small pictures would never fill it.
    if (room <= 0) nextMillisecond();
    else if (waiting.length > 0) soon();
    else room = bytesPerMs;
  };
  return {
    media(bytes, starts) {
      if (waitingBytes + backlogBytes() > maxBacklogBytes) return false;
      if (starts.length === 0) return true;
      waiting.push({ bytes, starts, next: 0 });
      waitingBytes += bytes.length;
      if (!again) drain();
      return true;
    },
    close() {
      again?.cancel();
      again = undefined;
      waiting = [];
    },
  };
}

/** RTSP interleaving (RFC 2326 §10.12): `channel` for RTP, `reportChannel` for RTCP. */
export function interleaved(
  socket: Socket,
  channels: { rtp: number; rtcp: number },
  bytesPerMs: number,
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
  const wire = networkPort(
    bytesPerMs,
    () => socket.writableLength,
    (bytes, starts, from, to) => {
      const noise = from === 0 ? garbage() : undefined;
      if (noise) socket.write(noise);
      let out = bytes.subarray(starts[from], starts[to]);
      if (channels.rtp !== 0) {
        out = Buffer.from(out);
        for (let i = from; i < to; i++)
          out[(starts[i] as number) - (starts[from] as number) + 1] = channels.rtp;
      }
      socket.write(out);
    },
  );
  return {
    ...wire,
    packet: (packet) => void socket.write(framed(packet, channels.rtp)),
    report: (packet) => void socket.write(framed(packet, channels.rtcp)),
  };
}

/** A pair of sockets for the whole server: RTP from the even port, RTCP from the odd one above it. */
export interface UdpPair {
  rtp: UdpSocket;
  rtcp: UdpSocket;
  rtpPort: number;
}

export function unicast(
  pair: UdpPair,
  client: { address: string; rtpPort: number; rtcpPort: number },
  bytesPerMs: number,
): Delivery {
  const { address, rtpPort, rtcpPort } = client;
  const wire = networkPort(
    bytesPerMs,
    () => 0,
    (bytes, starts, from, to) => {
      for (let i = from; i < to; i++)
        pair.rtp.send(bytes.subarray((starts[i] as number) + 4, starts[i + 1]), rtpPort, address, ignore);
    },
  );
  return {
    ...wire,
    packet: (packet) => pair.rtp.send(packet, rtpPort, address, ignore),
    report: (packet) => pair.rtcp.send(packet, rtcpPort, address, ignore),
  };
}

/** The client's port may be gone before its TEARDOWN is read. */
function ignore(): void {}
