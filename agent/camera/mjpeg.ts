import { esds } from './esds.ts';
import { type Codec, type Description, nal, type ParameterSets } from './nal.ts';

/** Of a frame's head, up to its scan; with four quantisation and eight Huffman tables it has 1.4 KiB, plus thumbnails. */
const maxHeadBytes = 128 * 1024;

/** Motion JPEG (ITU-T T.81): every picture alone, its head and its scan as two units. */
export function mjpeg(): Codec {
  return {
    name: 'mjpeg',
    headerBytes: 0,
    lengthBytes: 0,
    intra: true,
    kind: (_header, bytes, start) =>
      bytes[start] === 0xff && bytes[start + 1] === 0xd8
        ? nal.leads | nal.parameters
        : nal.slice | nal.key | nal.first,
    sets: new JpegHead(),
  };
}

/** Where the scan of the picture at `bytes[start, end)` begins, or `start` when it is no JPEG with a scan. */
export function scanOf(bytes: Uint8Array, start: number, end: number): number {
  const marker = markers(bytes, start, Math.min(end, start + maxHeadBytes));
  for (const { code, at } of marker) if (code === 0xda) return at;
  return start;
}

/** The marker segments after SOI (§B.1.1), SOS the last. */
function* markers(bytes: Uint8Array, start: number, end: number): Generator<{ code: number; at: number }> {
  if (bytes[start] !== 0xff || bytes[start + 1] !== 0xd8) return;
  for (let at = start + 2; at + 4 <= end; ) {
    const code = bytes[at + 1]!;
    if (bytes[at] !== 0xff) return;
    if (code === 0xff) {
      at += 1; // fill bytes
      continue;
    }
    yield { code, at };
    if (code === 0xda) return;
    const length = (bytes[at + 2]! << 8) | bytes[at + 3]!;
    if (length < 2) return;
    at += 2 + length;
  }
}

/** Size of the picture, from the frame header; tables may differ from picture to picture and stay in it. */
class JpegHead implements ParameterSets {
  changed = false;
  #size: { width: number; height: number } | undefined;

  offer(unit: Uint8Array): void {
    for (const { code, at } of markers(unit, 0, unit.length)) {
      // SOF0 to SOF15 without DHT, JPG and DAC (table B.1); then length, precision, height, width.
      if (code < 0xc0 || code > 0xcf || code === 0xc4 || code === 0xc8 || code === 0xcc) continue;
      if (at + 9 > unit.length) return;
      const height = (unit[at + 5]! << 8) | unit[at + 6]!;
      const width = (unit[at + 7]! << 8) | unit[at + 8]!;
      if (width === 0 || height === 0) return;
      if (this.#size?.width === width && this.#size.height === height) return;
      this.#size = { width, height };
      this.changed = true;
      return;
    }
  }

  describe(): Description | undefined {
    if (!this.#size) return undefined;
    this.changed = false;
    return {
      codec: 'mjpeg',
      codecString: 'mp4v.6c',
      ...this.#size,
      aspect: undefined,
      reorders: false,
      wholeFrames: true,
      sampleEntry: 'mp4v',
      configuration: { box: 'esds', record: esds(0x6c, Buffer.alloc(0)) },
    };
  }
}
