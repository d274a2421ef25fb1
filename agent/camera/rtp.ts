/** The header of one RTP packet (RFC 3550 §5.1). One object is parsed into again and again. */
export class RtpPacket {
  payloadType = 0;
  marker = false;
  sequence = 0;
  timestamp = 0;
  ssrc = 0;
  /** Where the payload lies in the bytes that were parsed, padding excluded. */
  payloadStart = 0;
  payloadEnd = 0;
}

/** Parses the packet at `bytes[start, end)` into `into`; false when it is none, and then `into` means nothing. */
export function parseRtp(bytes: Buffer, start: number, end: number, into: RtpPacket): boolean {
  if (end - start < 12) return false;
  const first = bytes[start]!;
  if (first >> 6 !== 2) return false;
  let payload = start + 12 + 4 * (first & 0x0f);
  if ((first & 0x10) !== 0) {
    if (payload + 4 > end) return false;
    payload += 4 + 4 * ((bytes[payload + 2]! << 8) | bytes[payload + 3]!);
  }
  let limit = end;
  if ((first & 0x20) !== 0) {
    const padding = bytes[end - 1]!;
    if (padding === 0) return false;
    limit -= padding;
  }
  if (payload > limit) return false;
  const second = bytes[start + 1]!;
  into.marker = second >= 0x80;
  into.payloadType = second & 0x7f;
  into.sequence = (bytes[start + 2]! << 8) | bytes[start + 3]!;
  into.timestamp = uint32(bytes, start + 4);
  into.ssrc = uint32(bytes, start + 8);
  into.payloadStart = payload;
  into.payloadEnd = limit;
  return true;
}

export function uint32(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;
}
