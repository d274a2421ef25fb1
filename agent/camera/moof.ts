/** The samples of one fragment; arrays are longer than `count`. Times in ticks of the track. */
export interface Samples {
  count: number;
  /** The first sample is a sync sample. */
  keyframe: boolean;
  /** So is every other; else none is. */
  intra: boolean;
  durations: Uint32Array;
  sizes: Uint32Array;
  /** Presentation minus decode time, signed. */
  offsets: Int32Array;
  /** Whether any offset is not zero. */
  reordered: boolean;
}

const fixedBytes = 8 + 16 + 8 + 20 + 20 + 24;
const mdatHeaderBytes = 8;

/** Bytes that moof and mdat header take before the first sample. */
export function headBytes(count: number, reordered: boolean): number {
  return fixedBytes + count * (reordered ? 12 : 8) + mdatHeaderBytes;
}

// ISO/IEC 14496-12 §8.8.3.1: depends on no other, and is a sync sample; or depends on others, and is none.
const syncFlags = 0x02000000;
const otherFlags = 0x01010000;

/**
 * Writes moof and mdat header in front of the samples that lie at `bytes[dataStart, dataEnd)`; returns where the
 * fragment begins, {@link headBytes} before `dataStart`.
 */
export function writeHead(
  bytes: Buffer,
  dataStart: number,
  dataEnd: number,
  sequence: number,
  decodeTime: number,
  samples: Samples,
): number {
  const { count, reordered } = samples;
  const start = dataStart - headBytes(count, reordered);
  const moofSize = dataStart - mdatHeaderBytes - start;
  const trunSize = 24 + count * (reordered ? 12 : 8);
  let at = start;
  const u32 = (value: number): void => {
    at = bytes.writeUInt32BE(value, at);
  };
  const name = (type: number, size: number): void => {
    u32(size);
    u32(type);
  };
  name(0x6d6f6f66, moofSize); // moof
  name(0x6d666864, 16); // mfhd
  u32(0);
  u32(sequence >>> 0);
  name(0x74726166, moofSize - 24); // traf
  name(0x74666864, 20); // tfhd: default-base-is-moof, default-sample-flags
  u32(0x020020);
  u32(1);
  u32(samples.intra ? syncFlags : otherFlags);
  name(0x74666474, 20); // tfdt, version 1: 64 bits
  u32(0x01000000);
  u32(Math.floor(decodeTime / 2 ** 32));
  u32(decodeTime % 2 ** 32);
  name(0x7472756e, trunSize); // trun, version 1: signed offsets
  // data-offset, first-sample-flags, durations, sizes, and offsets where pictures are reordered
  u32(0x01000305 | (reordered ? 0x800 : 0));
  u32(count);
  u32(moofSize + mdatHeaderBytes);
  u32(samples.keyframe ? syncFlags : otherFlags);
  for (let i = 0; i < count; i++) {
    u32(samples.durations[i]!);
    u32(samples.sizes[i]!);
    if (reordered) at = bytes.writeInt32BE(samples.offsets[i]!, at);
  }
  name(0x6d646174, mdatHeaderBytes + dataEnd - dataStart); // mdat
  return start;
}

/** Where the bytes of the first sample of a fragment lie that {@link writeHead} has begun. */
export function firstSample(fragment: Buffer): { start: number; end: number } {
  const start = fragment.readUInt32BE(0) + mdatHeaderBytes;
  return { start, end: Math.min(fragment.length, start + fragment.readUInt32BE(fixedBytes + 4)) };
}
