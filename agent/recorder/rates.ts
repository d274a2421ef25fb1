import type { Fragment } from '#agent/camera/ingest.ts';

/** What came lately, by the stream's own times. */
export interface Rates {
  add(fragment: Fragment, timescale: number): void;
  clear(): void;
  bitsPerSecond(): number;
  framesPerSecond(): number;
  /** Seconds from one keyframe to the next, also where that is longer than the window; undefined before the first. */
  gopSeconds(): number | undefined;
}

/** Long enough to hold several GOPs, short enough to show a change while somebody looks. */
const windowSeconds = 10;
const maxFragments = 256;

export function emptyRates(): Rates {
  let recent: { bytes: number; samples: number; seconds: number }[] = [];
  /** Seconds of GOPs that are over, as many as make the window, and of the one that may go on. */
  let gops: number[] = [];
  let gop: number | undefined;
  const per = (what: 'bytes' | 'samples'): number => {
    const seconds = recent.reduce((sum, entry) => sum + entry.seconds, 0);
    return seconds === 0 ? 0 : recent.reduce((sum, entry) => sum + entry[what], 0) / seconds;
  };
  return {
    add(fragment, timescale) {
      const lasts = fragment.durationTicks / timescale;
      recent.push({ bytes: fragment.bytes.length, samples: fragment.samples, seconds: lasts });
      // A long GOP comes in several fragments, and only the first begins with a keyframe.
      if (fragment.keyframe && gop !== undefined) gops.push(gop);
      if (fragment.keyframe) gop = 0;
      if (gop !== undefined) gop += lasts;
      while (gops.length > 1 && sum(gops) > windowSeconds) gops.shift();
      let seconds = recent.reduce((sum, entry) => sum + entry.seconds, 0);
      while (recent.length > 1 && (seconds > windowSeconds || recent.length > maxFragments))
        seconds -= recent.shift()?.seconds ?? 0;
    },
    clear() {
      recent = [];
      gops = [];
      gop = undefined;
    },
    bitsPerSecond: () => per('bytes') * 8,
    framesPerSecond: () => per('samples'),
    gopSeconds() {
      if (gop === undefined) return undefined;
      const mean = sum(gops) / gops.length;
      // The one under way is no shorter than it is already.
      return gops.length > 0 && gop < mean ? mean : (sum(gops) + gop) / (gops.length + 1);
    },
  };
}

function sum(list: readonly number[]): number {
  return list.reduce((all, one) => all + one, 0);
}
