import { boxOf, noSamples, readMoof, strange, type TrackDefaults } from './moof-samples.ts';

export interface SampleSink {
  /** One sample at `bytes[start, end)`, valid until this returns; `shown` in ticks of the timescale. */
  sample(shown: number, sync: boolean, bytes: Buffer, start: number, end: number): void;
}

/** Of each kind of box: ffmpeg writes a few hundred bytes of each, and of mdat half a second of a camera. */
const bounds: Readonly<Record<string, number>> = {
  ftyp: 1024,
  moov: 64 * 1024,
  moof: 256 * 1024,
  // It is asked to end one at 8 MiB, and then adds the picture that passes it.
  mdat: 16 * 1024 * 1024,
};
const otherBytes = 64 * 1024;
const firstBytes = 128 * 1024;
/** A buffer beyond this is given back when it is no more needed. */
const keptBytes = 1024 * 1024;

/**
 * Reads a fragmented MP4 with one track while it comes (ISO/IEC 14496-12 §8.8). Memory grows with what came, never with
 * what a box claims to be. Throws `stream-error` for whatever is not understood.
 */
export class Mp4Reader {
  #timescale: number;
  #sink: SampleSink;
  #buffer = Buffer.allocUnsafeSlow(firstBytes);
  #have = 0;
  /** Bytes of the box being gathered, once its header is there. */
  #wanted = 8;
  #type = '';
  #track: TrackDefaults | undefined;
  #samples = noSamples();
  #pending = false;

  /** `timescale`: the one that ffmpeg was asked for. */
  constructor(timescale: number, sink: SampleSink) {
    this.#timescale = timescale;
    this.#sink = sink;
  }

  /** What the buffer takes in memory. */
  get bufferBytes(): number {
    return this.#buffer.length;
  }

  push(chunk: Uint8Array): void {
    let at = 0;
    while (at < chunk.length) {
      const end = Math.min(chunk.length, at + this.#wanted - this.#have);
      this.#keep(chunk, at, end);
      at = end;
      if (this.#have < this.#wanted) return;
      if (this.#type === '') this.#header();
      if (this.#type !== '' && this.#have === this.#wanted) this.#box();
    }
  }

  #keep(chunk: Uint8Array, start: number, end: number): void {
    const needed = this.#have + end - start;
    if (needed > this.#buffer.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.#buffer.length * 2));
      this.#buffer.copy(grown, 0, 0, this.#have);
      this.#buffer = grown;
    }
    this.#buffer.set(chunk.subarray(start, end), this.#have);
    this.#have = needed;
  }

  #header(): void {
    const size = this.#buffer.readUInt32BE(0);
    const type = this.#buffer.toString('latin1', 4, 8);
    // A 64-bit size or none at all (§4.2) is for files beyond any bound here.
    if (size < 8) throw strange(`a box with a size of ${size}`);
    const most = Object.hasOwn(bounds, type) ? bounds[type]! : otherBytes;
    if (size > most) throw strange(`a box of ${size} bytes`);
    this.#wanted = size;
    this.#type = type;
  }

  #box(): void {
    const box = this.#buffer.subarray(0, this.#have);
    if (this.#type === 'moov') this.#moov(box);
    else if (this.#type === 'moof') {
      if (!this.#track) throw strange('a fragment before its track');
      readMoof(box, this.#track, this.#samples);
      this.#pending = true;
    } else if (this.#type === 'mdat') this.#mdat(box);
    if (this.#buffer.length > keptBytes && this.#have < keptBytes / 4)
      this.#buffer = Buffer.allocUnsafeSlow(keptBytes);
    this.#have = 0;
    this.#wanted = 8;
    this.#type = '';
  }

  #moov(box: Buffer): void {
    if (this.#track) throw strange('a second moov');
    const moov = boxOf(box, { from: 0, to: box.length }, 'moov');
    const mdhd = boxOf(box, boxOf(box, boxOf(box, moov, 'trak'), 'mdia'), 'mdhd', 24);
    const timescale = box.readUInt32BE(mdhd.from + (box[mdhd.from] === 1 ? 20 : 12));
    if (timescale !== this.#timescale) throw strange(`${timescale} ticks a second`);
    const trex = boxOf(box, boxOf(box, moov, 'mvex'), 'trex', 24);
    this.#track = {
      duration: box.readUInt32BE(trex.from + 12),
      size: box.readUInt32BE(trex.from + 16),
      flags: box.readUInt32BE(trex.from + 20),
    };
  }

  #mdat(box: Buffer): void {
    const { count, sizes, shown, sync, bytes } = this.#samples;
    if (!this.#pending || bytes !== box.length - 8) throw strange('an mdat that is not what its moof says');
    this.#pending = false;
    let at = 8;
    for (let i = 0; i < count; i++) {
      const end = at + sizes[i]!;
      this.#sink.sample(shown[i]!, sync[i] === 1, box, at, end);
      at = end;
    }
  }
}
