import { Failure } from '#protocol/failure.ts';

/** The samples of one moof, in the order they lie in. Arrays are longer than `count` and used again. */
export interface ReadSamples {
  count: number;
  sizes: Uint32Array;
  /** Ticks of the track, signed. */
  shown: Float64Array;
  sync: Uint8Array;
  /** Of all samples together. */
  bytes: number;
}

/** What stands in the trex of a file for what its fragments leave out. */
export interface TrackDefaults {
  duration: number;
  size: number;
  flags: number;
}

/** ffmpeg is asked for half a second a fragment; more come at once only after a network held them back. */
const maxSamples = 2048;

export function noSamples(): ReadSamples {
  return {
    count: 0,
    sizes: new Uint32Array(maxSamples),
    shown: new Float64Array(maxSamples),
    sync: new Uint8Array(maxSamples),
    bytes: 0,
  };
}

export function strange(what: string): Failure {
  return new Failure('transient', 'stream-error', `ffmpeg gives no fragmented MP4: ${what}`);
}

/** The boxes that fill `bytes[start, end)`: type, and where the contents lie (ISO/IEC 14496-12 §4.2). */
export function* boxesIn(
  bytes: Buffer,
  start: number,
  end: number,
): Generator<{ type: string; from: number; to: number }> {
  for (let at = start; at < end; ) {
    const size = at + 8 <= end ? bytes.readUInt32BE(at) : 0;
    if (size < 8 || at + size > end) throw strange('a box does not fit in its parent');
    yield { type: bytes.toString('latin1', at + 4, at + 8), from: at + 8, to: at + size };
    at += size;
  }
}

/** The first box of a type, with at least `least` bytes of contents. */
export function boxOf(
  bytes: Buffer,
  { from, to }: { from: number; to: number },
  type: string,
  least = 0,
): { from: number; to: number } {
  for (const box of boxesIn(bytes, from, to)) {
    if (box.type !== type) continue;
    if (box.to - box.from < least) throw strange(`${type} is too short`);
    return box;
  }
  throw strange(`no ${type}`);
}

/**
 * Reads the moof that fills `moof` into `into` (§8.8.4 to §8.8.12): one track, its samples in one piece right behind
 * the header of the mdat that follows. Throws `stream-error` for anything else.
 */
export function readMoof(moof: Buffer, track: TrackDefaults, into: ReadSamples): void {
  const traf = boxOf(moof, boxOf(moof, { from: 0, to: moof.length }, 'moof'), 'traf');
  const tfhd = boxOf(moof, traf, 'tfhd', 8);
  const tfhdFlags = moof.readUIntBE(tfhd.from + 1, 3);
  if ((tfhdFlags & 0x1) !== 0) throw strange('data counted from the start of the file');
  let at = tfhd.from + 8 + (tfhdFlags & 0x2 ? 4 : 0);
  const stated = (bit: number, usual: number): number => {
    if (!(tfhdFlags & bit)) return usual;
    if (at + 4 > tfhd.to) throw strange('tfhd is too short');
    at += 4;
    return moof.readUInt32BE(at - 4);
  };
  const defaults: TrackDefaults = {
    duration: stated(0x8, track.duration),
    size: stated(0x10, track.size),
    flags: stated(0x20, track.flags),
  };
  const tfdt = boxOf(moof, traf, 'tfdt', 8);
  const long = moof[tfdt.from] === 1;
  if (long && tfdt.to - tfdt.from < 12) throw strange('tfdt is too short');
  let time = long ? Number(moof.readBigInt64BE(tfdt.from + 4)) : moof.readUInt32BE(tfdt.from + 4);
  into.count = 0;
  into.bytes = 0;
  for (const { type, from, to } of boxesIn(moof, traf.from, traf.to))
    if (type === 'trun') time = readRun(moof, from, to, time, defaults, into);
  if (into.count === 0) throw strange('a fragment without samples');
}

/** §8.8.8; returns the time after the last sample. */
function readRun(
  moof: Buffer,
  from: number,
  to: number,
  start: number,
  defaults: TrackDefaults,
  into: ReadSamples,
): number {
  if (to - from < 12) throw strange('trun is too short');
  const flags = moof.readUIntBE(from + 1, 3);
  const count = moof.readUInt32BE(from + 4);
  if ((flags & 0x1) === 0 || moof.readInt32BE(from + 8) !== moof.length + 8 + into.bytes)
    throw strange('samples lie elsewhere than right behind their moof');
  let at = from + 12 + (flags & 0x4 ? 4 : 0);
  const rowBytes = 4 * [0x100, 0x200, 0x400, 0x800].filter((bit) => flags & bit).length;
  if (into.count + count > maxSamples) throw strange(`more than ${maxSamples} samples`);
  if (at + count * rowBytes > to) throw strange('trun is too short');
  const firstFlags = flags & 0x4 ? moof.readUInt32BE(from + 12) : undefined;
  let time = start;
  const next = (bit: number, usual: number): number => {
    if (!(flags & bit)) return usual;
    at += 4;
    return moof.readUInt32BE(at - 4);
  };
  for (let i = 0; i < count; i++) {
    const duration = next(0x100, defaults.duration);
    const size = next(0x200, defaults.size);
    const own = next(0x400, (i === 0 ? firstFlags : undefined) ?? defaults.flags);
    const offset = next(0x800, 0);
    // Writers put negative offsets into version 0 too, and never one above 2^31.
    into.shown[into.count] = time + (offset | 0);
    into.sizes[into.count] = size;
    into.sync[into.count] = own & 0x10000 ? 0 : 1;
    into.count += 1;
    into.bytes += size;
    time += duration;
  }
  return time;
}
