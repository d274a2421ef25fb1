import { run } from '#agent/platform/process.ts';
import { Failure } from '#protocol/failure.ts';
import type { FindFfmpeg } from './program.ts';

/** A slow box decodes one picture of 4K in a second. */
const decodeMs = 10_000;
/** What the child may map for writing (setrlimit(2), RLIMIT_DATA): a decoder of 4K takes some 100 MiB a thread. */
const dataBytes = 512 * 1024 * 1024;

/** Area averaging: a pixel of the small picture is the mean of what it stands for, so that noise is averaged too. */
export function grayFilter(width: number, height: number): string {
  return `scale=${width}:${height}:flags=area,format=gray`;
}

/**
 * The first picture of a film as `width` × `height` bytes of luminance. Through pipes alone, in a child with limits on
 * memory and time that gives way to all else. Throws `no-ffmpeg`, `no-picture` when nothing can be decoded, and what
 * `run` throws.
 */
export async function takeGray(
  ffmpeg: FindFfmpeg,
  film: Buffer,
  size: { width: number; height: number },
  signal: AbortSignal,
): Promise<Buffer> {
  const found = await ffmpeg();
  if (found === undefined) throw new Failure('unavailable', 'no-ffmpeg', 'no ffmpeg runs here');
  const bytes = size.width * size.height;
  const limits = [`--data=${dataBytes}`, '--core=0', 'nice', '-n', '15', found.path];
  // The head of the film says what it is: looking for more would decode picture after picture, half of the cost.
  const known = ['-probesize', '32', '-analyzeduration', '0', '-threads', '1', '-f', 'mp4'];
  const input = ['-hide_banner', '-loglevel', 'fatal', ...known, '-i', 'pipe:0'];
  const output = ['-frames:v', '1', '-vf', grayFilter(size.width, size.height), '-f', 'rawvideo', 'pipe:1'];
  const { code, stdout } = await run('prlimit', [...limits, ...input, ...output], {
    timeoutMs: decodeMs,
    maxBytes: bytes + 64 * 1024,
    input: film,
    env: { PATH: '/usr/bin:/bin' },
    signal,
  });
  if (code !== 0 || stdout.length !== bytes)
    throw new Failure('transient', 'no-picture', 'the picture of the camera cannot be decoded');
  return stdout;
}
