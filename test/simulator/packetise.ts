import type { Clip } from './clip.ts';
import { jpegPayloads } from './jpeg.ts';

/** What a camera may do differently while still speaking RTP. */
export interface PacketQuirks {
  /** Small NAL units that follow one another go into one packet (H.264 STAP-A, H.265 AP). */
  aggregate?: boolean;
  /** `never`: no packet carries the marker; `every-nal`: the last packet of each NAL unit does, not of each picture. */
  marker?: 'right' | 'never' | 'every-nal';
  /** A header extension of this many 32-bit words in every packet (RFC 3550 §5.3.1). */
  extensionWords?: number;
  /** Contributing sources in every packet. */
  contributors?: number;
  /** Padding bytes at the end of every packet, 1 to 255 (RFC 3550 §5.1). */
  padding?: number;
}

/** A frame's packets, one after another, each behind its four bytes of RTSP interleaving (RFC 2326 §10.12). */
export interface PacketFrame {
  /** Channel, sequence number, timestamp and source are zero: see {@link stamp}. */
  template: Buffer;
  /** Where each packet's `$` stands. */
  starts: number[];
  sendAt: number;
  timestamp: number;
  keyframe: boolean;
}

/** M-JPEG has one of its own (RFC 3551 table 5). */
export function payloadTypeOf(codec: Clip['codec']): number {
  return codec === 'mjpeg' ? 26 : 96;
}
const prefix = 4;
/** Below the 1,500 bytes of Ethernet with IP, UDP and RTP headers and room for a tunnel, as cameras do. */
const maxPayload = 1400;

export function packetise(clip: Clip, quirks: PacketQuirks): PacketFrame[] {
  const marker = quirks.marker ?? 'right';
  return clip.frames.map((frame) => {
    const payloads: { parts: Buffer[]; lastOfNal: boolean }[] = [];
    const whole = wholeFrame(frame.nals, clip.codec);
    whole?.forEach((parts, index) => {
      payloads.push({ parts, lastOfNal: index === whole.length - 1 });
    });
    for (const nals of whole ? [] : grouped(frame.nals, clip.codec, quirks.aggregate ?? false)) {
      const made = nals.length > 1 ? [aggregate(nals, clip.codec)] : fragments(nals[0] as Buffer, clip.codec);
      made.forEach((parts, index) => {
        payloads.push({ parts, lastOfNal: index === made.length - 1 });
      });
    }
    const starts: number[] = [];
    const pieces: Buffer[] = [];
    let at = 0;
    payloads.forEach(({ parts, lastOfNal }, index) => {
      const marked =
        marker === 'right' ? index === payloads.length - 1 : marker === 'every-nal' ? lastOfNal : false;
      const packet = onePacket(parts, marked, payloadTypeOf(clip.codec), quirks);
      starts.push(at);
      at += packet.length;
      pieces.push(packet);
    });
    const { sendAt, timestamp, keyframe } = frame;
    return { template: Buffer.concat(pieces), starts, sendAt, timestamp, keyframe };
  });
}

/** A copy of `frame`'s packets with the fields of one stream; sequence numbers count up from `sequence`. */
export function stamp(frame: PacketFrame, sequence: number, timestamp: number, source: number): Buffer {
  const bytes = Buffer.from(frame.template);
  for (let i = 0; i < frame.starts.length; i++) {
    const rtp = (frame.starts[i] as number) + prefix;
    bytes.writeUInt16BE((sequence + i) & 0xffff, rtp + 2);
    bytes.writeUInt32BE(timestamp >>> 0, rtp + 4);
    bytes.writeUInt32BE(source >>> 0, rtp + 8);
  }
  return bytes;
}

