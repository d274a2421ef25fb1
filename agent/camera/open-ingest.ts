import { Failure } from '#protocol/failure.ts';
import type { CameraAccess } from './camera-session.ts';
import { type FfmpegIngestOptions, openFfmpegIngest } from './ffmpeg/ffmpeg-ingest.ts';
import type { FfmpegReason, Ingest, Transport } from './ingest.ts';
import { openRtspIngest } from './rtsp-ingest.ts';

/** A camera as it is configured. */
export interface CameraChoice extends Pick<CameraAccess, 'url' | 'credentials' | 'tls'> {
  ingest: 'auto' | 'ffmpeg';
  transport: Transport;
}

/** What every camera of a process shares, but the log. */
export type IngestParts = Omit<CameraAccess, keyof CameraChoice> &
  Pick<FfmpegIngestOptions, 'find' | 'listen' | 'start' | 'udp' | 'bounds'>;

/** For so long a camera that could not be taken in process is not asked again whether it can. */
const fallbackMs = 3_600_000;

/**
 * Gives a camera's sessions, one after another: in process, or through ffmpeg where that is set, where RTP comes over
 * UDP, and where the stream cannot be taken in process and there is an ffmpeg. `stats().because` says why. Throws
 * `camera-address` on a bad URL.
 */
export function openIngest(camera: CameraChoice, parts: IngestParts): () => Ingest {
  const { ingest, transport, ...access } = camera;
  const { clock, log } = parts;
  const throughFfmpeg = (because: FfmpegReason): Ingest =>
    openFfmpegIngest({ ...access, ...parts, transport, because });
  if (ingest === 'ffmpeg' || transport !== 'tcp') {
    const because = transport === 'tcp' ? 'configured' : transport;
    return () => throughFfmpeg(because);
  }
  let fallbackUntil = Number.NEGATIVE_INFINITY;
  return () => {
    const direct = openRtspIngest({ ...access, ...parts });
    const fallback = throughFfmpeg('unsupported-codec');
    let current = clock.monotonic() < fallbackUntil ? fallback : direct;
    return {
      stats: () => current.stats(),
      async run(sink, signal) {
        if (current === direct) {
          try {
            return await direct.run(sink, signal);
          } catch (error) {
            if (!(error instanceof Failure) || error.code !== 'unsupported-codec') throw error;
            if (signal.aborted || !(await parts.find())) throw error;
            log.warn({ why: error.message }, 'falling back to ffmpeg');
            fallbackUntil = clock.monotonic() + fallbackMs;
            current = fallback;
          }
        }
        await fallback.run(
          {
            track(track) {
              // Set to another codec in the meantime: the next session is worth a try.
              if (track.codec === 'h264' || track.codec === 'h265') fallbackUntil = Number.NEGATIVE_INFINITY;
              sink.track(track);
            },
            fragment: (fragment) => sink.fragment(fragment),
          },
          signal,
        );
      },
    };
  };
}
