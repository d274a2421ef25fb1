import type { Clock, Timer } from '#agent/platform/clock.ts';
import type { ListenLoopback, LoopbackPeer, LoopbackReceiver } from '#agent/platform/loopback.ts';
import type { Random } from '#agent/platform/random.ts';
import { Failure } from '#protocol/failure.ts';

/** A small RTSP server (RFC 2326) for the one ffmpeg that knows its path. */
export interface Relay {
  /** Where ffmpeg finds it; holds no secret of the camera's. */
  readonly url: string;
  /** Resolves when ffmpeg asked to play. */
  readonly playing: Promise<void>;
  /** Sends a packet: `head` is its RTP header, `bytes[start, end)` its payload. */
  send(head: Buffer, bytes: Buffer, start: number, end: number): void;
  /** What ffmpeg has not taken yet. */
  readonly unsentBytes: number;
  /** No packet follows: what is sent arrives, then the connection ends. */
  end(): void;
  /** Closes everything at once. */
  close(): void;
}

export interface RelayParts {
  clock: Clock;
  random: Random;
  listen: ListenLoopback;
  /** The session description of the one track; its control is `track`. */
  sdp: string;
  /** ffmpeg went away. */
  left(): void;
}

/** A request of ffmpeg has 100 to 300 bytes. */
const maxRequestBytes = 4096;
/** Who has not named the path by then is not ffmpeg. */
const strangerMs = 5000;
/** Packets of one read go out together. */
const outBytes = 64 * 1024;
const leastRestBytes = 4096;
const rtpHeaderBytes = 12;

export async function openRelay(parts: RelayParts): Promise<Relay> {
  const { clock, random, sdp } = parts;
  const path = `/${random.bytes(16).toString('hex')}`;
  const session = random.bytes(8).toString('hex');
  const playing = Promise.withResolvers<void>();
  /** Who has not named the path yet, and when each is sent away. */
  const strangers = new Map<LoopbackPeer, Timer>();
  let ffmpeg: LoopbackPeer | undefined;
  let isPlaying = false;
  let over = false;
  let out = Buffer.allocUnsafeSlow(outBytes);
  let outLength = 0;

  const flush = (): void => {
    if (outLength === 0) return;
    ffmpeg?.write(out.subarray(0, outLength));
    // The socket keeps what it was given until it is sent; the rest goes on being filled.
    out =
      out.length - outLength > leastRestBytes ? out.subarray(outLength) : Buffer.allocUnsafeSlow(outBytes);
    outLength = 0;
  };
  const claim = (peer: LoopbackPeer): void => {
    ffmpeg = peer;
    server.stopListening();
    forget(peer);
    sendAway();
  };
  const forget = (peer: LoopbackPeer): boolean => {
    strangers.get(peer)?.cancel();
    return strangers.delete(peer);
  };
  const sendAway = (): void => {
    for (const [stranger, late] of strangers) {
      late.cancel();
      stranger.close('abort');
    }
    strangers.clear();
  };

  const accept = (peer: LoopbackPeer): LoopbackReceiver => {
    if (over || ffmpeg) {
      peer.close('abort');
      return { data() {}, ended() {} };
    }
    const late = clock.after(strangerMs, () => {
      if (forget(peer)) peer.close('abort');
    });
    strangers.set(peer, late);
    const leave = (): void => {
      forget(peer);
      if (peer === ffmpeg && !over) parts.left();
    };
    const asked = (method: string, url: string, sequence: string): void => {
      const own = url.startsWith(`${base}/`) || url === base;
      if (!own || (peer !== ffmpeg && ffmpeg !== undefined)) {
        forget(peer);
        peer.close('abort');
        return;
      }
      if (ffmpeg === undefined) claim(peer);
      peer.write(answer(method, sequence));
      if (method === 'PLAY' && !isPlaying) {
        isPlaying = true;
        playing.resolve();
      }
    };
    const requests = requestReader(asked, () => {
      peer.close('abort');
      leave();
    });
    return { data: requests, ended: leave };
  };
  const server = await parts.listen(accept);
  const base = `rtsp://127.0.0.1:${server.port}${path}`;

  const answer = (method: string, sequence: string): string => {
    const head = `RTSP/1.0 200 OK\r\nCSeq: ${sequence}\r\n`;
    switch (method) {
      case 'OPTIONS':
        return `${head}Public: OPTIONS, DESCRIBE, SETUP, PLAY, GET_PARAMETER, TEARDOWN\r\n\r\n`;
      case 'DESCRIBE': {
        const type = `Content-Base: ${base}/\r\nContent-Type: application/sdp\r\n`;
        return `${head}${type}Content-Length: ${Buffer.byteLength(sdp)}\r\n\r\n${sdp}`;
      }
      case 'SETUP':
        return `${head}Session: ${session}\r\nTransport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n\r\n`;
      case 'PLAY': {
        // Times count from the one stated here, so that what comes out is what went in.
        const info = `RTP-Info: url=${base}/track;rtptime=${tokenOrigin}\r\n`;
        return `${head}Session: ${session}\r\n${info}\r\n`;
      }
      default:
        return `${head}Session: ${session}\r\n\r\n`;
    }
  };

  return {
    url: base,
    playing: playing.promise,
    get unsentBytes() {
      return ffmpeg?.unsentBytes ?? 0;
    },
    send(head, bytes, start, end) {
      if (over || !isPlaying) return;
      const size = rtpHeaderBytes + end - start;
      if (size > 0xffff) throw new Failure('transient', 'stream-error', `a packet has ${size} bytes`);
      if (outLength + 4 + size > out.length) flush();
      if (4 + size > out.length) out = Buffer.allocUnsafeSlow(4 + size);
      if (outLength === 0) queueMicrotask(flush);
      out[outLength] = 0x24;
      out[outLength + 1] = 0;
      out.writeUInt16BE(size, outLength + 2);
      head.copy(out, outLength + 4, 0, rtpHeaderBytes);
      bytes.copy(out, outLength + 4 + rtpHeaderBytes, start, end);
      outLength += 4 + size;
    },
    end() {
      flush();
      over = true;
      server.stopListening();
      ffmpeg?.close();
    },
    close() {
      over = true;
      server.stopListening();
      sendAway();
      ffmpeg?.close('abort');
    },
  };
}

