import { cellCount, grayBytes, grayCells, type View } from './measure.ts';
import { shiftOf } from './outlines.ts';
import { compare, outlinedCells, pedestal, type Reference } from './reference.ts';

export type Finding = 'black' | 'blinded' | 'frozen' | 'blurred' | 'moved';

/** What one picture shows by itself and beside others, before anything is believed. */
export type Look =
  | { finding: Exclude<Finding, 'blurred' | 'moved'> }
  | { finding: 'blurred'; reason: 'defocused' | 'covered' }
  | { finding: 'moved'; reason: 'shifted' | 'elsewhere'; percent: number }
  /** In order; `like`: the reference it is most like, `strange`: the light is another than any reference's. */
  | { finding: 'none'; like: Reference | undefined; strange: boolean }
  /** Too little to be seen to say anything. */
  | { finding: 'nothing-to-see' };

/** Below this a lit street is not seen. */
const darkLevel = 20;
/** Cells that may still show something: where the camera writes the time. */
const writtenCells = 4;
const blindedShare = 0.7;
const brightCell = 0.6;

/** Nothing but darkness, the time written into it aside. */
export function isBlack(view: View): boolean {
  const dark = view.means.filter((mean) => mean < darkLevel).length;
  return dark >= cellCount - writtenCells && outlinedCells(view).length <= writtenCells;
}

export function isBlinded({ bright }: View): boolean {
  return bright.filter((share) => share > brightCell).length >= blindedShare * cellCount;
}

/** How strong outlines are, in levels; those of a written time left out. */
export function strength({ coarse }: View): number {
  const rest = Array.from(coarse, Math.sqrt)
    .sort((a, b) => a - b)
    .slice(0, -writtenCells);
  return rest.reduce((sum, each) => sum + each, 0) / rest.length;
}

/** Pixels of a cell that may differ: those at its edge, where scaling mixes in its neighbours. */
const repeatedShare = 0.002;
/** A clock leaves more; noise that a coder flattened, in the worst quality, seldom as many, and not twice. */
const repeatedCells = 8;
/** Where few cells show something, as at night. */
const repeatedShareOfFew = 0.8;
/** Pixels that are like their neighbour: no lens shows as much of a surface without any grain. */
const drawnShare = 0.95;
/** Of the third with the most detail. */
const repeatedDetailed = 2;
const fewestCells = 6;

/**
 * The same picture, a time written into it aside; false where too little is to be seen. No sensor is without noise, so
 * no part of a view that shows something comes back to the last bit. A time that is written into the picture changes how
 * what follows it is coded, and at times nearly all of it: how much differs tells little, that a part comes back exactly
 * tells all. Two things come back in a living picture, too: what is drawn over it, which is flat, and noise that a poor
 * coder took out, in plain parts alone.
 */
export function isSame(before: View, view: View): boolean {
  const differing = new Uint16Array(cellCount);
  const flat = new Uint16Array(cellCount);
  for (let i = 0; i < view.gray.length; i++) {
    const cell = grayCells[i]!;
    if (view.gray[i] !== before.gray[i]) differing[cell]! += 1;
    if (view.gray[i] === view.gray[i + 1]) flat[cell]! += 1;
  }
  const pixels = grayBytes / cellCount;
  const cells = outlinedCells(view).filter((cell) => flat[cell]! < drawnShare * pixels);
  if (cells.length < fewestCells) return false;
  const repeated = (cell: number): boolean => differing[cell]! <= repeatedShare * pixels;
  const needed = Math.min(repeatedCells, Math.ceil(repeatedShareOfFew * cells.length));
  if (cells.filter(repeated).length < needed) return false;
  const detailed = [...cells].sort((a, b) => view.fine[b]! - view.fine[a]!).slice(0, cells.length / 3);
  return detailed.filter(repeated).length >= repeatedDetailed;
}

/** Of the cells that can be compared; a lorry may hide the rest. */
const blurredShare = 0.55;
const coveredShare = 0.5;
/** Outlines that are elsewhere agree by chance in one cell of twelve. */
const movedShare = 0.2;
/** Above it nobody asks for a shift. */
const steadyShare = 0.55;
/** An eightieth of the width: wind at the mast moves a camera less. */
const leastShift = 0.02;
const shiftCorrelation = 0.3;
/** Light that differs by this factor over half of the view is worth a reference of its own. */
const otherLight = 1.6;

/** Compares with what the view looked like before, in whichever light. */
export function beside(references: readonly Reference[], view: View): Look {
  const rows = references
    .map((reference) => ({ reference, ...compare(reference, view) }))
    .sort((a, b) => b.agreeing * b.common - a.agreeing * a.common);
  const best = rows[0];
  if (best === undefined) return { finding: 'none', like: undefined, strange: true };
  if (best.comparable >= fewestCells && best.blurred >= blurredShare)
    return { finding: 'blurred', reason: best.covered >= coveredShare ? 'covered' : 'defocused' };
  if (best.common < fewestCells) {
    // Night without a light: nothing agrees, and nothing contradicts.
    return outlinedCells(view).length < fewestCells
      ? { finding: 'nothing-to-see' }
      : { finding: 'none', like: undefined, strange: true };
  }
  if (best.agreeing < steadyShare) {
    const { share, correlation, still } = shiftOf(best.reference, view);
    if (share >= leastShift && correlation > shiftCorrelation && correlation > 1.5 * Math.max(0, still))
      return { finding: 'moved', reason: 'shifted', percent: Math.round(share * 100) };
    if (best.agreeing < movedShare) return { finding: 'moved', reason: 'elsewhere', percent: 100 };
  }
  return { finding: 'none', like: best.reference, strange: lightFactor(best.reference, view) > otherLight };
}

function lightFactor(reference: Reference, view: View): number {
  const factors = Array.from(view.means, (mean, cell) => {
    const factor = (mean + pedestal) / (reference.means[cell]! + pedestal);
    return Math.max(factor, 1 / factor);
  });
  return factors.sort((a, b) => a - b)[cellCount / 2]!;
}
