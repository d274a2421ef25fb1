import { closeSync, openSync, readdirSync, readSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** Looks for what a picture in the clear begins with, at the start of a file or of what follows in its first 256 KiB. */
const signs: [string, Buffer][] = [
  ['MP4', Buffer.from('ftyp')],
  ['MP4 fragment', Buffer.from('moof')],
  ['MP4 media', Buffer.from('mdat')],
  ['JPEG', Buffer.of(0xff, 0xd8, 0xff, 0xe0)],
  ['PNG', Buffer.from('\x89PNG', 'latin1')],
  ['H.264 byte stream', Buffer.of(0, 0, 0, 1, 0x67)],
];
const headBytes = 256 * 1024;

/** Files below `folder` that hold a picture in the clear, with what gave them away. */
export function clearPictures(folder: string): string[] {
  const found: string[] = [];
  const head = Buffer.alloc(headBytes);
  for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    const path = join(folder, name);
    const stat = statSync(path, { throwIfNoEntry: false });
    if (!stat?.isFile()) continue;
    const file = openSync(path, 'r');
    const length = readSync(file, head, 0, headBytes, 0);
    closeSync(file);
    const bytes = head.subarray(0, length);
    // What is sealed is random: a sign of four bytes somewhere in it means nothing.
    const sealed = bytes.subarray(0, 21).toString('latin1') === 'age-encryption.org/v1';
    for (const [what, sign] of signs) if (!sealed && bytes.includes(sign)) found.push(`${path} (${what})`);
  }
  return found;
}
