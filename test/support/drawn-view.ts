import { grayHeight, grayWidth } from '#agent/picture/measure.ts';

/** A street as simple shapes: what a test of judging needs of a picture. */
export interface Drawn {
  /** Pixels that everything is pushed aside by. */
  aside?: number;
  /** What levels are multiplied with, and added. */
  gain?: number;
  lift?: number;
  /** Levels of noise, another for each seed. */
  noise?: number;
  seed?: number;
  /** Draws another place. */
  elsewhere?: boolean;
  /** Share of the width that a flat thing hides. */
  hidden?: number;
  /** Pixels over which everything is smeared. */
  blur?: number;
}

const chance = (seed: number) => {
  let state = (seed * 2_654_435_761) >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
};

/** Noise to begin at any place of: drawing it anew for every picture would take longer than judging. */
const pool = new Float32Array(4 * grayWidth * grayHeight);
const places = new Map<string, Float32Array>();

export function drawView(drawn: Drawn = {}): Uint8Array {
  const {
    aside = 0,
    gain = 1,
    lift = 0,
    noise = 3,
    seed = 1,
    elsewhere = false,
    hidden = 0,
    blur = 0,
  } = drawn;
  const place = `${elsewhere} ${aside} ${blur}`;
  const levels = places.get(place) ?? drawPlace(elsewhere, aside, blur);
  places.set(place, levels);
  const grain = Math.floor(chance(1000 + seed)() * 3 * grayWidth * grayHeight);
  return Uint8Array.from(levels, (level, i) => {
    const shown = i % grayWidth < hidden * grayWidth ? 130 : level;
    return Math.max(0, Math.min(255, Math.round(shown * gain + lift + pool[grain + i]! * noise)));
  });
}

/** Box blur along both axes. */
function smear(levels: Float32Array, reach: number): Float32Array<ArrayBuffer> {
  const along = (
    from: Float32Array,
    step: number,
    length: number,
    across: number,
  ): Float32Array<ArrayBuffer> => {
    const to = new Float32Array(from.length);
    const lines = from.length / length;
    for (let line = 0; line < lines; line++)
      for (let i = 0; i < length; i++) {
        let sum = 0;
        let count = 0;
        for (let j = Math.max(0, i - reach); j <= Math.min(length - 1, i + reach); j++) {
          sum += from[line * across + j * step]!;
          count += 1;
        }
        to[line * across + i * step] = sum / count;
      }
    return to;
  };
  return along(along(levels, 1, grayWidth, grayWidth), grayWidth, grayHeight, 1);
}

function drawPlace(elsewhere: boolean, aside: number, blur: number): Float32Array {
  const shapes = chance(elsewhere ? 99 : 7);
  let levels = new Float32Array(grayWidth * grayHeight).fill(110);
  // Beyond the edges too, so that what is pushed aside shows something new there.
  for (let i = 0; i < 260; i++) {
    const [x, y] = [
      Math.floor(shapes() * (grayWidth + 200)) - 100 - aside,
      Math.floor(shapes() * grayHeight),
    ];
    const [w, h, level] = [6 + Math.floor(shapes() * 30), 6 + Math.floor(shapes() * 30), 40 + shapes() * 160];
    for (let row = y; row < Math.min(grayHeight, y + h); row++)
      for (let column = Math.max(0, x); column < Math.min(grayWidth, x + w); column++)
        levels[row * grayWidth + column] = level;
  }
  for (let pass = 0; pass < (blur > 0 ? 3 : 0); pass++) levels = smear(levels, blur);
  return levels;
}

const grains = chance(5);
pool.forEach((_, i) => {
  pool[i] = (grains() + grains() - 1) * 2;
});
