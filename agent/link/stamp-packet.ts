/** STAMP test packets, unauthenticated mode: RFC 8762 §4.2.1 and §4.3.1, both 44 octets. */

export const stampBytes = 44;
export const stampPort = 862;

/** RFC 4656 §4.1.2 with the Z bit of RFC 8186 §2.3; ours is always NTP format (Z = 0). */
export interface ErrorEstimate {
  /** The clock follows UTC by an external source. */
  synchronised: boolean;
  /** False: the timestamp beside it is PTP's. */
  ntp: boolean;
  scale: number;
  /** Zero marks a corrupt packet. */
  multiplier: number;
}

export interface SenderPacket {
  sequence: number;
  /** UTC milliseconds. */
  sentAt: number;
  error: ErrorEstimate;
}

export interface ReflectedPacket extends SenderPacket {
  /** UTC milliseconds, by the reflector's clock like `sentAt`. */
  receivedAt: number;
  sender: SenderPacket;
}

/** Seconds from 1900, where NTP's era 0 begins, to 1970. */
const epochSeconds = 2_208_988_800;
const eraMs = 2 ** 32 * 1000;
/** RFC 5357 §4.2: of a reflector that cannot read the hop limit of what arrives. */
const unknownTtl = 255;

export function encodeSender(packet: SenderPacket): Buffer {
  const bytes = Buffer.alloc(stampBytes);
  writeStamp(bytes, packet);
  return bytes;
}

/** Undefined for what is no packet of a sender: too short, or with a zero multiplier (RFC 4656 §4.1.2). */
export function parseSender(bytes: Buffer, nearMs: number): SenderPacket | undefined {
  if (bytes.length < stampBytes) return undefined;
  const packet = readStamp(bytes, 0, nearMs);
  return packet.error.multiplier === 0 ? undefined : packet;
}

/**
 * What a stateless reflector answers: the sender's own sequence number, and the same length as what came, its content
 * beyond the base packet copied (§4.3).
 */
export function encodeReflected(
  received: Buffer,
  receivedAt: number,
  sentAt: number,
  error: ErrorEstimate,
): Buffer {
  const bytes = Buffer.alloc(received.length);
  writeStamp(bytes, { sequence: received.readUInt32BE(0), sentAt, error });
  writeTime(bytes, 16, receivedAt);
  received.copy(bytes, 24, 0, 14);
  bytes[40] = unknownTtl;
  received.copy(bytes, stampBytes, stampBytes);
  return bytes;
}

/** Undefined for what is no packet of a reflector. */
export function parseReflected(bytes: Buffer, nearMs: number): ReflectedPacket | undefined {
  if (bytes.length < stampBytes) return undefined;
  const packet = readStamp(bytes, 0, nearMs);
  const sender = readStamp(bytes, 24, nearMs);
  if (packet.error.multiplier === 0) return undefined;
  return { ...packet, receivedAt: readTime(bytes, 16, nearMs, packet.error.ntp), sender };
}

function writeStamp(bytes: Buffer, { sequence, sentAt, error }: SenderPacket): void {
  bytes.writeUInt32BE(sequence >>> 0, 0);
  writeTime(bytes, 4, sentAt);
  bytes[12] = (error.synchronised ? 0x80 : 0) | (error.ntp ? 0 : 0x40) | error.scale;
  bytes[13] = error.multiplier;
}

function readStamp(bytes: Buffer, at: number, nearMs: number): SenderPacket {
  const flags = bytes[at + 12]!;
  const error = {
    synchronised: (flags & 0x80) !== 0,
    ntp: (flags & 0x40) === 0,
    scale: flags & 0x3f,
    multiplier: bytes[at + 13]!,
  };
  return { sequence: bytes.readUInt32BE(at), sentAt: readTime(bytes, at + 4, nearMs, error.ntp), error };
}

/** NTP timestamp format (RFC 5905 §6): seconds since 1900 modulo 2³², then a binary fraction. */
function writeTime(bytes: Buffer, at: number, utcMs: number): void {
  const seconds = Math.floor(utcMs / 1000);
  const fraction = Math.min(2 ** 32 - 1, Math.round((utcMs / 1000 - seconds) * 2 ** 32));
  bytes.writeUInt32BE((seconds + epochSeconds) % 2 ** 32, at);
  bytes.writeUInt32BE(fraction, at + 4);
}

/** In the era that lies nearest to `nearMs`; PTP's truncated format counts from 1970, in nanoseconds. */
function readTime(bytes: Buffer, at: number, nearMs: number, ntp: boolean): number {
  const seconds = bytes.readUInt32BE(at) - (ntp ? epochSeconds : 0);
  const rest = bytes.readUInt32BE(at + 4);
  const utcMs = seconds * 1000 + (ntp ? (rest / 2 ** 32) * 1000 : rest / 1e6);
  return utcMs + Math.round((nearMs - utcMs) / eraMs) * eraMs;
}
