/**
 * What an `esds` box holds (ISO/IEC 14496-14 §5.6.1): version and flags, then the ES_Descriptor of 14496-1 §7.2.6.5 with
 * `objectType` (RFC 6381's registry: 0x20 MPEG-4 part 2, 0x6C JPEG) and what a decoder must know first.
 */
export function esds(objectType: number, specific: Uint8Array): Buffer {
  const video = (4 << 2) | 1; // streamType visual, and the bit that is always set
  const decoder = Buffer.concat([
    Buffer.from([objectType, video, 0, 0, 0]), // no buffer size stated
    Buffer.alloc(8), // nor bitrates
    ...(specific.length > 0 ? [descriptor(0x05, specific)] : []),
  ]);
  const stream = Buffer.concat([
    Buffer.from([0, 1, 0]), // ES_ID, no dependencies
    descriptor(0x04, decoder),
    descriptor(0x06, Buffer.from([2])), // SLConfig: what MP4 prescribes
  ]);
  return Buffer.concat([Buffer.alloc(4), descriptor(0x03, stream)]);
}

/** A tag, a length in four bytes of seven bits, contents. */
function descriptor(tag: number, contents: Uint8Array): Buffer {
  const { length } = contents;
  const seven = (shift: number): number => (length >> shift) & 0x7f;
  return Buffer.concat([
    Buffer.from([tag, 0x80 | seven(21), 0x80 | seven(14), 0x80 | seven(7), seven(0)]),
    contents,
  ]);
}
