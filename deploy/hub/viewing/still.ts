import { createReadStream } from 'node:fs';
import { run } from '#agent/platform/process.ts';
import { Failure } from '#protocol/failure.ts';
import type { Viewing } from './clear.ts';
import { findFfmpeg } from './ffmpeg.ts';
import { readFragments } from './fragments.ts';

export interface Still {
  /** UTC milliseconds of the picture that is shown. */
  at: number;
  bytes: Buffer;
}

/** A group of pictures with its head: enough to decode any picture of it. */
interface Excerpt {
  bytes: Buffer;
  /** From its keyframe to the instant wanted. */
  offsetMs: number;
}

/** `keyframe`: the one at or before the instant will do, and takes less. */
export interface StillShape {
  widthPx?: number;
  keyframe?: boolean;
}

/** Takes a picture of what was opened: plain, or masked. */
export type Shoot = (at: number, how: StillShape & { format: 'png' | 'jpeg' }) => Promise<Still>;

export type StillFormat = 'png' | 'jpeg' | 'raw';

/** `raw`: planes as paint.ts has them, of the size that is asked for with `exactly`. */
export const codecOf: Readonly<Record<StillFormat, readonly string[]>> = {
  png: ['-c:v', 'png', '-f', 'image2pipe'],
  jpeg: ['-c:v', 'mjpeg', '-q:v', '3', '-pix_fmt', 'yuvj420p', '-f', 'image2pipe'],
  raw: ['-f', 'rawvideo'],
};

/** A picture of 4K as PNG; ffmpeg on a slow machine decodes a GOP in seconds. */
export const maxStillBytes = 64 * 1024 * 1024;
export const decodeMs = 60_000;

/**
 * The picture that was filmed at `at`, or the first after it. Only ffmpeg decodes, and through pipes: nothing in the
 * clear touches a disk. `widthPx` scales down. Throws `denied` `no-picture-then`, `unavailable` `no-ffmpeg`.
 */
export async function takeStill(
  viewing: Pick<Viewing, 'files'>,
  at: number,
  how: StillShape & { format: StillFormat; exactly?: { width: number; height: number } },
): Promise<Still> {
  const { bytes, offsetMs } = await excerptAt(viewing, at);
  const { exactly } = how;
  const scale = exactly
    ? ['-vf', `scale=${exactly.width}:${exactly.height},format=yuv420p`]
    : how.widthPx
      ? ['-vf', `scale='min(${how.widthPx},iw)':-2`]
      : [];
  const ffmpeg = await findFfmpeg();
  // The last picture of a group begins before its end: then the search goes back until there is one.
  const back = how.keyframe ? [offsetMs] : [0, 100, 500, 2000, offsetMs];
  for (const earlierMs of back) {
    const from = Math.max(0, offsetMs - earlierMs);
    const { code, stdout, stderr } = await run(
      ffmpeg,
      [
        ...['-hide_banner', '-loglevel', 'error', '-f', 'mp4', '-i', 'pipe:0'],
        ...(from > 0 ? ['-ss', (from / 1000).toFixed(3)] : []),
        ...['-frames:v', '1', ...scale, ...codecOf[how.format], 'pipe:1'],
      ],
      { timeoutMs: decodeMs, maxBytes: maxStillBytes, input: bytes },
    );
    if (code === 0 && stdout.length > 0) return { at: at - offsetMs + from, bytes: stdout };
    if (code !== 0 && from === 0)
      throw new Failure('corrupt', 'no-picture-then', `ffmpeg cannot decode this: ${stderr.slice(0, 300)}`);
  }
  throw new Failure('corrupt', 'no-picture-then', 'ffmpeg finds no picture there');
}

/** Reads the joined film from RAM as far as the group that shows `at`. */
async function excerptAt({ files }: Pick<Viewing, 'files'>, at: number): Promise<Excerpt> {
  for (const { path, stretches } of files) {
    const stretch = stretches.find(({ start, end }) => start <= at && at < end);
    if (stretch === undefined) continue;
    const wantedMs = stretch.atMs + at - stretch.start;
    let init: { bytes: Buffer; timescale: number } | undefined;
    let group: Buffer[] = [];
    let beganMs = 0;
    const source = createReadStream(path, { highWaterMark: 1024 * 1024 }) as AsyncIterable<Buffer>;
    for await (const part of readFragments(source)) {
      if ('init' in part) {
        init = part.init;
        continue;
      }
      if (init === undefined) break;
      const { fragment } = part;
      const beginsMs = (fragment.decodeTime * 1000) / init.timescale;
      if (fragment.keyframe) {
        if (group.length > 0 && beginsMs > wantedMs) break;
        group = [];
        beganMs = beginsMs;
      }
      group.push(fragment.bytes);
    }
    if (init && group.length > 0)
      return { bytes: Buffer.concat([init.bytes, ...group]), offsetMs: Math.max(0, wantedMs - beganMs) };
  }
  throw new Failure(
    'denied',
    'no-picture-then',
    `nothing was recorded at ${new Date(at).toISOString()}: see the gaps`,
  );
}
