import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { clearPictures } from '../../deploy/demo/frames.ts';
import { walkers } from '../simulator/camera.ts';
import { readVideoTrack } from '../simulator/mp4.ts';
import { suite } from '../support/suite.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const test = suite('looking for pictures in the clear');
const found = (bytes: Buffer): string[] => {
  using folder = temporaryFolder();
  writeFileSync(join(folder.path, 'a.bin'), bytes);
  return clearPictures(folder.path);
};
const sealedHead = Buffer.from('age-encryption.org/v1\n-> X25519 abc\ndef\n--- ghi\n');
const box = (type: string, ...parts: Buffer[]): Buffer => {
  const body = Buffer.concat(parts);
  const head = Buffer.alloc(8);
  head.writeUInt32BE(body.length + 8);
  head.write(type, 4, 'latin1');
  return Buffer.concat([head, body]);
};
const { parameterSets } = readVideoTrack(walkers);
const pictures: Record<string, Buffer> = {
  'the start of an MP4': box('ftyp', Buffer.from('iso6\0\0\0\0iso6')),
  'a fragment alone': box('moof', box('mfhd', Buffer.alloc(8))),
  'a whole recording': readFileSync(walkers),
  JFIF: Buffer.concat([Buffer.of(0xff, 0xd8, 0xff, 0xe0, 0, 16), Buffer.from('JFIF\0')]),
  Exif: Buffer.concat([Buffer.of(0xff, 0xd8, 0xff, 0xe1, 0, 16), Buffer.from('Exif\0\0')]),
  'a JPEG that begins with its tables': Buffer.of(0xff, 0xd8, 0xff, 0xdb, 0, 0x43, 0, 16),
  PNG: Buffer.from('\x89PNG\r\n\x1a\n\0\0\0\rIHDR', 'latin1'),
  'a byte stream': Buffer.concat(parameterSets.map((set) => Buffer.concat([Buffer.of(0, 0, 0, 1), set]))),
  'a keyframe alone': Buffer.of(0, 0, 0, 1, 0x65, 0x88, 0x84, 0x1b),
  'a byte stream of H.265': Buffer.of(0, 0, 0, 1, 0x40, 1, 0x0c, 1),
};

for (const [what, bytes] of Object.entries(pictures))
  test(`${what}: found at the start, late, over a border, behind a sealed header`, () => {
    assert.is(found(bytes).length > 0, true);
    const border = 4 * 1024 * 1024;
    for (const before of [7_000_000, border - 6, border - 70])
      assert.is(found(Buffer.concat([Buffer.alloc(before, 0x20), bytes])).length > 0, true, `${before}`);
    assert.is(found(Buffer.concat([sealedHead, randomBytes(1000), bytes])).length > 0, true);
  });

test('the bytes that a sign begins with are none where the rest of it is not there', () => {
  for (const short of [
    [0xff, 0xd8, 0xff, 0xdb, 0],
    [0, 0, 0, 1, 0x67],
    [0, 0, 0, 1, 0x65],
    [0, 0, 0, 1, 0x40, 1],
  ])
    for (const rest of [0x11, 0x5a, 0xff])
      assert.equal(found(Buffer.from([...short, rest, rest, rest])), [], `${short} ${rest}`);
});

test('random bytes and words about pictures are none', () => {
  assert.equal(found(Buffer.concat([sealedHead, randomBytes(16 * 1024 * 1024)])), []);
  assert.equal(
    found(Buffer.from('an MP4 has ftyp, moov, moof, mfhd and mdat; a PNG begins with \\x89PNG')),
    [],
  );
});
