import type { Size } from './paint.ts';

/**
 * Blocks across the height of a picture. A face as high as half of it has six: too few to know it by. Fixed to the
 * picture, not to the region, so that moving a region shows nothing more.
 */
const blocksDown = 12;
/** Below this a small picture would show too much. */
const leastBlock = 32;
/** Steps of a mean: 16 of 256, so that a mean says four bits. */
const step = 16;
/** A mean is held for so long: blocks of many pictures of something that moves could be put together to a sharp one. */
const heldMs = 1000;

/** Edge of a block in pixels, even. */
export function blockOf({ height }: Size): number {
  return Math.max(leastBlock, Math.ceil(height / blocksDown / 2) * 2);
}

/** Returns a function that gives the mosaic of a whole picture; that of an unknown instant is never held. */
export function openMosaic(size: Size): (frame: Buffer, utcMs: number | undefined) => Buffer {
  const block = blockOf(size);
  let held: { since: number; mosaic: Buffer } | undefined;
  return (frame, utcMs) => {
    const fresh = held && utcMs !== undefined && utcMs >= held.since && utcMs < held.since + heldMs;
    if (!fresh || held === undefined)
      held = { since: utcMs ?? Number.NEGATIVE_INFINITY, mosaic: mosaicOf(frame, size, block) };
    return Buffer.from(held.mosaic);
  };
}

function mosaicOf(frame: Buffer, { width, height }: Size, block: number): Buffer {
  const out = Buffer.allocUnsafe(frame.length);
  let plane = 0;
  for (const half of [1, 2, 2]) {
    const [wide, high, edge] = [width / half, height / half, block / half];
    for (let top = 0; top < high; top += edge)
      for (let left = 0; left < wide; left += edge) {
        const right = Math.min(wide, left + edge);
        const bottom = Math.min(high, top + edge);
        let sum = 0;
        for (let y = top; y < bottom; y++) {
          const row = plane + y * wide;
          for (let at = row + left; at < row + right; at++) sum += frame[at] as number;
        }
        const mean = Math.min(240, Math.round(sum / ((right - left) * (bottom - top)) / step) * step);
        for (let y = top; y < bottom; y++) {
          const row = plane + y * wide;
          out.fill(mean, row + left, row + right);
        }
      }
    plane += wide * high;
  }
  return out;
}
