import type { Description } from './nal.ts';

/** A box of ISO/IEC 14496-12 §4.2: size, type, contents. */
function box(type: string, ...contents: Uint8Array[]): Buffer {
  const size = 8 + contents.reduce((sum, part) => sum + part.length, 0);
  const head = Buffer.alloc(8);
  head.writeUInt32BE(size);
  head.write(type, 4, 'latin1');
  return Buffer.concat([head, ...contents]);
}

function fullBox(type: string, version: number, flags: number, ...contents: Uint8Array[]): Buffer {
  return box(type, u32((version << 24) | flags), ...contents);
}

function u16(...values: number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 2);
  for (const [i, value] of values.entries()) bytes.writeUInt16BE(value, i * 2);
  return bytes;
}

function u32(...values: number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 4);
  for (const [i, value] of values.entries()) bytes.writeUInt32BE(value >>> 0, i * 4);
  return bytes;
}

const unity = u32(0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000);
const trackId = 1;

/** ftyp and moov of a fragmented file with one video track and no samples of its own (ISO/IEC 14496-12 §8.8). */
export function initSegment(description: Description, timescale: number): Buffer {
  const { width, height } = description;
  const ftyp = box('ftyp', Buffer.from('iso5'), u32(512), Buffer.from('iso5iso6mp41'));
  const mvhd = fullBox(
    'mvhd',
    0,
    0,
    u32(0, 0, timescale, 0, 0x10000),
    u16(0x100, 0),
    u32(0, 0),
    unity,
    Buffer.alloc(24),
    u32(trackId + 1),
  );
  // Flags: enabled, in the movie. The size shown is the picture's own; pasp says if its samples are not square.
  const tkhd = fullBox(
    'tkhd',
    0,
    3,
    u32(0, 0, trackId, 0, 0, 0, 0),
    u16(0, 0, 0, 0),
    unity,
    u32(width << 16, height << 16),
  );
  const mdhd = fullBox('mdhd', 0, 0, u32(0, 0, timescale, 0), u16(0x55c4, 0)); // 0x55c4: language "und"
  const hdlr = fullBox('hdlr', 0, 0, u32(0), Buffer.from('vide'), u32(0, 0, 0), Buffer.from('video\0'));
  const dinf = box('dinf', fullBox('dref', 0, 0, u32(1), fullBox('url ', 0, 1)));
  const empty = (type: string): Buffer => fullBox(type, 0, 0, u32(0));
  const stbl = box(
    'stbl',
    fullBox('stsd', 0, 0, u32(1), sampleEntry(description)),
    empty('stts'),
    empty('stsc'),
    fullBox('stsz', 0, 0, u32(0, 0)),
    empty('stco'),
  );
  const minf = box('minf', fullBox('vmhd', 0, 1, u16(0, 0, 0, 0)), dinf, stbl);
  const trak = box('trak', tkhd, box('mdia', mdhd, hdlr, minf));
  const mvex = box('mvex', fullBox('trex', 0, 0, u32(trackId, 1, 0, 0, 0)));
  return Buffer.concat([ftyp, box('moov', mvhd, trak, mvex)]);
}

/** VisualSampleEntry (§12.1.3). Parameter sets also stay in the samples; there they never differ from these. */
function sampleEntry(description: Description): Buffer {
  const { width, height, aspect, configuration } = description;
  return box(
    description.sampleEntry,
    u16(0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, width, height),
    u32(0x480000, 0x480000, 0),
    u16(1),
    Buffer.alloc(32),
    u16(24, 0xffff),
    box(configuration.box, configuration.record),
    ...(aspect ? [box('pasp', u32(...aspect))] : []),
  );
}
