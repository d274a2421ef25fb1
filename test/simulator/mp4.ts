import { readFileSync, statSync } from 'node:fs';

/** One coded picture of an MP4, in decoding order. */
export interface Sample {
  /** The sample's bytes as stored: NAL units, each behind its length. A view of the file's buffer. */
  bytes: Buffer;
  /** Ticks of the track's timescale. */
  decodeTime: number;
  /** Presentation minus decoding time, ticks (`ctts`; 0 without one). */
  compositionOffset: number;
  sync: boolean;
}

export type SimulatedCodec = 'h264' | 'h265' | 'mjpeg' | 'mpeg4';

export interface VideoTrack {
  codec: SimulatedCodec;
  timescale: number;
  /** Sum of all sample durations, ticks. */
  duration: number;
  /** Bytes of the length in front of every NAL unit; 0 where a sample is one piece. */
  lengthSize: number;
  /** VPS, SPS, PPS in that order, from avcC or hvcC; what a decoder of MPEG-4 must know first. */
  parameterSets: Buffer[];
  width: number;
  height: number;
  samples: Sample[];
}

/** A fixture is held in memory whole. */
const maxFileBytes = 256 * 1024 * 1024;
/** 11 hours at 25 frames/s: more is a damaged table. */
const maxSamples = 1_000_000;

/**
 * The first H.264, H.265, MPEG-4 or M-JPEG track of a plain (not fragmented) MP4, by its sample tables: ISO/IEC 14496-12 §8.5 to
 * §8.7, 14496-15 for avcC and hvcC. Throws on anything it cannot read in full.
 */
export function readVideoTrack(path: string): VideoTrack {
  const { size } = statSync(path);
  if (size > maxFileBytes) throw new Error(`${path}: ${size} bytes, more than ${maxFileBytes}`);
  return parseVideoTrack(readFileSync(path));
}

export function parseVideoTrack(file: Buffer): VideoTrack {
  const moov = child(file, 'moov');
  for (const trak of children(moov, 'trak')) {
    const mdia = child(trak, 'mdia');
    if (child(mdia, 'hdlr').toString('latin1', 8, 12) !== 'vide') continue;
    return parseTrack(file, mdia);
  }
  throw new Error('no video track');
}

function parseTrack(file: Buffer, mdia: Buffer): VideoTrack {
  const mdhd = child(mdia, 'mdhd');
  const timescale = mdhd.readUInt32BE(mdhd[0] === 1 ? 20 : 12);
  const stbl = child(child(mdia, 'minf'), 'stbl');
  const entry = sampleEntry(child(stbl, 'stsd'));

  const sizes = sampleSizes(child(stbl, 'stsz'));
  const offsets = sampleOffsets(child(stbl, 'stsc'), chunkOffsets(stbl), sizes);
  const durations = runs(child(stbl, 'stts'), sizes.length, (box, at) => box.readUInt32BE(at));
  const ctts = children(stbl, 'ctts')[0];
  // Version 0 is unsigned by the text; writers put negative offsets there all the same, never ones above 2^31.
  const compositions = ctts ? runs(ctts, sizes.length, (box, at) => box.readInt32BE(at)) : undefined;
  const stss = children(stbl, 'stss')[0];
  const syncs = stss ? new Set(table(stss, 4, 4, (box, at) => box.readUInt32BE(at) - 1)) : undefined;

  let decodeTime = 0;
  const samples = sizes.map((size, index): Sample => {
    const offset = offsets[index] as number;
    if (offset + size > file.length) throw new Error(`sample ${index} lies beyond the end of the file`);
    const sample = {
      bytes: file.subarray(offset, offset + size),
      decodeTime,
      compositionOffset: compositions?.[index] ?? 0,
      sync: syncs?.has(index) ?? true,
    };
    decodeTime += durations[index] as number;
    return sample;
  });
  return { ...entry, timescale, duration: decodeTime, samples };
}

