import { Failure } from '#protocol/failure.ts';
import type { Clock, MonotonicMs } from '../platform/clock.ts';
import type { FragmentSink, Ingest, Track } from './ingest.ts';

/** One group of pictures, from its keyframe on, as a film of its own. */
export interface KeyframeFilm {
  bytes: Buffer;
  /** When its first picture arrived. */
  arrivedAt: MonotonicMs;
}

export interface KeyframeTap {
  /** The same session; whoever waits for a picture is given a copy of the next one that passes. */
  over(ingest: Ingest): Ingest;
  /** The next keyframe that arrives. Throws `no-picture` after `limitMs`, and the signal's reason. */
  next(limitMs: number, signal: AbortSignal): Promise<KeyframeFilm>;
}

/** Sees what a recorder records, and copies nothing unless it was asked to. */
export function openKeyframeTap(clock: Clock): KeyframeTap {
  let waiting: ((film: KeyframeFilm) => void)[] = [];
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
            if (waiting.length > 0 && fragment.keyframe && track !== undefined) {
              // Before the recorder rewrites its times; every picture of a fragment follows from its first.
              const bytes = Buffer.concat([track.initSegment, fragment.bytes]);
              const taking = waiting;
              waiting = [];
              for (const take of taking) take({ bytes, arrivedAt: fragment.arrivedAt });
            }
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
