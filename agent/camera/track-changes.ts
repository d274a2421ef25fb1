import type { FragmentSink, Ingest, Track } from './ingest.ts';

/** What a stream was and is, in the words of a person. */
export interface TrackChange {
  /** `h264 1920×1080` */
  before: string;
  after: string;
}

/**
 * Tells when a camera begins to send another codec or size, over sessions too: somebody changed its settings, or put
 * another in its place.
 */
export function watchTracks(changed: (change: TrackChange) => void): { over(ingest: Ingest): Ingest } {
  let before: string | undefined;
  const look = ({ codec, width, height }: Track): void => {
    const after = `${codec} ${width}×${height}`;
    if (before !== undefined && before !== after) changed({ before, after });
    before = after;
  };
  return {
    over: (ingest) => ({
      stats: () => ingest.stats(),
      run(sink, signal) {
        const watched: FragmentSink = {
          track(track) {
            look(track);
            sink.track(track);
          },
          fragment: (fragment) => sink.fragment(fragment),
        };
        return ingest.run(watched, signal);
      },
    }),
  };
}
