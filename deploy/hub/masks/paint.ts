import { Failure } from '#protocol/failure.ts';
import { type Masks, type Rectangle, rectanglesAt } from './masks.ts';
import { openMosaic } from './mosaic.ts';

/** Even width and height. */
export interface Size {
  width: number;
  height: number;
}

/** Planes of 8 bits, one after the other: luma, then both colours with half the width and half the height. */
export function frameBytes({ width, height }: Size): number {
  return (width * height * 3) / 2;
}

/** Black in limited range, ITU-R BT.601 §2.5.3. */
const black = { luma: 16, colour: 128 };

/** A picture of which less is masked is a plain one. */
const leastMasked = 0.01;

/**
 * Returns a function that gives a masked copy of a picture filmed at `utcMs`; `undefined` masks it all. Where no region
 * is, everything is masked, in both modes. What it gives depends on a masked pixel by nothing (solid), or by the mean of
 * a block (mosaic.ts). Throws `denied` `masks-open` for a picture that would leave as good as plain.
 */
export function openPainter(masks: Masks, size: Size): (frame: Buffer, utcMs: number | undefined) => Buffer {
  const mosaic = masks.style === 'mosaic' ? openMosaic(size) : undefined;
  const area = size.width * size.height;
  return (frame, utcMs) => {
    const rectangles = utcMs === undefined ? [] : rectanglesAt(masks, utcMs, size);
    const covered = rectangles.length === 0 ? 0 : unionArea(rectangles) / area;
    const masked = rectangles.length === 0 ? 1 : masks.mode === 'at' ? covered : 1 - covered;
    if (masked < leastMasked)
      throw new Failure(
        'denied',
        'masks-open',
        `at ${new Date(utcMs as number).toISOString()} the masks cover ${(masked * 100).toFixed(1)} % of the picture: that is a plain one`,
      );
    const base = mosaic?.(frame, utcMs) ?? plain(size);
    if (rectangles.length === 0) return base;
    const [under, over] = masks.mode === 'at' ? [Buffer.from(frame), base] : [base, frame];
    for (const rectangle of rectangles) copy(over, under, rectangle, size);
    return under;
  };
}

function plain(size: Size): Buffer {
  const luma = size.width * size.height;
  return Buffer.alloc(frameBytes(size), black.colour).fill(black.luma, 0, luma);
}

/** Copies a rectangle of every plane. */
function copy(from: Buffer, to: Buffer, { left, top, right, bottom }: Rectangle, size: Size): void {
  let plane = 0;
  for (const [index, half] of [1, 2, 2].entries()) {
    const stride = size.width / half;
    for (let row = top / half; row < bottom / half; row++) {
      const at = plane + row * stride;
      from.copy(to, at + left / half, at + left / half, at + right / half);
    }
    plane += (size.width * size.height) / (index === 0 ? 1 : 4);
  }
}

/** Pixels that at least one of them covers. */
export function unionArea(rectangles: readonly Rectangle[]): number {
  const columns = [...new Set(rectangles.flatMap(({ left, right }) => [left, right]))].sort((a, b) => a - b);
  let area = 0;
  for (const [index, left] of columns.slice(0, -1).entries()) {
    const right = columns[index + 1] as number;
    const here = rectangles
      .filter((one) => one.left <= left && one.right >= right)
      .sort((a, b) => a.top - b.top);
    let below = Number.NEGATIVE_INFINITY;
    for (const { top, bottom } of here) {
      area += (right - left) * Math.max(0, bottom - Math.max(top, below));
      below = Math.max(below, bottom);
    }
  }
  return area;
}
