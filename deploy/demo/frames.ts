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

/**
 * Signs of five bytes and more, so that neither the random bytes of a sealed file nor a text that names a box of MP4
 * shows one: ISO/IEC 14496-12 §8.8.5 and §4.3, JFIF and Exif, PNG §5.2, H.264 and H.265 Annex B.
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
  { what: 'JPEG', bytes: Buffer.of(0xff, 0xd8, 0xff, 0xdb, 0x00) },
  { what: 'PNG', bytes: Buffer.from('\x89PNG\r\n\x1a\n', 'latin1') },
  // Sequence parameter sets, and what precedes them in H.265.
  { what: 'H.264 byte stream', bytes: Buffer.of(0, 0, 0, 1, 0x67) },
  { what: 'H.264 byte stream', bytes: Buffer.of(0, 0, 0, 1, 0x65) },
  { what: 'H.265 byte stream', bytes: Buffer.of(0, 0, 0, 1, 0x40, 1) },
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
