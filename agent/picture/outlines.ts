import { cellCount, outlineCells, outlineHeight, outlineWidth, type View } from './measure.ts';

type Outlines = Pick<View, 'gx' | 'gy'>;

/**
 * How the outlines of two pictures agree, per cell: the correlation of their gradient vectors, −1 to 1, around 0 where
 * they have nothing in common. Brighter or darker light changes the length of a gradient and not where it points.
 */
export function agreement(one: Outlines, other: Outlines): Float32Array {
  const both = new Float32Array(cellCount);
  const first = new Float32Array(cellCount);
  const second = new Float32Array(cellCount);
  for (let i = 0; i < one.gx.length; i++) {
    const cell = outlineCells[i]!;
    const ax = one.gx[i]!;
    const ay = one.gy[i]!;
    const bx = other.gx[i]!;
    const by = other.gy[i]!;
    both[cell]! += ax * bx + ay * by;
    first[cell]! += ax * ax + ay * ay;
    second[cell]! += bx * bx + by * by;
  }
  return both.map((sum, cell) => {
    const scale = Math.sqrt(first[cell]! * second[cell]!);
    return scale > 0 ? sum / scale : 0;
  });
}

export interface Shift {
  /** Share of the picture's width, and the correlation there. */
  share: number;
  correlation: number;
  /** Without a shift. */
  still: number;
}

/** A sixth of the width each way, at first in steps of two: an outline is wider than that. */
const reach = 14;

/**
 * The shift under which the outlines of `view` fall onto those of `reference`: the peak of their gradient
 * cross-correlation (Argyriou and Vlachos), over the part that both show.
 */
export function shiftOf(reference: Outlines, view: Outlines): Shift {
  const still = correlationAt(reference, view, 0, 0);
  let best = { dx: 0, dy: 0, correlation: still };
  const tryAt = (dx: number, dy: number): void => {
    const correlation = correlationAt(reference, view, dx, dy);
    if (correlation > best.correlation) best = { dx, dy, correlation };
  };
  for (let dy = -reach; dy <= reach; dy += 2) for (let dx = -reach; dx <= reach; dx += 2) tryAt(dx, dy);
  const { dx, dy } = best;
  for (let y = dy - 1; y <= dy + 1; y++) for (let x = dx - 1; x <= dx + 1; x++) tryAt(x, y);
  return { share: Math.hypot(best.dx, best.dy) / outlineWidth, correlation: best.correlation, still };
}

function correlationAt(reference: Outlines, view: Outlines, dx: number, dy: number): number {
  let both = 0;
  let first = 0;
  let second = 0;
  const [fromX, toX] = [Math.max(0, -dx), Math.min(outlineWidth, outlineWidth - dx)];
  const [fromY, toY] = [Math.max(0, -dy), Math.min(outlineHeight, outlineHeight - dy)];
  for (let y = fromY; y < toY; y++)
    for (let x = fromX; x < toX; x++) {
      const i = y * outlineWidth + x;
      const j = (y + dy) * outlineWidth + x + dx;
      const ax = reference.gx[i]!;
      const ay = reference.gy[i]!;
      const bx = view.gx[j]!;
      const by = view.gy[j]!;
      both += ax * bx + ay * by;
      first += ax * ax + ay * ay;
      second += bx * bx + by * by;
    }
  const scale = Math.sqrt(first * second);
  return scale > 0 ? both / scale : 0;
}
