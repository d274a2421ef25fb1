import { Failure } from '#protocol/failure.ts';
import { frameBytes, type Size } from './paint.ts';

/** A line for the film, a line before each picture (yuv4mpeg(5)); ffmpeg's are shorter. */
const maxLineBytes = 256;
const newline = 0x0a;

/** What a film's first line says of its pixels: width to height, `0:0` where nobody knows. */
const aspectIn = /^YUV4MPEG2 .*\bA(\d{1,5}:\d{1,5})(?: |$)/;

/** The first line of pictures of 8 bits, two colours of half the width and half the height. */
export function y4mHead({ width, height }: Size, rate: number, aspect: string): string {
  return `YUV4MPEG2 W${width} H${height} F${Math.round(rate * 100)}:100 Ip A${aspect} C420mpeg2\n`;
}

/** Stands before each picture. */
export const y4mFrame = 'FRAME\n';

/**
 * Takes such a stream apart: the shape of a pixel first, then whole pictures, each in memory of its own. Throws
 * `corrupt` `no-picture-then` when a line is none of yuv4mpeg, or the stream ends within a picture.
 */
export async function* readY4m(chunks: AsyncIterable<Buffer>, size: Size): AsyncGenerator<string | Buffer> {
  const bytes = frameBytes(size);
  let line = '';
  let aspect: string | undefined;
  let frame: Buffer | undefined;
  let have = 0;
  for await (const chunk of chunks)
    for (let at = 0; at < chunk.length; ) {
      if (frame === undefined) {
        const found = chunk.indexOf(newline, at);
        const end = found < 0 ? chunk.length : found;
        line += chunk.toString('latin1', at, end);
        at = end + 1;
        if (line.length > maxLineBytes)
          throw new Failure('corrupt', 'no-picture-then', 'no film of pictures');
        if (found < 0) continue;
        if (aspect === undefined) {
          aspect = aspectIn.exec(line)?.[1];
          if (aspect === undefined) throw new Failure('corrupt', 'no-picture-then', 'no film of pictures');
          yield aspect;
        } else if (line.startsWith('FRAME')) {
          frame = Buffer.allocUnsafe(bytes);
          have = 0;
        } else throw new Failure('corrupt', 'no-picture-then', 'the decoder lost its place');
        line = '';
        continue;
      }
      const taken = chunk.copy(frame, have, at, Math.min(chunk.length, at + bytes - have));
      at += taken;
      have += taken;
      if (have < bytes) continue;
      yield frame;
      frame = undefined;
    }
  if (frame !== undefined || line !== '')
    throw new Failure('corrupt', 'no-picture-then', 'the decoder ended within a picture');
}
