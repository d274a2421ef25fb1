import { cellCount, outlineHeight, outlineWidth, type View } from './measure.ts';
import { agreement } from './outlines.ts';

/** What a view looks like, on average over the pictures that were in order: whoever walks through it fades away. */
export interface Reference extends Omit<View, 'gray' | 'bright'> {
  /** Pictures it was made of. */
  pictures: number;
}

/** By then it follows the light of the day, a parked lorry within half an hour. */
const weight = 0.05;
/** Levels² per pixel at a quarter of the scale: above the noise of a night picture. */
const outlined = 2.5;

export function newReference(): Reference {
  const outlines = (): Float32Array => new Float32Array(outlineWidth * outlineHeight);
  const cells = (): Float32Array => new Float32Array(cellCount);
  return { gx: outlines(), gy: outlines(), means: cells(), fine: cells(), coarse: cells(), pictures: 0 };
}

/** Moves the reference towards `view`; the first pictures count alike. */
export function learn(reference: Reference, view: View): void {
  reference.pictures += 1;
  const share = Math.max(weight, 1 / reference.pictures);
  for (const key of ['gx', 'gy', 'means', 'fine', 'coarse'] as const) {
    const [kept, seen] = [reference[key], view[key]];
    for (let i = 0; i < kept.length; i++) kept[i]! += (seen[i]! - kept[i]!) * share;
  }
}

/** The cells of a view that show outlines. */
export function outlinedCells({ coarse }: Pick<View, 'coarse'>): number[] {
  return cells.filter((cell) => coarse[cell]! > outlined);
}

const cells = Array.from({ length: cellCount }, (_, cell) => cell);
const agrees = 0.4;
/** Became dark: nothing is said about its outlines. */
const darkLevel = 20;
/** Became bright, as in the beam of headlights. */
const brightShare = 0.5;
/** A cell's outlines are gone below a tenth of their contrast, its focus below four tenths of its detail. */
const goneContrast = 0.1;
const goneDetail = 0.4;
/** Of levels, so that no dark cell divides by nothing. */
export const pedestal = 5;

export interface Comparison {
  /** Cells with outlines in the reference that light lets us see now. */
  comparable: number;
  /** Of these, share whose outlines are gone, and share that lost its outlines or its detail. */
  covered: number;
  blurred: number;
  /** Cells with outlines in both, and the share of them that agrees. */
  common: number;
  agreeing: number;
}

export function compare(reference: Reference, view: View): Comparison {
  const outlines = agreement(reference, view);
  const seen = outlinedCells(reference).filter(
    (cell) =>
      view.bright[cell]! < brightShare &&
      (view.means[cell]! >= darkLevel || view.means[cell]! > reference.means[cell]! / 2),
  );
  const contrast = (of: Pick<View, 'coarse' | 'means'>, cell: number): number =>
    of.coarse[cell]! / (of.means[cell]! + pedestal) ** 2;
  const covered = seen.filter(
    (cell) =>
      contrast(view, cell) < goneContrast * contrast(reference, cell) &&
      // In itself too: a hazy day has less contrast than a night, and stronger outlines.
      view.coarse[cell]! < goneDetail * reference.coarse[cell]!,
  );
  const blurred = seen.filter((cell) => {
    if (covered.includes(cell)) return true;
    // Less detail for the same outlines; and less in itself, since a glare adds an outline of its own.
    const dimmed = Math.min(1, (view.means[cell]! + pedestal) / (reference.means[cell]! + pedestal)) ** 2;
    return (
      view.fine[cell]! / view.coarse[cell]! <
        goneDetail * (reference.fine[cell]! / reference.coarse[cell]!) &&
      view.fine[cell]! < goneDetail * reference.fine[cell]! * dimmed
    );
  });
  const here = new Set(outlinedCells(view));
  const common = outlinedCells(reference).filter((cell) => here.has(cell));
  const agreeing = common.filter((cell) => outlines[cell]! > agrees);
  const share = (part: readonly number[], whole: readonly number[]): number =>
    whole.length === 0 ? 0 : part.length / whole.length;
  return {
    comparable: seen.length,
    covered: share(covered, seen),
    blurred: share(blurred, seen),
    common: common.length,
    agreeing: share(agreeing, common),
  };
}
