import { closeSync, openSync, readdirSync, readSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { codeOf } from '#protocol/failure.ts';

/** What a picture in the clear cannot do without: a few bytes to look for, and what must stand around them. */
interface Sign {
  what: string;
  bytes: Buffer;
  /** Whether it is one, with the sign at `at`; false leads to the next place. */
  around?(bytes: Buffer, at: number): boolean;
}

const word = (bytes: Buffer, at: number, text: string): boolean =>
  bytes.toString('latin1', at, at + text.length) === text;

const oneOf = (bytes: Buffer, at: number, values: readonly number[]): boolean =>
  values.includes(bytes[at] ?? -1);
const bits = (bytes: Buffer, at: number, mask: number): number => (bytes[at] ?? 0xff) & mask;
/** H.264 §A.2 and §A.3: profile_idc and level_idc. */
const profiles = [44, 66, 77, 83, 86, 88, 100, 110, 118, 122, 128, 244];
const levels = [9, 10, 11, 12, 13, 20, 21, 22, 30, 31, 32, 40, 41, 42, 50, 51, 52, 60, 61, 62];

/**
 * Signs of more than six bytes' worth: five at random would stand somewhere in the sealed files of one tour in six
 * thousand. A text that names a box of MP4 shows none either. ISO/IEC 14496-12 §8.8.5 and §4.3, JFIF and Exif, PNG §5.2,
 * H.264 and H.265 Annex B.
 */
const signs: Sign[] = [
  { what: 'MP4 fragment', bytes: Buffer.from('mfhd'), around: (bytes, at) => word(bytes, at - 8, 'moof') },
  {
    what: 'MP4',
    bytes: Buffer.from('ftyp'),
    around: (bytes, at) => at >= 4 && bytes.readUInt32BE(at - 4) >= 16 && bytes.readUInt32BE(at - 4) <= 256,
  },
  { what: 'MP4', bytes: Buffer.from('mvhd'), around: (bytes, at) => word(bytes, at - 8, 'moov') },
  {
    what: 'JPEG',
    bytes: Buffer.of(0xff, 0xd8, 0xff, 0xe0),
    around: (bytes, at) => word(bytes, at + 6, 'JFIF'),
  },
  {
    what: 'JPEG',
    bytes: Buffer.of(0xff, 0xd8, 0xff, 0xe1),
    around: (bytes, at) => word(bytes, at + 6, 'Exif'),
  },
  {
    what: 'JPEG',
    bytes: Buffer.of(0xff, 0xd8, 0xff, 0xdb, 0x00),
    // The length of whole tables of quantisation, and the number of the first: T.81 §B.2.4.1.
    around: (bytes, at) => oneOf(bytes, at + 5, [0x43, 0x83, 0x84, 0xc5]) && bits(bytes, at + 6, 0xec) === 0,
  },
  { what: 'PNG', bytes: Buffer.from('\x89PNG\r\n\x1a\n', 'latin1') },
  {
    what: 'H.264 byte stream',
    bytes: Buffer.of(0, 0, 0, 1, 0x67),
    around: (bytes, at) =>
      oneOf(bytes, at + 5, profiles) && bits(bytes, at + 6, 0x03) === 0 && oneOf(bytes, at + 7, levels),
  },
  {
    what: 'H.264 byte stream',
    bytes: Buffer.of(0, 0, 0, 1, 0x65),
    // A picture's first slice, of type I, by the first set, and its frame is number 0, as that of every IDR: §7.3.3.
    around: (bytes, at) =>
      (bytes[at + 5] === 0x88 && bits(bytes, at + 6, 0xf8) === 0x80) ||
      (bytes[at + 5] === 0xb8 && bits(bytes, at + 6, 0x80) === 0),
  },
  {
    what: 'H.265 byte stream',
    // What precedes the sequence parameter sets: a base layer, and one layer in all (§7.3.2.1).
    bytes: Buffer.of(0, 0, 0, 1, 0x40, 1),
    around: (bytes, at) => bits(bytes, at + 6, 0x0f) === 0x0c && bits(bytes, at + 7, 0xf0) === 0,
  },
];
const pieceBytes = 4 * 1024 * 1024;
/** Pieces overlap by more than a sign and what stands around it. */
const overlapBytes = 64;

/** Files below `folder` that hold a picture in the clear anywhere, sealed files included, with what gave them away. */
export function clearPictures(folder: string): string[] {
  const found: string[] = [];
  for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    const path = join(folder, name);
    if (!statSync(path, { throwIfNoEntry: false })?.isFile()) continue;
    try {
      for (const what of signsIn(path)) found.push(`${path} (${what})`);
    } catch (error) {
      // Files go while we look: a segment gets another name when it is sealed.
      if (codeOf(error) !== 'ENOENT') throw error;
    }
  }
  return found;
}

function signsIn(path: string): Set<string> {
  const found = new Set<string>();
  const piece = Buffer.allocUnsafe(pieceBytes);
  const file = openSync(path, 'r');
  try {
    for (let at = 0; ; at += pieceBytes - overlapBytes) {
      const length = readSync(file, piece, 0, pieceBytes, at);
      const bytes = piece.subarray(0, length);
      for (const sign of signs) if (!found.has(sign.what) && holds(bytes, sign)) found.add(sign.what);
      if (length < pieceBytes) return found;
    }
  } finally {
    closeSync(file);
  }
}

function holds(bytes: Buffer, { bytes: sign, around }: Sign): boolean {
  for (let at = bytes.indexOf(sign); at >= 0; at = bytes.indexOf(sign, at + 1))
    if (around === undefined || around(bytes, at)) return true;
  return false;
}
