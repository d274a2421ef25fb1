import { Failure } from '#protocol/failure.ts';
import { maxBodyBytes, maxHeadBytes, parseHead, type RtspMessage } from './rtsp-message.ts';

export interface WireSink {
  /** One interleaved packet at `bytes[start, end)`; valid until this returns. */
  packet(channel: number, bytes: Buffer, start: number, end: number): void;
  message(message: RtspMessage): void;
}

const dollar = 0x24;
/** Bytes that tell a packet from garbage: `$`, channel, length, and the first of its header. */
const packetHead = 5;
const maxPacket = 4 + 0xffff;
/** A start of any message: an answer, or one of the methods a server may use (RFC 2326 §10, RFC 7826 §13). */
const starts = [
  'RTSP/',
  'OPTIONS ',
  'ANNOUNCE ',
  'GET_PARAMETER ',
  'SET_PARAMETER ',
  'REDIRECT ',
  'TEARDOWN ',
  'PLAY_NOTIFY ',
].map((text) => Buffer.from(text));
/** Garbage in a row: one whole packet whose length was wrong, then the stream is no RTSP. */
const maxGarbageBytes = 64 * 1024;

type Kind = 'packet' | 'message' | 'more' | 'garbage';

/**
 * Splits a connection into interleaved packets (RFC 2326 §10.12) and messages. Whole packets are handed on where
 * they lie in the read buffer; what a read leaves over waits in a buffer of its own. Between packets some cameras
 * send bytes that are neither: these are skipped, up to a bound, until a packet of a known channel or a message
 * begins. Throws `stream-error` beyond the bounds.
 */
export class RtspWire {
  /** Bytes skipped since the connection began. */
  garbageBytes = 0;
  #sink: WireSink;
  #channels = new Uint8Array(256);
  #rest = Buffer.allocUnsafeSlow(4096);
  #restBytes = 0;
  #inMessage = false;
  #head: { message: RtspMessage; headBytes: number; bodyBytes: number } | undefined;
  #garbageInRow = 0;
  #ended = false;
  #deaf = false;

  constructor(sink: WireSink) {
    this.#sink = sink;
  }

  /** Tells a channel that packets come on, so that garbage is less often taken for one. */
  expect(channel: number): void {
    this.#channels[channel & 0xff] = 1;
  }

  /** Nothing more is wanted, also of the read that is being split. */
  end(): void {
    this.#ended = true;
  }

  /** Only messages are wanted from now on. */
  endPackets(): void {
    this.#deaf = true;
  }

