import { crc32 } from 'node:zlib';
import { Failure } from '#protocol/failure.ts';
import type { Clock, MonotonicMs } from '../platform/clock.ts';
import type { Fragment, FragmentSink, Ingest, Track } from './ingest.ts';
import { firstSample } from './moof.ts';

/**
 * A keyframe as a film of its own, broken off behind it where it shows the picture by itself; else with the whole group
 * of pictures that it begins.
 */
export interface KeyframeFilm {
  bytes: Buffer;
  /** When its first picture arrived. */
  arrivedAt: MonotonicMs;
  /** The same for the same bytes of a keyframe, and as good as never for others. */
  mark: number;
  /** At least two keyframes passed since the one that was taken before, and all had the bytes of that one. */
  repeated: boolean;
}

export interface KeyframeTap {
  /** The same session; whoever waits for a picture is given a copy of the next one that passes. */
  over(ingest: Ingest): Ingest;
  /** The next keyframe that arrives. Throws `no-picture` after `limitMs`, and the signal's reason. */
  next(limitMs: number, signal: AbortSignal): Promise<KeyframeFilm>;
}

/**
 * What stands before the picture itself: parameter sets, and SEI that may hold the time. All of the rest counts: at night
 * the lower halves of two pictures may be the same black.
 */
const headerBytes = 1024;

/** Sees what a recorder records, and copies nothing unless it was asked to. */
export function openKeyframeTap(clock: Clock): KeyframeTap {
  let waiting: ((film: KeyframeFilm) => void)[] = [];
  /** Mark of the keyframe taken last; keyframes since, and whether all were like it. */
  let taken: number | undefined;
  let since = 0;
  let alike = true;

  const pass = (fragment: Fragment, track: Track): void => {
    const { start, end } = firstSample(fragment.bytes);
    const from = end - start > 2 * headerBytes ? start + headerBytes : start;
    const mark = crc32(fragment.bytes.subarray(from, end));
    since += 1;
    alike &&= mark === taken;
    if (waiting.length === 0) return;
    // Before the recorder rewrites its times. A view that is renewed bit by bit is whole at the end of its group alone.
    const film = fragment.standsAlone ? fragment.bytes.subarray(0, end) : fragment.bytes;
    const bytes = Buffer.concat([track.initSegment, film]);
    const taking = waiting;
    waiting = [];
    const found = { bytes, arrivedAt: fragment.arrivedAt, mark, repeated: alike && since > 1 };
    taken = mark;
    since = 0;
    alike = true;
    for (const take of taking) take(found);
  };
  return {
    over: (ingest) => ({
      stats: () => ingest.stats(),
      run(sink, signal) {
        let track: Track | undefined;
        const watched: FragmentSink = {
          track(next) {
            track = next;
            sink.track(next);
          },
          fragment(fragment) {
            if (fragment.keyframe && track !== undefined) pass(fragment, track);
            sink.fragment(fragment);
          },
        };
        return ingest.run(watched, signal);
      },
    }),
    next(limitMs, signal) {
      return new Promise((resolve, reject) => {
        const leave = (then: () => void): void => {
          limit.cancel();
          signal.removeEventListener('abort', abort);
          waiting = waiting.filter((one) => one !== take);
          then();
        };
        const take = (film: KeyframeFilm): void => leave(() => resolve(film));
        const abort = (): void => leave(() => reject(signal.reason));
        const limit = clock.after(limitMs, () =>
          leave(() => reject(new Failure('transient', 'no-picture', 'the camera sent no picture'))),
        );
        if (signal.aborted) return abort();
        signal.addEventListener('abort', abort, { once: true });
        waiting.push(take);
      });
    },
  };
}