/** What RTP-Info says the first time is; ffmpeg takes 0 for unstated. */
export const tokenOrigin = 1;

/** Splits what ffmpeg sends into requests and passes over its RTCP; `broken` is told of anything else. */
function requestReader(
  asked: (method: string, url: string, sequence: string) => void,
  broken: () => void,
): (bytes: Buffer) => void {
  let pending = Buffer.alloc(0);
  let isBroken = false;
  return (bytes) => {
    if (isBroken) return;
    pending = Buffer.concat([pending, bytes]);
    while (pending.length > 0) {
      if (pending[0] === 0x24) {
        if (pending.length < 4) break;
        const size = 4 + pending.readUInt16BE(2);
        if (pending.length < size) break;
        pending = pending.subarray(size);
        continue;
      }
      const end = pending.indexOf('\r\n\r\n');
      if (end < 0) break;
      const text = pending.toString('latin1', 0, end);
      pending = pending.subarray(end + 4);
      const [, method, url] = /^([A-Z_]{3,20}) (\S{1,500}) RTSP\/1\.0\r\n/.exec(text) ?? [];
      const sequence = /\r\nCSeq: (\d{1,9})(?:\r\n|$)/i.exec(text)?.[1];
      if (method === undefined || url === undefined || sequence === undefined) {
        isBroken = true;
        broken();
        return;
      }
      asked(method, url, sequence);
    }
    // A packet of RTCP may be longer than any request, and has less than 64 KiB.
    const most = pending[0] === 0x24 ? 4 + 0xffff : maxRequestBytes;
    if (pending.length <= most) return;
    isBroken = true;
    broken();
  };
}
