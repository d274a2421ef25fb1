const moof = 0x6d6f6f66;
const mfhd = 0x6d666864;
const traf = 0x74726166;
const tfdt = 0x74666474;

/**
 * Gives a fragment (moof first, one traf) another place in another file: writes `decodeTime` into its tfdt and
 * `sequence` into its mfhd, in place. A fragment without them is a bug of the ingest that made it.
 */
export function retime(fragment: Buffer, decodeTime: number, sequence: number): void {
  const head = fragment.length >= 8 ? fragment.readUInt32BE(0) : 0;
  if (head < 8 || head > fragment.length || fragment.readUInt32BE(4) !== moof)
    throw new Error('a fragment must begin with its moof');
  const sequenceAt = find(fragment, mfhd, 8, head) + 12;
  const trafAt = find(fragment, traf, 8, head);
  const timeAt = find(fragment, tfdt, trafAt + 8, trafAt + fragment.readUInt32BE(trafAt)) + 8;
  fragment.writeUInt32BE(sequence >>> 0, sequenceAt);
  if (fragment[timeAt] === 1) {
    fragment.writeUInt32BE(Math.floor(decodeTime / 2 ** 32), timeAt + 4);
    fragment.writeUInt32BE(decodeTime % 2 ** 32, timeAt + 8);
  } else fragment.writeUInt32BE(decodeTime, timeAt + 4);
}

function find(bytes: Buffer, type: number, start: number, end: number): number {
  for (let at = start; at + 16 <= end; ) {
    const size = bytes.readUInt32BE(at);
    if (size < 8 || at + size > end) break;
    if (bytes.readUInt32BE(at + 4) === type) return at;
    at += size;
  }
  throw new Error('a fragment lacks mfhd, traf or tfdt');
}
