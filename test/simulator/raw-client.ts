import { createHash } from 'node:crypto';
import { connect, type Socket } from 'node:net';

export interface RawAnswer {
  status: number;
  /** In order; a name may come more than once. Names in lower case. */
  headers: [name: string, value: string][];
  header(name: string): string | undefined;
  body: string;
}

/** What came on an interleaved channel, with the time it came. */
export interface RawPacket {
  channel: number;
  bytes: Buffer;
  atMs: number;
}

/** RTSP by hand, for tests that look at every message; knows nothing of sessions or authentication. */
export interface RawClient extends Disposable {
  request(method: string, uri: string, headers?: Record<string, string>): Promise<RawAnswer>;
  packets: RawPacket[];
  closed: Promise<void>;
  isClosed(): boolean;
  socket: Socket;
}

export async function openRaw(url: string): Promise<RawClient> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('error', reject);
  });
  const waiting: { resolve: (answer: RawAnswer) => void; reject: (error: Error) => void }[] = [];
  const packets: RawPacket[] = [];
  let pending: Buffer = Buffer.alloc(0);
  let sequence = 0;
  let ended = false;
  const closed = new Promise<void>((resolve) => {
    socket.on('error', () => {});
    socket.on('close', () => {
      ended = true;
      for (const each of waiting.splice(0)) each.reject(new Error('the server closed the connection'));
      resolve();
    });
  });
  socket.on('data', (chunk: Buffer) => {
    pending = Buffer.concat([pending, chunk]);
    for (;;) {
      if (pending[0] === 0x24) {
        if (pending.length < 4 || pending.length < 4 + pending.readUInt16BE(2)) return;
        const end = 4 + pending.readUInt16BE(2);
        const bytes = Buffer.from(pending.subarray(4, end));
        packets.push({ channel: pending[1] as number, bytes, atMs: performance.now() });
        pending = pending.subarray(end);
        continue;
      }
      const headEnd = pending.indexOf('\r\n\r\n');
      if (headEnd < 0) return;
      const [first = '', ...lines] = pending.toString('latin1', 0, headEnd).split('\r\n');
      const headers = lines.map((line): [string, string] => {
        const colon = line.indexOf(':');
        return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
      });
      const header = (name: string): string | undefined => headers.find(([own]) => own === name)?.[1];
      const end = headEnd + 4 + Number(header('content-length') ?? 0);
      if (pending.length < end) return;
      const body = pending.toString('utf8', headEnd + 4, end);
      pending = pending.subarray(end);
      waiting.shift()?.resolve({ status: Number(first.split(' ')[1]), headers, header, body });
    }
  });
  return {
    packets,
    closed,
    isClosed: () => ended,
    socket,
    request(method, uri, headers = {}) {
      sequence += 1;
      const lines = [`${method} ${uri} RTSP/1.0`, `CSeq: ${sequence}`];
      for (const [name, value] of Object.entries(headers)) lines.push(`${name}: ${value}`);
      return new Promise((resolve, reject) => {
        if (ended) return reject(new Error('the server closed the connection'));
        waiting.push({ resolve, reject });
        socket.write(`${lines.join('\r\n')}\r\n\r\n`);
      });
    },
    [Symbol.dispose]: () => socket.destroy(),
  };
}

/** An Authorization header for one Digest challenge (RFC 7616). */
export function digestFor(
  challenge: string,
  account: { user: string; password: string },
  method: string,
  uri: string,
): string {
  const field = (name: string): string | undefined =>
    new RegExp(`${name}=(?:"((?:[^"\\\\]|\\\\.)*)"|([^\\s,]+))`)
      .exec(challenge)
      ?.slice(1)
      .find((value) => value !== undefined);
  const algorithm = field('algorithm') ?? 'MD5';
  const hash = (text: string): string =>
    createHash(algorithm === 'MD5' ? 'md5' : 'sha256')
      .update(text)
      .digest('hex');
  const realm = field('realm') ?? '';
  const nonce = field('nonce') ?? '';
  const ha1 = hash(`${account.user}:${realm.replaceAll(/\\(.)/g, '$1')}:${account.password}`);
  const middle = field('qop') === undefined ? '' : '00000001:abcdef:auth:';
  const response = hash(`${ha1}:${nonce}:${middle}${hash(`${method}:${uri}`)}`);
  const qop = middle === '' ? '' : ', qop=auth, nc=00000001, cnonce="abcdef"';
  return `Digest username="${account.user}", realm="${realm}", nonce="${nonce}", uri="${uri}", response="${response}", algorithm=${algorithm}${qop}`;
}

export interface RtpPacket {
  marker: boolean;
  sequence: number;
  timestamp: number;
  source: number;
  payload: Buffer;
}

/** RFC 3550 §5.1. */
export function readRtp(bytes: Buffer): RtpPacket {
  const first = bytes[0] as number;
  let start = 12 + (first & 0x0f) * 4;
  if (first & 0x10) start += 4 + bytes.readUInt16BE(start + 2) * 4;
  const end = bytes.length - (first & 0x20 ? (bytes[bytes.length - 1] as number) : 0);
  return {
    marker: ((bytes[1] as number) & 0x80) !== 0,
    sequence: bytes.readUInt16BE(2),
    timestamp: bytes.readUInt32BE(4),
    source: bytes.readUInt32BE(8),
    payload: bytes.subarray(start, end),
  };
}

/** The NAL units of a run of packets without loss: single, STAP-A and FU-A (RFC 6184), or AP and FU (RFC 7798). */
export function nalsOf(packets: readonly RtpPacket[], codec: 'h264' | 'h265'): Buffer[] {
  const nals: Buffer[] = [];
  const headerBytes = codec === 'h264' ? 1 : 2;
  let pieces: Buffer[] = [];
  for (const { payload } of packets) {
    const first = payload[0] as number;
    const type = codec === 'h264' ? first & 0x1f : (first >> 1) & 0x3f;
    if (type === (codec === 'h264' ? 24 : 48)) {
      for (let at = headerBytes; at < payload.length; ) {
        const size = payload.readUInt16BE(at);
        nals.push(payload.subarray(at + 2, at + 2 + size));
        at += 2 + size;
      }
    } else if (type === (codec === 'h264' ? 28 : 49)) {
      const fu = payload[headerBytes] as number;
      if (fu & 0x80)
        pieces = [
          codec === 'h264'
            ? Buffer.from([(first & 0xe0) | (fu & 0x1f)])
            : Buffer.from([(first & 0x81) | ((fu & 0x3f) << 1), payload[1] as number]),
        ];
      pieces.push(payload.subarray(headerBytes + 1));
      if (fu & 0x40) nals.push(Buffer.concat(pieces));
    } else nals.push(payload);
  }
  return nals;
}
