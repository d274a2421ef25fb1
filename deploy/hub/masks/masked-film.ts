import { createReadStream, createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { codeOf, Failure } from '#protocol/failure.ts';
import { findFfmpeg } from '../viewing/ffmpeg.ts';
import { readFragments } from '../viewing/fragments.ts';
import type { JoinedFile } from '../viewing/join.ts';
import type { Masks } from './masks.ts';
import { openPainter, type Size } from './paint.ts';
import { startPiped } from './piped.ts';
import { readY4m, y4mFrame, y4mHead } from './y4m.ts';

/** What a decoder is told of a film, from its boxes: even size, pictures per second. */
export interface Shape extends Size {
  rate: number;
}

/** ffmpeg that says and takes nothing for so long is stuck. */
const stallMs = 60_000;

/** Throws `corrupt` `mp4-malformed`. */
export async function shapeOf(path: string): Promise<Shape> {
  let size: Size | undefined;
  let timescale = 1;
  let [pictures, ticks] = [0, 0];
  const source = createReadStream(path, { highWaterMark: 1024 * 1024 }) as AsyncIterable<Buffer>;
  for await (const part of readFragments(source)) {
    if ('init' in part) {
      timescale = part.init.timescale;
      size = sizeIn(part.init.description);
    } else {
      pictures += part.fragment.samples;
      ticks += part.fragment.durationTicks;
    }
  }
  if (size === undefined || ticks === 0)
    throw new Failure('corrupt', 'mp4-malformed', `${path} has no pictures`);
  const rate = Math.round((pictures * timescale * 100) / ticks) / 100;
  return { ...size, rate: Math.min(60, Math.max(1, rate)) };
}

/** Of the first visual sample entry, ISO/IEC 14496-12 §12.1.3. */
function sizeIn(description: Buffer): Size | undefined {
  if (description.length < 52) return undefined;
  return { width: description.readUInt16BE(48) & ~1, height: description.readUInt16BE(50) & ~1 };
}

/**
 * Decodes a joined film, masks every picture, encodes it anew into `output`, which must not be there. Three pipes: of
 * the encoder's input nothing but painted pixels and the shape of a pixel, two numbers, comes from the film, so that
 * neither its metadata nor its stream can pass. Pictures within one of a break are masked whole: which side they were filmed on is not sure to a picture.
 * Throws `masks-open`, `no-ffmpeg`, `no-picture-then`, `no-room`.
 */
export async function maskFilm(
  film: JoinedFile & { path: string },
  masks: Masks,
  output: string,
): Promise<void> {
  const ffmpeg = await findFfmpeg();
  const shape = await shapeOf(film.path);
  const { width, height, rate } = shape;
  const quiet = ['-hide_banner', '-loglevel', 'error', '-nostats'];
  const decoder = startPiped(ffmpeg, [
    ...[...quiet, '-f', 'mp4', '-i', 'pipe:0', '-an'],
    ...['-vf', `fps=fps=${rate}:start_time=0,scale=${width}:${height},format=yuv420p`],
    ...['-f', 'yuv4mpegpipe', 'pipe:1'],
  ]);
  const encoder = startPiped(ffmpeg, [
    ...[...quiet, '-f', 'yuv4mpegpipe', '-i', 'pipe:0', '-map_metadata', '-1', '-fflags', '+bitexact'],
    ...['-c:v', 'libx264', '-preset', 'veryfast', '-crf', '20', '-flags:v', '+bitexact'],
    ...['-movflags', 'frag_keyframe+empty_moov+default_base_moof', '-f', 'mp4', 'pipe:1'],
  ]);
  const kill = (): void => {
    decoder.kill();
    encoder.kill();
  };
  let stalled = false;
  const watch = setTimeout(() => {
    stalled = true;
    kill();
  }, stallMs);
  const paint = openPainter(masks, shape);
  async function* painted(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer | string> {
    let index = 0;
    for await (const one of readY4m(chunks, shape)) {
      watch.refresh();
      if (typeof one === 'string') yield y4mHead(shape, rate, one);
      else {
        yield y4mFrame;
        yield paint(one, instantAt(film, (index++ * 1000) / rate, 1000 / rate));
      }
    }
  }
  const work = [
    pipeline(createReadStream(film.path, { highWaterMark: 1024 * 1024 }), decoder.stdin),
    pipeline(decoder.stdout, painted, encoder.stdin),
    pipeline(encoder.stdout, createWriteStream(output, { flags: 'wx', mode: 0o600 })),
    decoder.ended,
    encoder.ended,
  ];
  try {
    await Promise.all(work);
  } catch (error) {
    kill();
    const reasons = (await Promise.allSettled(work)).flatMap((one) =>
      one.status === 'rejected' ? [one.reason] : [],
    );
    throw reasonOf(reasons, stalled, error);
  } finally {
    clearTimeout(watch);
  }
}

/** Of everything that breaks when one part does, what broke first. */
function reasonOf(reasons: readonly unknown[], stalled: boolean, otherwise: unknown): unknown {
  if (stalled) return new Failure('transient', 'process-timeout', 'ffmpeg does not go on');
  if (reasons.some((one) => codeOf(one) === 'ENOSPC'))
    return new Failure('exhausted', 'no-room', 'no room for the masked film: name another folder with --out');
  const failures = reasons.filter((one) => one instanceof Failure);
  return failures.find(({ code }) => code === 'masks-open') ?? failures[0] ?? otherwise;
}

/** When the picture at `atMs` of the film was filmed; undefined where that is not sure. */
export function instantAt({ stretches }: JoinedFile, atMs: number, pictureMs: number): number | undefined {
  const index = stretches.findLastIndex((one) => one.atMs <= atMs);
  const stretch = stretches[Math.max(0, index)];
  const next = stretches[index + 1];
  if (stretch === undefined) return undefined;
  if (index > 0 && atMs - stretch.atMs < pictureMs) return undefined;
  if (next !== undefined && next.atMs - atMs <= pictureMs) return undefined;
  return stretch.start + atMs - stretch.atMs;
}
