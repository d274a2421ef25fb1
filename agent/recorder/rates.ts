import type { Fragment } from '#agent/camera/ingest.ts';

/** What came lately, by the stream's own times. */
export interface Rates {
  add(fragment: Fragment, timescale: number): void;
  clear(): void;
  bitsPerSecond(): number;
  framesPerSecond(): number;
  /** Seconds from one keyframe to the next; undefined before the first. */
  gopSeconds(): number | undefined;
}

/** Long enough to hold several GOPs, short enough to show a change while somebody looks. */
const windowSeconds = 10;
const maxFragments = 256;

export function emptyRates(): Rates {
  let recent: { bytes: number; samples: number; seconds: number; keyframe: boolean }[] = [];
  const per = (what: 'bytes' | 'samples'): number => {
    const seconds = recent.reduce((sum, entry) => sum + entry.seconds, 0);
    return seconds === 0 ? 0 : recent.reduce((sum, entry) => sum + entry[what], 0) / seconds;
  };
  return {
    add(fragment, timescale) {
      recent.push({
        bytes: fragment.bytes.length,
        samples: fragment.samples,
        seconds: fragment.durationTicks / timescale,
        keyframe: fragment.keyframe,
      });
      let seconds = recent.reduce((sum, entry) => sum + entry.seconds, 0);
      while (recent.length > 1 && (seconds > windowSeconds || recent.length > maxFragments))
        seconds -= recent.shift()?.seconds ?? 0;
    },
    clear() {
      recent = [];
    },
    bitsPerSecond: () => per('bytes') * 8,
    framesPerSecond: () => per('samples'),
    gopSeconds() {
      const first = recent.findIndex(({ keyframe }) => keyframe);
      const whole = first < 0 ? [] : recent.slice(first);
      const keyframes = whole.filter(({ keyframe }) => keyframe).length;
      return keyframes === 0 ? undefined : whole.reduce((sum, { seconds }) => sum + seconds, 0) / keyframes;
    },
  };
}
