import type { GapReason } from '#protocol/gap.ts';
import { judgeCamera } from '../alert/camera-down.ts';
import type { Conditions } from '../alert/open-conditions.ts';
import type { Clock, MonotonicMs } from '../platform/clock.ts';

/** A recorder as health sees it. */
export interface CameraSight {
  state: 'recording' | 'connecting' | 'failed';
  reason?: GapReason | undefined;
  lastFragmentAgeMs?: number | undefined;
  /** UTC end of the newest sealed segment: here only its change counts. */
  newestSegment?: number | undefined;
  offered: readonly string[];
  /** bit/s */
  bitrate: number;
}

export interface WatchedCamera {
  id: string;
  recorder: { status(): CameraSight };
}

/** Beyond this after two segments nothing is sealed any more. */
const sealSlackMs = 60_000;

/** Judges `camera-down`, `camera-unsealed` and `camera-audio-offered`; look at least every second. */
export function openCameraLooks(parts: {
  conditions: Conditions;
  clock: Clock;
  segmentMs: number;
  cameras: readonly WatchedCamera[];
}): { look(): void } {
  const { conditions, clock } = parts;
  const watched = parts.cameras.map(({ id, recorder }) => ({
    recorder,
    down: conditions.watch('camera-down', id),
    audio: conditions.watch('camera-audio-offered', id),
    unsealed: sealWatch(conditions, clock, id, parts.segmentMs * 2 + sealSlackMs),
  }));
  return {
    look() {
      for (const { recorder, down, audio, unsealed } of watched) {
        const sight = recorder.status();
        judgeCamera(down, sight);
        unsealed(sight);
        if (sight.state !== 'recording') audio.unknown();
        else if (sight.offered.some((media) => media.startsWith('audio/'))) audio.failing('audio');
        else audio.ok();
      }
    },
  };
}

/** What is recorded must also be sealed: the newest segment has to change while frames come. */
function sealWatch(
  conditions: Conditions,
  clock: Clock,
  id: string,
  limitMs: number,
): (sight: CameraSight) => void {
  const watch = conditions.watch('camera-unsealed', id);
  let newest: number | undefined;
  let since: MonotonicMs | undefined;
  return ({ state, newestSegment }) => {
    const now = clock.monotonic();
    if (state !== 'recording') {
      since = undefined;
      return watch.unknown();
    }
    if (newestSegment !== newest) since = now;
    newest = newestSegment;
    since ??= now;
    if (now - since > limitMs) watch.failing('no-segment');
    else watch.ok();
  };
}
