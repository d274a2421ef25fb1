import { boxesIn, malformed, only } from './boxes.ts';

/** An init segment with room for the file's whole length, which players want to know before they show anything. */
export interface InitWithLength {
  bytes: Buffer;
  /** Where the length goes: 64 bits, ticks of the movie's own timescale. */
  lengthAt: number;
  movieTimescale: number;
}

/** A box with a 64-bit duration in front of trex: Movie Extends Header, ISO/IEC 14496-12 §8.8.2. */
const mehdBytes = 20;

/** Adds an mehd, or finds the one that is there when it has 64 bits. Nothing in a fragmented moov counts from here. */
export function withLength(init: Buffer): InitWithLength {
  const copy = Buffer.from(init);
  const moov = only(copy, 'moov');
  const mvhd = only(moov.body, 'mvhd').body;
  const movieTimescale = mvhd.readUInt32BE(mvhd[0] === 1 ? 20 : 12);
  const mvex = only(moov.body, 'mvex');
  const old = [...boxesIn(mvex.body)].find(({ type }) => type === 'mehd');
  if (old) {
    if (old.body[0] !== 1) malformed('a length of 32 bits');
    return { bytes: copy, lengthAt: old.body.byteOffset - copy.byteOffset + 4, movieTimescale };
  }
  const mehd = Buffer.alloc(mehdBytes);
  mehd.writeUInt32BE(mehdBytes, 0);
  mehd.write('mehd', 4, 'latin1');
  mehd[8] = 1;
  const at = mvex.body.byteOffset - copy.byteOffset;
  for (const box of [moov.bytes, mvex.bytes]) box.writeUInt32BE(box.length + mehdBytes, 0);
  return {
    bytes: Buffer.concat([copy.subarray(0, at), mehd, copy.subarray(at)]),
    lengthAt: at + 12,
    movieTimescale,
  };
}