/** The contents of every box of `type` directly inside `parent`. */
export function children(parent: Buffer, type: string): Buffer[] {
  const found: Buffer[] = [];
  for (let at = 0; at + 8 <= parent.length; ) {
    let size = parent.readUInt32BE(at);
    let header = 8;
    if (size === 1) {
      size = Number(parent.readBigUInt64BE(at + 8));
      header = 16;
    } else if (size === 0) size = parent.length - at;
    if (size < header || at + size > parent.length) throw new Error(`a box of ${size} bytes does not fit`);
    if (parent.toString('latin1', at + 4, at + 8) === type)
      found.push(parent.subarray(at + header, at + size));
    at += size;
  }
  return found;
}

/** The contents of the first box of `type` directly inside `parent`; throws when there is none. */
export function child(parent: Buffer, type: string): Buffer {
  const found = children(parent, type)[0];
  if (!found) throw new Error(`no ${type} box`);
  return found;
}

/** The rows of a table whose count stands at `countAt` and whose rows follow it. */
function table<T>(box: Buffer, countAt: number, rowBytes: number, row: (box: Buffer, at: number) => T): T[] {
  const count = box.readUInt32BE(countAt);
  if (count > maxSamples) throw new Error(`a table of ${count} rows`);
  return Array.from({ length: count }, (_, index) => row(box, countAt + 4 + index * rowBytes));
}

/** `stts` and `ctts`: rows of (count, value), spread over `total` samples. */
function runs(box: Buffer, total: number, value: (box: Buffer, at: number) => number): number[] {
  const spread: number[] = [];
  for (const [count, each] of table(box, 4, 8, (b, at) => [b.readUInt32BE(at), value(b, at + 4)] as const)) {
    if (spread.length + count > total) throw new Error('a time table describes more samples than there are');
    for (let i = 0; i < count; i++) spread.push(each);
  }
  if (spread.length !== total) throw new Error('a time table describes fewer samples than there are');
  return spread;
}

function sampleSizes(stsz: Buffer): number[] {
  const common = stsz.readUInt32BE(4);
  if (common === 0) return table(stsz, 8, 4, (box, at) => box.readUInt32BE(at));
  const count = stsz.readUInt32BE(8);
  if (count > maxSamples) throw new Error(`${count} samples`);
  return new Array<number>(count).fill(common);
}

function chunkOffsets(stbl: Buffer): number[] {
  const stco = children(stbl, 'stco')[0];
  if (stco) return table(stco, 4, 4, (box, at) => box.readUInt32BE(at));
  return table(child(stbl, 'co64'), 4, 8, (box, at) => Number(box.readBigUInt64BE(at)));
}

function sampleOffsets(stsc: Buffer, chunks: number[], sizes: number[]): number[] {
  const rows = table(stsc, 4, 12, (box, at) => ({
    first: box.readUInt32BE(at) - 1,
    perChunk: box.readUInt32BE(at + 4),
  }));
  const offsets: number[] = [];
  let row = 0;
  for (let chunk = 0; chunk < chunks.length; chunk++) {
    while (row + 1 < rows.length && (rows[row + 1]?.first ?? 0) <= chunk) row++;
    let offset = chunks[chunk] as number;
    for (let i = 0; i < (rows[row]?.perChunk ?? 0) && offsets.length < sizes.length; i++) {
      offset += sizes[offsets.push(offset) - 1] as number;
    }
  }
  if (offsets.length !== sizes.length) throw new Error('the chunks hold fewer samples than there are');
  return offsets;
}

export type Entry = Pick<VideoTrack, 'codec' | 'lengthSize' | 'parameterSets' | 'width' | 'height'>;

