import type { FfmpegReason, Track } from '#agent/camera/ingest.ts';
import type { CameraStore } from '#agent/store/store.ts';
import type { GapReason } from '#protocol/gap.ts';

export interface RecorderStatus {
  /** `failed`: a failure has been met since the last frame that was taken. */
  state: 'recording' | 'connecting' | 'failed';
  reason?: GapReason;
  /** UTC of the last change of `state`. */
  since: number;
  /** UTC end of the newest sealed segment. */
  newestSegment?: number;
  /** UTC start of the oldest segment that is still there. */
  oldestSegment?: number;
  /** Footage that is there, gaps not counted. */
  keptMs: number;
  /** Monotonic age of the newest frame taken; absent before the first. */
  lastFragmentAgeMs?: number;
  /** Over the last ten seconds of the stream; 0 unless recording. */
  bitrate: number;
  frameRate: number;
  track?: { codec: string; codecString: string; width: number; height: number };
  lostPackets: number;
  /** Why it is taken through ffmpeg; absent when it is not. */
  ffmpeg?: FfmpegReason | undefined;
  /** Media the camera offers that are not recorded. */
  offered: readonly string[];
  openBytes: number;
  inFlightBytes: number;
  droppedFragments: number;
}

export function keptOf(camera: CameraStore): Pick<RecorderStatus, 'oldestSegment' | 'keptMs'> {
  const oldest = camera.oldest()?.start;
  return { ...(oldest === undefined ? {} : { oldestSegment: oldest }), keptMs: camera.keptMs() };
}

export function trackOf(track: Track | undefined): Pick<RecorderStatus, 'track'> {
  if (track === undefined) return {};
  const { codec, codecString, width, height } = track;
  return { track: { codec, codecString, width, height } };
}
