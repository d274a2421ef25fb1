import { createReadStream } from 'node:fs';
import { openSealed } from '#protocol/seal/opener.ts';
import { parseFragmentedMp4 } from './fragmented-mp4.ts';

/** Milliseconds of pictures in a sealed file, torn or whole: frames of which every byte is there. */
export async function picturesMs(path: string, identity: string): Promise<number> {
  const { chunks } = await openSealed({ identities: [identity] }, createReadStream(path));
  const pieces: Buffer[] = [];
  for await (const chunk of chunks()) pieces.push(Buffer.from(chunk));
  return contentMs(Buffer.concat(pieces));
}

/** Of a fragmented file that may end anywhere. */
function contentMs(file: Buffer): number {
  let at = 0;
  let lastType = '';
  while (at + 8 <= file.length) {
    const type = file.toString('latin1', at + 4, at + 8);
    if (type !== 'mdat' && at + file.readUInt32BE(at) > file.length) break;
    lastType = type;
    at += file.readUInt32BE(at);
  }
  // What is missing of the last mdat is made up, so that the frames before it can be counted.
  const whole = lastType === 'mdat' && at > file.length ? at : Math.min(at, file.length);
  const padded = Buffer.alloc(whole);
  file.copy(padded, 0, 0, whole);
  // A moof whose mdat is missing altogether names bytes beyond the end.
  const cut = lastType === 'moof' ? padded.subarray(0, lastMoofAt(padded)) : padded;
  const { timescale, fragments } = parseFragmentedMp4(cut);
  let ticks = 0;
  for (const { samples } of fragments)
    for (const { bytes, duration } of samples)
      if (bytes.byteOffset - cut.byteOffset + bytes.length <= file.length) ticks += duration;
  return (ticks * 1000) / timescale;
}

function lastMoofAt(file: Buffer): number {
  let last = 0;
  for (let at = 0; at + 8 <= file.length; at += file.readUInt32BE(at))
    if (file.toString('latin1', at + 4, at + 8) === 'moof') last = at;
  return last;
}
