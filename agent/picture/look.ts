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

/**
 * Sensors are never without noise: pixels that differ by more than one level, in a cell that shows something, and how
 * many cells must be without them: a clock that is written into the picture changes how the rest of it is coded.
 */
const differingShare = 0.01;
const sameShare = 0.4;
/** Where few show something, as at night, most of them. */
const fewCells = { share: 0.8, most: 10 };
const fewestCells = 6;

/** The same picture, a time written into it aside; false where too little is to be seen. */
export function isSame(before: View, view: View): boolean {
  const cells = outlinedCells(view);
  if (cells.length < fewestCells) return false;
  const differing = new Float32Array(cellCount);
  for (let i = 0; i < view.gray.length; i++)
    if (Math.abs(view.gray[i]! - before.gray[i]!) > 1) differing[grayCells[i]!]! += 1;
  const same = cells.filter((cell) => differing[cell]! < (differingShare * grayBytes) / cellCount);
  return (
    same.length >= Math.max(sameShare * cells.length, Math.min(fewCells.share * cells.length, fewCells.most))
  );
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
