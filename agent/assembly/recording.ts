import type { GapReason } from '#protocol/gap.ts';
import { parseRecipients } from '#protocol/seal/seal.ts';
import { instantText } from '#protocol/time.ts';
import { openGrayDecoder } from '../camera/ffmpeg/gray.ts';
import { takeStill } from '../camera/ffmpeg/still.ts';
import { type KeyframeFilm, openKeyframeTap } from '../camera/keyframe-tap.ts';
import { openIngest } from '../camera/open-ingest.ts';
import { systemParts } from '../camera/system-parts.ts';
import { watchTracks } from '../camera/track-changes.ts';
import { grayHeight, grayWidth } from '../picture/measure.ts';
import { openRecorder, type Recorder } from '../recorder/recorder.ts';
import type { Memory } from './memory.ts';
import { guarded, type Life } from './node.ts';

export interface Camera {
  id: string;
  recorder: Recorder;
  /** One picture of now as JPEG, in memory. Throws `no-picture`, `no-ffmpeg`. */
  picture(signal: AbortSignal): Promise<{ jpeg: Buffer; at: number }>;
  /** The next keyframe as it comes, and what of it is judged. Throw as `picture` does. */
  keyframe(signal: AbortSignal): Promise<KeyframeFilm>;
  decode(film: Buffer, signal: AbortSignal): Promise<Uint8Array>;
}

/** Fewer, fuller reads of the cameras' sockets: a third of the wake-ups, and no camera's kernel buffer overflows. */
const readPaceMs = 100;
/** A still is asked for by two persons: a minute without a keyframe ends the session, whose fragments come 5 s late. */
const stillLimitMs = 70_000;
/** What is judged every minute waits no longer; of a camera with longer groups of pictures some are missed. */
const pictureLimitMs = 30_000;
/** Pictures of so many cameras are decoded by one process; more would make its memory larger than the time saved is worth. */
const mostTogether = 7;
/** The first of them waits for the others for this share of the time between two, and no longer than that. */
const gatherShare = 1 / 12;
const gatherMs = 5000;
const graySize = { width: grayWidth, height: grayHeight };

/** Opens a recorder for every camera. They run from {@link startRecording} on. */
export async function openRecording(life: Life, memory: Memory, diskFull: () => void): Promise<Camera[]> {
  const { clock, random, config } = life;
  const { store, policy, trust, record } = memory;
  const parts = systemParts(clock, random, life.log, { readPaceMs, ffmpeg: config.ffmpeg });
  const gray = openGrayDecoder({
    ffmpeg: parts.find,
    size: graySize,
    together: picturesTogether(config.cameras.length),
    gatherMs: Math.min(gatherMs, config.pictureIntervalMs * gatherShare),
    clock,
  });
  return await Promise.all(
    config.cameras.map(async ({ id, rtsp, ...camera }) => {
      const log = life.log.child({ camera: id });
      const tap = openKeyframeTap(clock);
      const open = openIngest({ url: rtsp, ...camera }, { ...parts, log });
      const tracks = watchTracks((change) => {
        log.warn(change, 'the camera sends another stream');
        record('stream-changed', { camera: id, ...change });
      });
      const recorder = openRecorder({
        store,
        camera: await store.camera(id),
        ingest: () => tracks.over(tap.over(open())),
        recipients: () => parseRecipients(policy.recipients(clock.utc())),
        clock,
        random,
        clockState: (run) => trust.labelled({ camera: id, ...run }),
        segmentMs: config.store.segmentMs,
        onSegment: ({ file, bytes }) => log.debug({ file, bytes }, 'sealed'),
        onGap({ start, end, reason }) {
          const gap = { start: instantText(start), end: instantText(end), reason };
          log.info(gap, 'gap');
          record('gap', { camera: id, ...gap });
        },
        onDiskFull: diskFull,
        log,
      });
      return {
        id,
        recorder,
        async picture(signal) {
          const { bytes, arrivedAt } = await tap.next(stillLimitMs, signal);
          const at = Math.round(clock.utc() - (clock.monotonic() - arrivedAt));
          return { jpeg: await takeStill(parts.find, bytes, signal), at };
        },
        keyframe: (signal) => tap.next(pictureLimitMs, signal),
        decode: gray.decode,
      };
    }),
  );
}

/** Of how many cameras pictures are judged at once: as evenly as can be. */
export function picturesTogether(cameras: number): number {
  return cameras === 0 ? 1 : Math.ceil(cameras / Math.ceil(cameras / mostTogether));
}

/** Starts every recorder; when the scope closes they seal what is open, before anything that they need closes. */
export function startRecording(life: Life, cameras: readonly Camera[]): void {
  const working = guarded(life, Promise.all(cameras.map(({ recorder }) => recorder.run(life.ending.signal))));
  life.scope.defer(async () => {
    life.ending.abort();
    await working;
  });
}

/** Why a camera records nothing now; undefined while it does. */
export function silenceOf(camera: Camera | undefined): GapReason | undefined {
  const status = camera?.recorder.status();
  return status?.state === 'recording' ? undefined : (status?.reason ?? 'no-connection');
}