function onePacket(parts: Buffer[], marked: boolean, payloadType: number, quirks: PacketQuirks): Buffer {
  const contributors = quirks.contributors ?? 0;
  const extensionWords = quirks.extensionWords ?? 0;
  const padding = quirks.padding ?? 0;
  const header = Buffer.alloc(
    prefix + 12 + contributors * 4 + (extensionWords > 0 ? 4 + extensionWords * 4 : 0),
  );
  const tail = Buffer.alloc(padding);
  if (padding > 0) tail[padding - 1] = padding;
  const size = header.length - prefix + parts.reduce((sum, part) => sum + part.length, 0) + padding;
  header[0] = 0x24;
  header.writeUInt16BE(size, 2);
  header[prefix] = 0x80 | (padding > 0 ? 0x20 : 0) | (extensionWords > 0 ? 0x10 : 0) | contributors;
  header[prefix + 1] = (marked ? 0x80 : 0) | payloadType;
  if (extensionWords > 0) {
    const at = prefix + 12 + contributors * 4;
    header.writeUInt16BE(0xabac, at); // The profile of ONVIF's replay extension.
    header.writeUInt16BE(extensionWords, at + 2);
  }
  return Buffer.concat([header, ...parts, tail]);
}

/** Payloads of a frame that is no NAL units: RFC 2435 for M-JPEG, RFC 6416 §5 for MPEG-4. */
function wholeFrame(pieces: Buffer[], codec: Clip['codec']): Buffer[][] | undefined {
  const bytes = Buffer.concat(pieces);
  if (codec === 'mjpeg') return jpegPayloads(bytes, maxPayload);
  if (codec !== 'mpeg4') return undefined;
  const count = Math.ceil(bytes.length / maxPayload);
  return Array.from({ length: count }, (_, i) => [bytes.subarray(i * maxPayload, (i + 1) * maxPayload)]);
}

/** Runs of NAL units that share a packet; alone unless they are asked to be aggregated and fit. */
function grouped(nals: Buffer[], codec: Clip['codec'], together: boolean): Buffer[][] {
  if (!together) return nals.map((nal) => [nal]);
  const groups: Buffer[][] = [];
  let group: Buffer[] = [];
  let size = codec === 'h264' ? 1 : 2;
  for (const nal of nals) {
    if (group.length > 0 && size + 2 + nal.length > maxPayload) {
      groups.push(group);
      group = [];
      size = codec === 'h264' ? 1 : 2;
    }
    group.push(nal);
    size += 2 + nal.length;
  }
  return [...groups, group].filter((each) => each.length > 0);
}

/** STAP-A (RFC 6184 §5.7.1) or AP (RFC 7798 §4.4.2). */
function aggregate(nals: Buffer[], codec: Clip['codec']): Buffer[] {
  const header =
    codec === 'h264'
      ? // The largest NRI of what is inside (RFC 6184 §5.7).
        Buffer.from([Math.max(...nals.map((nal) => (nal[0] as number) & 0x60)) | 24])
      : // Layer 0, the lowest temporal id; every stream here has one layer.
        Buffer.from([48 << 1, Math.min(...nals.map((nal) => (nal[1] as number) & 7))]);
  return [header, ...nals.flatMap((nal) => [Buffer.from([nal.length >> 8, nal.length & 0xff]), nal])];
}

/** One packet, or several FU-A (RFC 6184 §5.8) or FU (RFC 7798 §4.4.3). */
function fragments(nal: Buffer, codec: Clip['codec']): Buffer[][] {
  if (nal.length <= maxPayload) return [[nal]];
  const headerBytes = codec === 'h264' ? 1 : 2;
  const first = nal[0] as number;
  const indicator =
    codec === 'h264'
      ? Buffer.from([(first & 0xe0) | 28])
      : Buffer.from([(first & 0x81) | (49 << 1), nal[1] as number]);
  const type = codec === 'h264' ? first & 0x1f : (first >> 1) & 0x3f;
  const room = maxPayload - indicator.length - 1;
  const made: Buffer[][] = [];
  for (let at = headerBytes; at < nal.length; at += room) {
    const start = at === headerBytes ? 0x80 : 0;
    const end = at + room >= nal.length ? 0x40 : 0;
    made.push([Buffer.concat([indicator, Buffer.from([start | end | type])]), nal.subarray(at, at + room)]);
  }
  return made;
}