  push(bytes: Buffer, length: number): void {
    let at = 0;
    while (at < length && !this.#ended) {
      if (this.#inMessage) at = this.#messageBytes(bytes, at, length);
      else if (this.#restBytes > 0) at = this.#restPacketBytes(bytes, at, length);
      else at = this.#frame(bytes, at, length);
    }
  }

  /** At a boundary with nothing left over. */
  #frame(bytes: Buffer, start: number, length: number): number {
    const kind = this.#kindOf(bytes, start, length);
    if (kind === 'packet') {
      const end = start + 4 + ((bytes[start + 2]! << 8) | bytes[start + 3]!);
      if (end <= length) {
        this.#garbageInRow = 0;
        if (!this.#deaf) this.#sink.packet(bytes[start + 1]!, bytes, start + 4, end);
        return end;
      }
      return this.#keep(bytes, start, length);
    }
    if (kind === 'more') return this.#keep(bytes, start, length);
    if (kind === 'message') {
      this.#inMessage = true;
      return start;
    }
    this.#skipped(bytes[start]!);
    return start + 1;
  }

  #kindOf(bytes: Buffer, at: number, end: number): Kind {
    if (bytes[at] === dollar) {
      // In the midst of garbage only a packet of a known channel is believed.
      if (end - at >= 2 && this.#garbageInRow > 0 && this.#channels[bytes[at + 1]!] === 0) return 'garbage';
      if (end - at < packetHead) return end - at === 4 && this.#isEmpty(bytes, at) ? 'packet' : 'more';
      return this.#isEmpty(bytes, at) || bytes[at + 4]! >> 6 === 2 ? 'packet' : 'garbage';
    }
    for (const start of starts) {
      const size = Math.min(start.length, end - at);
      if (bytes.compare(start, 0, size, at, at + size) === 0)
        return size === start.length ? 'message' : 'more';
    }
    return 'garbage';
  }

  /** `$ channel 0 0`: nothing, and legal. */
  #isEmpty(bytes: Buffer, at: number): boolean {
    return bytes[at + 2] === 0 && bytes[at + 3] === 0 && this.#channels[bytes[at + 1]!] === 1;
  }

  #skipped(byte: number): void {
    if (byte === 0x0d || byte === 0x0a) return; // Line ends after a body are common and mean nothing.
    this.garbageBytes += 1;
    if (++this.#garbageInRow > maxGarbageBytes)
      throw new Failure('transient', 'stream-error', `more than ${maxGarbageBytes} bytes that are no RTSP`);
  }

  /** Completes what was left over, until it is a packet, a message's beginning or garbage. */
  #restPacketBytes(bytes: Buffer, start: number, length: number): number {
    let at = start;
    for (;;) {
      const kind = this.#kindOf(this.#rest, 0, this.#restBytes);
      if (kind === 'message') {
        this.#inMessage = true;
        return at;
      }
      if (kind === 'garbage') {
        this.#skipped(this.#rest[0]!);
        this.#rest.copyWithin(0, 1, this.#restBytes);
        this.#restBytes -= 1;
        if (this.#restBytes === 0) return at;
        continue;
      }
      const wanted = kind === 'more' ? this.#restBytes + 1 : 4 + ((this.#rest[2]! << 8) | this.#rest[3]!);
      if (wanted > this.#restBytes) {
        if (at === length) return at;
        const end = Math.min(length, at + wanted - this.#restBytes);
        this.#keep(bytes, at, end);
        at = end;
        continue;
      }
      this.#garbageInRow = 0;
      const channel = this.#rest[1]!;
      const kept = this.#restBytes;
      this.#restBytes = 0;
      if (!this.#deaf) this.#sink.packet(channel, this.#rest, 4, wanted);
      // Only a bare `$ channel 0 0` may lie whole before more bytes that were kept.
      if (kept > wanted) {
        this.#rest.copyWithin(0, wanted, kept);
        this.#restBytes = kept - wanted;
        continue;
      }
      return at;
    }
  }

  /** Line by line to the empty one, then the body. */
  #messageBytes(bytes: Buffer, start: number, length: number): number {
    let at = start;
    while (!this.#head && at < length) {
      const line = bytes.subarray(at, length).indexOf(0x0a);
      const end = line < 0 ? length : at + line + 1;
      if (this.#restBytes + end - at > maxHeadBytes)
        throw new Failure('transient', 'stream-error', `a head has more than ${maxHeadBytes} bytes`);
      this.#keep(bytes, at, end);
      at = end;
      const tail = this.#rest.subarray(Math.max(0, this.#restBytes - 4), this.#restBytes).toString('latin1');
      if (line < 0 || !(tail.endsWith('\n\r\n') || tail.endsWith('\n\n'))) continue;
      const { message, bodyBytes } = parseHead(this.#rest.subarray(0, this.#restBytes));
      this.#head = { message, bodyBytes, headBytes: this.#restBytes };
    }
    if (!this.#head) return at;
    const { message, headBytes, bodyBytes } = this.#head;
    const end = Math.min(length, at + headBytes + bodyBytes - this.#restBytes);
    this.#keep(bytes, at, end);
    if (this.#restBytes < headBytes + bodyBytes) return end;
    if (message.kind === 'response')
      message.body = Buffer.from(this.#rest.subarray(headBytes, this.#restBytes));
    this.#head = undefined;
    this.#inMessage = false;
    this.#restBytes = 0;
    this.#garbageInRow = 0;
    this.#sink.message(message);
    return end;
  }

  /** Adds `bytes[start, end)` to what is left over; returns `end`. */
  #keep(bytes: Buffer, start: number, end: number): number {
    const needed = this.#restBytes + end - start;
    if (needed > this.#rest.length) {
      // Twice as long, at most what the longest packet or message takes.
      const most = Math.max(maxPacket, maxHeadBytes + maxBodyBytes);
      const grown = Buffer.allocUnsafeSlow(Math.min(most, Math.max(needed, this.#rest.length * 2)));
      this.#rest.copy(grown, 0, 0, this.#restBytes);
      this.#rest = grown;
    }
    bytes.copy(this.#rest, this.#restBytes, start, end);
    this.#restBytes = needed;
    return end;
  }
}
