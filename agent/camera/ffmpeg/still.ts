import { run } from '#agent/platform/process.ts';
import { Failure } from '#protocol/failure.ts';
import type { FindFfmpeg } from './program.ts';

/** A slow box decodes one picture of 4K in a second. */
const decodeMs = 20_000;
/** A 4K picture at this quality has 2 MB. */
const maxStillBytes = 16 * 1024 * 1024;
/** What the child may map for writing (setrlimit(2), RLIMIT_DATA): a decoder of 4K takes some 100 MiB a thread. */
const dataBytes = 1024 * 1024 * 1024;

/**
 * The first picture of a film as JPEG. It goes through pipes into a child with limits on memory and time, and comes
 * back the same way: nothing in the clear touches a disk. Throws `no-ffmpeg`, `no-picture` when nothing can be decoded,
 * and what `run` throws.
 */
export async function takeStill(ffmpeg: FindFfmpeg, film: Buffer, signal: AbortSignal): Promise<Buffer> {
  const found = await ffmpeg();
  if (found === undefined) throw new Failure('unavailable', 'no-ffmpeg', 'no ffmpeg runs here');
  const limits = [`--data=${dataBytes}`, '--core=0', found.path];
  const input = ['-hide_banner', '-loglevel', 'error', '-threads', '1', '-f', 'mp4', '-i', 'pipe:0'];
  const output = ['-frames:v', '1', '-c:v', 'mjpeg', '-q:v', '3', '-pix_fmt', 'yuvj420p'];
  const { code, stdout } = await run(
    'prlimit',
    [...limits, ...input, ...output, '-f', 'image2pipe', 'pipe:1'],
    {
      timeoutMs: decodeMs,
      maxBytes: maxStillBytes,
      input: film,
      env: { PATH: '/usr/bin:/bin' },
      signal,
    },
  );
  // JPEG begins with SOI (ITU-T T.81 B.1.1.3).
  if (code !== 0 || stdout.length < 2 || stdout.readUInt16BE(0) !== 0xffd8)
    throw new Failure('transient', 'no-picture', 'the picture of the camera cannot be decoded');
  return stdout;
}
