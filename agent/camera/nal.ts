import type { CodecName } from './ingest.ts';

/**
 * Takes NAL units in pieces, so that a unit that came in fifty packets is never put together anywhere but in its
 * final place. `begin` gives the unit's header as a number and the payload bytes that follow it in this packet.
 */
export interface NalSink {
  begin(header: number, bytes: Buffer, start: number, end: number): void;
  append(bytes: Buffer, start: number, end: number): void;
  end(): void;
  /** What was begun lacks a piece: forget it. */
  abandon(): void;
}

/** Takes RTP payloads apart into NAL units. */
export interface Depacketiser {
  /** Payloads of a form that is not understood or not whole. */
  malformed: number;
  /** `lost`: packets are missing before this one. */
  push(bytes: Buffer, start: number, end: number, lost: boolean): void;
  /** The stream is no continuation: forgets a unit that is not complete. */
  reset(): void;
}

/** What a NAL unit is to the one who cuts a stream into pictures; bits, combined. */
export const nal = {
  /** Coded slice data of a picture. */
  slice: 1,
  /** Slice of a picture from which decoding can begin. */
  key: 2,
  /** The first slice of its picture. */
  first: 4,
  /** After slice data this can only belong to the next picture. */
  leads: 8,
  /** VPS, SPS or PPS. */
  parameters: 16,
  /** With `key`: pictures after it may be shown before it (open GOP). */
  open: 32,
  /** A message before a picture: decoding can begin there, though it is shown whole some pictures later. */
  recovery: 64,
} as const;

/** What the parameter sets in force say. */
export interface Description {
  codec: CodecName;
  codecString: string;
  width: number;
  height: number;
  /** Sample aspect ratio, when stated and not square. */
  aspect: readonly [number, number] | undefined;
  /** Pictures may be sent in another order than they are shown in. */
  reorders: boolean;
  /** One picture is one access unit: no fields. */
  wholeFrames: boolean;
  /** Sample entry's name and its configuration box with the record of ISO/IEC 14496-15. */
  sampleEntry: 'avc1' | 'hvc1' | 'mp4v';
  configuration: { box: 'avcC' | 'hvcC' | 'esds'; record: Buffer };
}

/** The parameter sets of one stream. In-band ones win over those of the SDP, which cameras get wrong. */
export interface ParameterSets {
  /** Something differs from what {@link describe} saw last. */
  changed: boolean;
  /** A copy is kept when it is new. Invalid ones are counted and forgotten. */
  offer(unit: Uint8Array, origin: 'sdp' | 'stream'): void;
  /**
   * Describes the picture whose first slice begins with `header` and `bytes[start, end)`; undefined while a set it
   * needs is missing.
   */
  describe(header: number, bytes: Buffer, start: number, end: number): Description | undefined;
}

/** A codec, as far as recording without decoding needs it. */
export interface Codec {
  readonly name: CodecName;
  /** Of the header that `begin` gives as a number; 0 where a picture comes as one unit without header. */
  readonly headerBytes: 0 | 1 | 2;
  /** Of the length in front of every unit in a sample. */
  readonly lengthBytes: 0 | 4;
  /** Every picture is a keyframe. */
  readonly intra: boolean;
  /** Bits of {@link nal} for the unit that begins with `header` and `bytes[start, end)`. */
  kind(header: number, bytes: Buffer, start: number, end: number): number;
  readonly sets: ParameterSets;
}

/** One whose RTP payloads are taken apart in process. */
export interface RtpCodec extends Codec {
  readonly headerBytes: 1 | 2;
  depacketiser(sink: NalSink): Depacketiser;
}
