import { child, children, type Entry, type Sample, sampleEntry, splitNals } from '../simulator/mp4.ts';

export interface FragmentedMp4 extends Entry {
  timescale: number;
  fragments: { decodeTime: number; samples: (Sample & { duration: number })[] }[];
}

/** A fragmented MP4 with one track, as a recording has it (ISO/IEC 14496-12 §8.8). Throws on a second track. */
export function parseFragmentedMp4(file: Buffer): FragmentedMp4 {
  const moov = child(file, 'moov');
  const traks = children(moov, 'trak');
  if (traks.length !== 1) throw new Error(`${traks.length} tracks`);
  const mdia = child(traks[0] as Buffer, 'mdia');
  const mdhd = child(mdia, 'mdhd');
  const entry = sampleEntry(child(child(child(mdia, 'minf'), 'stbl'), 'stsd'));
  const trex = child(child(moov, 'mvex'), 'trex');
  const fragments = children(file, 'moof').map((moof) => {
    const traf = child(moof, 'traf');
    const tfdt = child(traf, 'tfdt');
    const decodeTime = tfdt[0] === 1 ? Number(tfdt.readBigUInt64BE(4)) : tfdt.readUInt32BE(4);
    // A box's contents begin 8 bytes after the box, to which data offsets count (default-base-is-moof).
    const moofAt = moof.byteOffset - file.byteOffset - 8;
    return { decodeTime, samples: samplesOf(file, moofAt, traf, trex, decodeTime) };
  });
  return { ...entry, timescale: mdhd.readUInt32BE(mdhd[0] === 1 ? 20 : 12), fragments };
}

/** Every NAL unit in decoding order. */
export function nalsOfMp4(mp4: FragmentedMp4): Buffer[] {
  return mp4.fragments.flatMap(({ samples }) =>
    samples.flatMap((sample) => splitNals(sample.bytes, mp4.lengthSize)),
  );
}

function samplesOf(file: Buffer, moofAt: number, traf: Buffer, trex: Buffer, decodeTime: number) {
  const tfhd = child(traf, 'tfhd');
  const flags = tfhd.readUIntBE(1, 3);
  let at = 8 + (flags & 1 ? 8 : 0) + (flags & 2 ? 4 : 0);
  const field = (bit: number, fallback: number): number => {
    if (!(flags & bit)) return fallback;
    at += 4;
    return tfhd.readUInt32BE(at - 4);
  };
  const usual = {
    duration: field(0x8, trex.readUInt32BE(12)),
    size: field(0x10, trex.readUInt32BE(16)),
    flags: field(0x20, trex.readUInt32BE(20)),
  };
  const samples: (Sample & { duration: number })[] = [];
  let time = decodeTime;
  for (const trun of children(traf, 'trun')) {
    const present = trun.readUIntBE(1, 3);
    let row = 8;
    if (!(present & 1)) throw new Error('a run without data offset');
    let data = moofAt + trun.readInt32BE(row);
    row += 4;
    let firstFlags: number | undefined;
    if (present & 4) {
      firstFlags = trun.readUInt32BE(row);
      row += 4;
    }
    const next = (bit: number, fallback: number): number => {
      if (!(present & bit)) return fallback;
      row += 4;
      return trun.readUInt32BE(row - 4);
    };
    const count = trun.readUInt32BE(4);
    for (let i = 0; i < count; i++) {
      const duration = next(0x100, usual.duration);
      const size = next(0x200, usual.size);
      const sampleFlags = next(0x400, (i === 0 ? firstFlags : undefined) ?? usual.flags);
      const offset = next(0x800, 0);
      if (data + size > file.length) throw new Error('a sample lies beyond the end of the file');
      samples.push({
        bytes: file.subarray(data, data + size),
        decodeTime: time,
        compositionOffset: trun[0] === 0 ? offset : offset | 0,
        sync: (sampleFlags & 0x10000) === 0,
        duration,
      });
      data += size;
      time += duration;
    }
  }
  return samples;
}
