import { Failure } from '#protocol/failure.ts';
import { GopMuxer, type MuxerBounds } from '../gop-muxer.ts';
import type { FragmentSink } from '../ingest.ts';
import { scanOf } from '../mjpeg.ts';
import { pictureOf } from '../mpeg4.ts';
import type { Codec } from '../nal.ts';
import type { SampleSink } from './mp4-reader.ts';
import type { PictureLog } from './picture-log.ts';
import { tokenOrigin } from './relay.ts';

/**
 * From ffmpeg's samples to fragments, by the same muxer as in process: the camera's own times and arrivals come from
 * the log of pictures, the bytes from ffmpeg.
 */
export class SampleMuxer implements SampleSink {
  readonly muxer: GopMuxer;
  /** Samples whose contents are not understood. */
  malformed = 0;
  /** No packet comes any more. */
  ended = false;
  /** Samples given by ffmpeg. */
  samples = 0;
  #codec: Codec;
  #pictures: PictureLog;

  constructor(
    codec: Codec,
    clockRate: number,
    pictures: PictureLog,
    bounds: MuxerBounds,
    sink: FragmentSink,
  ) {
    this.#codec = codec;
    this.#pictures = pictures;
    this.muxer = new GopMuxer(codec, clockRate, bounds, sink);
  }

  sample(shown: number, _sync: boolean, bytes: Buffer, start: number, end: number): void {
    this.samples += 1;
    const picture = this.#pictures.take(shown + tokenOrigin);
    if (!picture)
      throw new Failure('transient', 'stream-error', 'ffmpeg gives a picture of a time when none was sent');
    // At its end ffmpeg gives what it has of a picture.
    if (this.ended && this.#pictures.takenIsCut) return;
    if (picture.interrupted) this.muxer.interrupt();
    this.muxer.packet(picture.timestamp, true, picture.arrivedAt, picture.lost);
    if (this.#codec.lengthBytes > 0) this.#units(bytes, start, end);
    else this.#picture(bytes, start, end);
  }

  /** NAL units behind their lengths (ISO/IEC 14496-15 §5.3.2). */
  #units(bytes: Buffer, start: number, end: number): void {
    const { headerBytes } = this.#codec;
    for (let at = start; at < end; ) {
      const from = at + 4;
      let to = from <= end ? from + bytes.readUInt32BE(at) : Number.POSITIVE_INFINITY;
      if (to > end) {
        this.malformed += 1;
        return;
      }
      at = to;
      // The zero of the next start code; no unit ends with one (H.264 §7.4.1, H.265 §7.4.2.1).
      while (to > from && bytes[to - 1] === 0) to -= 1;
      if (to - from < headerBytes) continue;
      const header = headerBytes === 2 ? bytes.readUInt16BE(from) : bytes[from]!;
      this.muxer.begin(header, bytes, from + headerBytes, to);
      this.muxer.end();
    }
  }

  /** What stands in front of the picture, where anything does, and the picture. */
  #picture(bytes: Buffer, start: number, end: number): void {
    const at = this.#codec.name === 'mjpeg' ? scanOf(bytes, start, end) : pictureOf(bytes, start, end);
    for (const [from, to] of [
      [start, at],
      [at, end],
    ] as const) {
      if (from === to) continue;
      this.muxer.begin(0, bytes, from, to);
      this.muxer.end();
    }
  }
}
