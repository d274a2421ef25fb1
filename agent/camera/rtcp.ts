import type { MonotonicMs, UtcMs } from '#agent/platform/clock.ts';
import { uint32 } from './rtp.ts';

/** What a camera's sender report says of its clock (RFC 3550 §6.4.1). Evidence, never a source of time. */
export interface SenderReport {
  /** The camera's time of day. */
  utc: UtcMs;
  /** The same instant on its media clock. */
  timestamp: number;
  /** When the report was read here. */
  readAt: MonotonicMs;
  /** Middle 32 bits of its NTP time, for the report that answers it. */
  middle: number;
}

const senderReport = 200;
const receiverReport = 201;
const sourceDescription = 202;
const goodbye = 203;
/** From 1900, where NTP counts from, to 1970. */
const ntpOffsetS = 2_208_988_800;
/** NTP's era 0 ends in 2036; a smaller value is of era 1, and no camera lives in 1968. */
const eraS = 2 ** 32;
const era1BeforeS = 2 ** 31;

/** The sender report about `ssrc` in a compound packet, or undefined. A zero NTP time says that there is no clock. */
export function findSenderReport(
  bytes: Buffer,
  start: number,
  end: number,
  ssrc: number,
  now: MonotonicMs,
): SenderReport | undefined {
  for (let at = start; at + 4 <= end; ) {
    const next = at + 4 + 4 * ((bytes[at + 2]! << 8) | bytes[at + 3]!);
    if (bytes[at]! >> 6 !== 2 || next > end) return undefined;
    if (bytes[at + 1] === senderReport && next - at >= 28 && uint32(bytes, at + 4) === ssrc) {
      const seconds = uint32(bytes, at + 8);
      const fraction = uint32(bytes, at + 12);
      if (seconds === 0) return undefined;
      const ntpS = seconds < era1BeforeS ? seconds + eraS : seconds;
      return {
        utc: Math.round((ntpS - ntpOffsetS) * 1000 + (fraction * 1000) / 2 ** 32) as UtcMs,
        timestamp: uint32(bytes, at + 16),
        readAt: now,
        middle: (((seconds & 0xffff) << 16) | (fraction >>> 16)) >>> 0,
      };
    }
    at = next;
  }
  return undefined;
}

/** Whether a compound packet says that `ssrc` leaves (RFC 3550 §6.6). */
export function saysGoodbye(bytes: Buffer, start: number, end: number, ssrc: number): boolean {
  for (let at = start; at + 4 <= end; ) {
    const next = at + 4 + 4 * ((bytes[at + 2]! << 8) | bytes[at + 3]!);
    if (bytes[at]! >> 6 !== 2 || next > end) return false;
    if (bytes[at + 1] === goodbye) {
      const sources = bytes[at]! & 0x1f;
      for (let i = 0; i < sources && at + 8 + 4 * i <= next; i++)
        if (uint32(bytes, at + 4 + 4 * i) === ssrc) return true;
    }
    at = next;
  }
  return false;
}

/** What a receiver report says of one source (RFC 3550 §6.4.2). */
export interface Reception {
  ssrc: number;
  /** Since the report before, in 256ths. */
  fractionLost: number;
  /** Since the beginning. */
  lost: number;
  /** With the wraps in its upper half. */
  highestSequence: number;
  /** In ticks of the media clock. */
  jitter: number;
  /** {@link SenderReport.middle} of the last report, 0 before any. */
  lastReport: number;
  /** Since that, in 65536ths of a second. */
  sinceLastReport: number;
}

/** One interleaved frame on `channel`: a receiver report and the CNAME that RFC 3550 §6.1 wants beside it. */
export function receiverReportFrame(channel: number, ourSsrc: number, reception: Reception): Buffer {
  const name = Buffer.from('agent');
  // SDES: header, source, item of two bytes and the name, then at least one zero, to a multiple of four.
  const itemBytes = Math.ceil((2 + name.length + 1) / 4) * 4;
  const frame = Buffer.alloc(4 + 32 + 8 + itemBytes);
  frame.writeUInt8(0x24, 0);
  frame.writeUInt8(channel, 1);
  frame.writeUInt16BE(frame.length - 4, 2);
  let at = 4;
  at = frame.writeUInt8(0x81, at); // version 2, one report block
  at = frame.writeUInt8(receiverReport, at);
  at = frame.writeUInt16BE(7, at);
  at = frame.writeUInt32BE(ourSsrc, at);
  at = frame.writeUInt32BE(reception.ssrc, at);
  at = frame.writeUInt8(reception.fractionLost, at);
  at = frame.writeUIntBE(Math.min(reception.lost, 0x7fffff), at, 3);
  at = frame.writeUInt32BE(reception.highestSequence >>> 0, at);
  at = frame.writeUInt32BE(Math.min(Math.round(reception.jitter), 0xffffffff), at);
  at = frame.writeUInt32BE(reception.lastReport, at);
  at = frame.writeUInt32BE(Math.min(reception.sinceLastReport, 0xffffffff), at);
  at = frame.writeUInt8(0x81, at);
  at = frame.writeUInt8(sourceDescription, at);
  at = frame.writeUInt16BE((4 + itemBytes) / 4, at);
  at = frame.writeUInt32BE(ourSsrc, at);
  at = frame.writeUInt8(1, at); // CNAME
  at = frame.writeUInt8(name.length, at);
  name.copy(frame, at);
  return frame;
}
