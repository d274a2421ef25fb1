import type { FfmpegReason, IngestStats, Track } from '#agent/camera/ingest.ts';
import type { Clock } from '#agent/platform/clock.ts';
import type { CameraStore } from '#agent/store/store.ts';
import type { GapReason } from '#protocol/gap.ts';
import type { CameraClock } from './camera-clock.ts';

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
  /** From one keyframe to the next. */
  gopSeconds?: number | undefined;
  track?: { codec: string; codecString: string; width: number; height: number };
  /** How far the camera says, in its sender reports, that its time of day is ahead of the box's. */
  clockAheadMs?: number;
  /** Millionths by which its media clock runs fast against the box's. */
  driftPpm?: number;
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

/** What is known of the camera's clocks; evidence, which no label follows. */
export function clocksOf(
  clock: Clock,
  told: IngestStats['cameraClock'],
  { driftPpm }: CameraClock,
): Pick<RecorderStatus, 'clockAheadMs' | 'driftPpm'> {
  const drift = driftPpm();
  return {
    ...(told && { clockAheadMs: told.utc - (clock.utc() - (clock.monotonic() - told.readAt)) }),
    ...(drift !== undefined && { driftPpm: drift }),
  };
}
