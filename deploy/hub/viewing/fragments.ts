import { type Box, boxesIn, malformed, only, topLevelBoxes } from './boxes.ts';

/** The head of a fragmented file with one track: ftyp and moov. */
export interface Init {
  bytes: Buffer;
  /** Ticks per second. */
  timescale: number;
  /** The sample description with its parameter sets: files that share it can be one file. */
  description: Buffer;
}

/** One moof with its mdat, in memory of its own. */
export interface Fragment {
  bytes: Buffer;
  /** Ticks, as its tfdt says. */
  decodeTime: number;
  durationTicks: number;
  /** Pictures. */
  samples: number;
  keyframe: boolean;
}

interface TrackDefaults {
  durationTicks: number;
  flags: number;
}

/** ISO/IEC 14496-12 §8.8.3.1: set in a sample that is no sync sample. */
const nonSync = 0x10000;

/**
 * Reads a fragmented MP4 as the nodes record it: one track, one run a fragment or several, data counted from the
 * moof. What a torn file does not finish is left out. Throws `corrupt` `mp4-malformed`.
 */
export async function* readFragments(
  chunks: AsyncIterable<Buffer>,
): AsyncGenerator<{ init: Init } | { fragment: Fragment }> {
  let head: Buffer[] = [];
  let defaults: TrackDefaults | undefined;
  let moof: Box | undefined;
  for await (const box of topLevelBoxes(chunks)) {
    if (box.type === 'ftyp') head = [box.bytes];
    else if (box.type === 'moov') {
      if (defaults) malformed('a second moov');
      const { init, track } = readMoov(box, head);
      defaults = track;
      yield { init };
    } else if (box.type === 'moof') moof = box;
    else if (box.type === 'mdat') {
      if (!moof || !defaults) malformed('an mdat without its moof');
      const facts = readMoof((moof as Box).body, defaults as TrackDefaults);
      yield { fragment: { bytes: Buffer.concat([(moof as Box).bytes, box.bytes]), ...facts } };
      moof = undefined;
    }
  }
}

function readMoov(moov: Box, head: Buffer[]): { init: Init; track: TrackDefaults } {
  const mdia = only(only(moov.body, 'trak').body, 'mdia').body;
  const mdhd = only(mdia, 'mdhd').body;
  const stbl = only(only(mdia, 'minf').body, 'stbl').body;
  const trex = only(only(moov.body, 'mvex').body, 'trex').body;
  if (mdhd.length < 24 || trex.length < 24) malformed('a header box is too short');
  const timescale = mdhd.readUInt32BE(mdhd[0] === 1 ? 20 : 12);
  if (timescale === 0) malformed('a track without a timescale');
  const description = Buffer.from(only(stbl, 'stsd').bytes);
  return {
    init: { bytes: Buffer.concat([...head, moov.bytes]), timescale, description },
    track: { durationTicks: trex.readUInt32BE(12), flags: trex.readUInt32BE(20) },
  };
}

function readMoof(moof: Buffer, track: TrackDefaults): Omit<Fragment, 'bytes'> {
  const traf = only(moof, 'traf').body;
  const tfdt = only(traf, 'tfdt').body;
  if (tfdt.length < (tfdt[0] === 1 ? 12 : 8)) malformed('a tfdt is too short');
  const usual = readTfhd(only(traf, 'tfhd').body, track);
  let durationTicks = 0;
  let samples = 0;
  let firstFlags: number | undefined;
  for (const { type, body } of boxesIn(traf)) {
    if (type !== 'trun') continue;
    const run = readTrun(body, usual);
    durationTicks += run.durationTicks;
    samples += run.samples;
    firstFlags ??= run.firstFlags;
  }
  if (firstFlags === undefined) malformed('a fragment without samples');
  return {
    decodeTime: tfdt[0] === 1 ? Number(tfdt.readBigUInt64BE(4)) : tfdt.readUInt32BE(4),
    durationTicks,
    samples,
    keyframe: ((firstFlags as number) & nonSync) === 0,
  };
}

/** §8.8.7. */
function readTfhd(tfhd: Buffer, track: TrackDefaults): TrackDefaults {
  if (tfhd.length < 8) malformed('a tfhd is too short');
  const flags = tfhd.readUIntBE(1, 3);
  if (flags & 0x1) malformed('data counted from the start of the file');
  let at = 8 + (flags & 0x2 ? 4 : 0);
  const next = (bit: number, fallback: number): number => {
    if (!(flags & bit)) return fallback;
    if (at + 4 > tfhd.length) malformed('a tfhd is too short');
    at += 4;
    return tfhd.readUInt32BE(at - 4);
  };
  const durationTicks = next(0x8, track.durationTicks);
  next(0x10, 0);
  return { durationTicks, flags: next(0x20, track.flags) };
}

/** §8.8.8. */
function readTrun(
  trun: Buffer,
  usual: TrackDefaults,
): { durationTicks: number; samples: number; firstFlags?: number } {
  if (trun.length < 8) malformed('a trun is too short');
  const flags = trun.readUIntBE(1, 3);
  const count = trun.readUInt32BE(4);
  let at = 8 + (flags & 0x1 ? 4 : 0);
  const own = flags & 0x4 ? at : undefined;
  if (own !== undefined) at += 4;
  const fields = [0x100, 0x200, 0x400, 0x800].filter((bit) => flags & bit);
  if (at + count * fields.length * 4 > trun.length) malformed('a trun is too short');
  const place = (bit: number): number => at + fields.indexOf(bit) * 4;
  const stride = fields.length * 4;
  let durationTicks = 0;
  if (flags & 0x100)
    for (let i = 0; i < count; i++) durationTicks += trun.readUInt32BE(place(0x100) + i * stride);
  else durationTicks = count * usual.durationTicks;
  if (count === 0) return { durationTicks, samples: 0 };
  const firstFlags =
    own !== undefined
      ? trun.readUInt32BE(own)
      : flags & 0x400
        ? trun.readUInt32BE(place(0x400))
        : usual.flags;
  return { durationTicks, samples: count, firstFlags };
}

/** Whether a fragment's tfdt, which may have 32 bits, can say this time. */
export function hasRoom({ bytes }: Fragment, decodeTime: number): boolean {
  return tfdtOf(bytes)[0] === 1 || decodeTime <= 0xffffffff;
}

/** Gives a fragment another place in a file that has room for it. */
export function moveFragment(fragment: Buffer, sequence: number, decodeTime: number): void {
  const tfdt = tfdtOf(fragment);
  if (tfdt[0] === 1) tfdt.writeBigUInt64BE(BigInt(decodeTime), 4);
  else tfdt.writeUInt32BE(decodeTime, 4);
  only(moofOf(fragment), 'mfhd').body.writeUInt32BE(sequence >>> 0, 4);
}

function moofOf(fragment: Buffer): Buffer {
  return only(fragment, 'moof').body;
}

function tfdtOf(fragment: Buffer): Buffer {
  return only(only(moofOf(fragment), 'traf').body, 'tfdt').body;
}