/** What the first sample description of an `stsd` says. */
export function sampleEntry(stsd: Buffer): Entry {
  const size = stsd.readUInt32BE(8);
  const format = stsd.toString('latin1', 12, 16);
  // A VisualSampleEntry is 78 bytes, then boxes (14496-12 §12.1.3).
  const entry = stsd.subarray(16, 8 + size);
  const picture = { width: entry.readUInt16BE(24), height: entry.readUInt16BE(26) };
  const boxes = entry.subarray(78);
  if (format === 'avc1' || format === 'avc3') {
    const avcC = child(boxes, 'avcC');
    const [sps, at] = nalArray(avcC, 6, (avcC[5] as number) & 0x1f);
    const [pps] = nalArray(avcC, at + 1, avcC[at] as number);
    const lengthSize = ((avcC[4] as number) & 3) + 1;
    return { codec: 'h264', lengthSize, parameterSets: [...sps, ...pps], ...picture };
  }
  if (format === 'hvc1' || format === 'hev1') {
    const hvcC = child(boxes, 'hvcC');
    const parameterSets: Buffer[] = [];
    let at = 23;
    for (let array = 0; array < (hvcC[22] as number); array++) {
      const type = (hvcC[at] as number) & 0x3f;
      const [nals, next] = nalArray(hvcC, at + 3, hvcC.readUInt16BE(at + 1));
      if (type >= 32 && type <= 34) parameterSets.push(...nals); // Arrays of SEI may follow VPS, SPS, PPS.
      at = next;
    }
    return { codec: 'h265', lengthSize: ((hvcC[21] as number) & 3) + 1, parameterSets, ...picture };
  }
  if (format === 'mp4v') {
    const { objectType, specific } = decoderConfig(child(boxes, 'esds'));
    const codec = objectType === 0x20 ? 'mpeg4' : objectType === 0x6c ? 'mjpeg' : undefined;
    if (!codec) throw new Error(`a track of object type ${objectType}`);
    return { codec, lengthSize: 0, parameterSets: specific.length > 0 ? [specific] : [], ...picture };
  }
  throw new Error(`a track of format ${format}`);
}

/** DecoderConfigDescriptor of an `esds` (ISO/IEC 14496-1 §7.2.6): nested descriptors, tag and length in front. */
function decoderConfig(esds: Buffer): { objectType: number; specific: Buffer } {
  const descriptor = (bytes: Buffer, at: number, tag: number): Buffer => {
    if (bytes[at] !== tag) throw new Error(`a descriptor ${bytes[at]}, not ${tag}`);
    let size = 0;
    let next = at + 1;
    do size = size * 128 + ((bytes[next] as number) & 0x7f);
    while ((bytes[next++] as number) & 0x80);
    return bytes.subarray(next, next + size);
  };
  const decoder = descriptor(descriptor(esds, 4, 3), 3, 4);
  return {
    objectType: decoder[0] as number,
    specific: decoder.length > 13 ? descriptor(decoder, 13, 5) : Buffer.alloc(0),
  };
}

/** `count` NAL units, each behind a 16-bit length, and where they end. */
function nalArray(box: Buffer, start: number, count: number): [nals: Buffer[], end: number] {
  const nals: Buffer[] = [];
  let at = start;
  for (let i = 0; i < count; i++) {
    const size = box.readUInt16BE(at);
    if (at + 2 + size > box.length) throw new Error('a parameter set does not fit its box');
    nals.push(box.subarray(at + 2, at + 2 + size));
    at += 2 + size;
  }
  return [nals, at];
}

/** The NAL units of one sample, or its one piece. */
export function splitNals(sample: Buffer, lengthSize: number): Buffer[] {
  if (lengthSize === 0) return [sample];
  const nals: Buffer[] = [];
  for (let at = 0; at < sample.length; ) {
    const size = sample.readUIntBE(at, lengthSize);
    at += lengthSize;
    if (at + size > sample.length) throw new Error('a NAL unit does not fit its sample');
    if (size > 0) nals.push(sample.subarray(at, at + size));
    at += size;
  }
  return nals;
}
