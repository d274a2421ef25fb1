import { run } from '#agent/platform/process.ts';
import { Failure } from '#protocol/failure.ts';
import type { Viewing } from '../viewing/clear.ts';
import { findFfmpeg } from '../viewing/ffmpeg.ts';
import { codecOf, decodeMs, maxStillBytes, type Shoot, takeStill } from '../viewing/still.ts';
import { shapeOf } from './masked-film.ts';
import type { Masks } from './masks.ts';
import { openPainter } from './paint.ts';

/**
 * Takes single pictures of a clear film and masks them, each in a decoder, a painter and an encoder of its own. Throws
 * what {@link takeStill} throws, and `masks-open`.
 */
export function maskedStills(viewing: Pick<Viewing, 'files'>, masks: Masks): Shoot {
  return async (wanted, how) => {
    const file = viewing.files.find(({ stretches }) =>
      stretches.some(({ start, end }) => start <= wanted && wanted < end),
    );
    // takeStill says what is wrong with an instant that nobody filmed.
    const exactly = await shapeOf((file ?? viewing.files[0] ?? { path: '' }).path);
    const raw = await takeStill(viewing, wanted, { format: 'raw', exactly });
    const painted = openPainter(masks, exactly)(raw.bytes, raw.at);
    const scale = how.widthPx ? ['-vf', `scale='min(${how.widthPx},iw)':-2`] : [];
    const { code, stdout, stderr } = await run(
      await findFfmpeg(),
      [
        ...['-hide_banner', '-loglevel', 'error', '-f', 'rawvideo', '-pix_fmt', 'yuv420p'],
        ...['-video_size', `${exactly.width}x${exactly.height}`, '-i', 'pipe:0', '-fflags', '+bitexact'],
        ...['-flags:v', '+bitexact', '-frames:v', '1', ...scale, ...codecOf[how.format], 'pipe:1'],
      ],
      { timeoutMs: decodeMs, maxBytes: maxStillBytes, input: painted },
    );
    if (code === 0 && stdout.length > 0) return { at: raw.at, bytes: stdout };
    throw new Failure('corrupt', 'no-picture-then', `ffmpeg cannot encode this: ${stderr.slice(0, 300)}`);
  };
}
