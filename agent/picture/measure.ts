/** What a picture is scaled to before it is judged, as 8-bit luminance. */
export const grayWidth = 320;
export const grayHeight = 240;
export const grayBytes = grayWidth * grayHeight;

/** Outlines are looked for at a quarter of that: what moves there is no noise. */
const quarter = 4;
export const outlineWidth = grayWidth / quarter;
export const outlineHeight = grayHeight / quarter;

/** The picture is judged in 8 × 6 cells, so that what hides a part of it leaves the rest to speak. */
export const cellColumns = 8;
export const cellRows = 6;
export const cellCount = cellColumns * cellRows;

/** The cell of each pixel, and of each at a quarter of the scale. */
export const grayCells = cellsOf(grayWidth, grayHeight);
export const outlineCells = cellsOf(outlineWidth, outlineHeight);

function cellsOf(width: number, height: number): Uint8Array {
  return Uint8Array.from({ length: width * height }, (_, i) => {
    const row = Math.floor((Math.floor(i / width) * cellRows) / height);
    return row * cellColumns + Math.floor(((i % width) * cellColumns) / width);
  });
}

/** One picture in figures. */
export interface View {
  gray: Uint8Array;
  /** Per cell: mean luminance, 0 to 255. */
  means: Float32Array;
  /** Per cell: share of pixels at the upper end. */
  bright: Float32Array;
  /** Per cell: gradient energy at full and at a quarter of the scale (Tenengrad), squared levels per pixel. */
  fine: Float32Array;
  coarse: Float32Array;
  /** Gradient at a quarter of the scale. */
  gx: Float32Array;
  gy: Float32Array;
}

/** Video range ends at 235, and a blinded sensor's own limit a little below. */
const brightLevel = 228;

export function measure(gray: Uint8Array): View {
  const means = new Float32Array(cellCount);
  const bright = new Float32Array(cellCount);
  const small = new Float32Array(outlineWidth * outlineHeight);
  for (let y = 0; y < grayHeight; y++) {
    const smallRow = Math.floor(y / quarter) * outlineWidth;
    for (let x = 0; x < grayWidth; x++) {
      const i = y * grayWidth + x;
      const level = gray[i] as number;
      const cell = grayCells[i] as number;
      means[cell]! += level;
      if (level >= brightLevel) bright[cell]! += 1;
      small[smallRow + (x >> 2)]! += level;
    }
  }
  const pixels = grayBytes / cellCount;
  for (let cell = 0; cell < cellCount; cell++) {
    means[cell]! /= pixels;
    bright[cell]! /= pixels;
  }
  for (let i = 0; i < small.length; i++) small[i]! /= quarter * quarter;
  const full = gradients(gray, grayWidth, grayHeight);
  const { gx, gy } = gradients(small, outlineWidth, outlineHeight);
  return {
    gray,
    means,
    bright,
    fine: energies(full.gx, full.gy, grayCells),
    coarse: energies(gx, gy, outlineCells),
    gx,
    gy,
  };
}

/** Sobel's operator, in levels per pixel; the outermost pixels are left at zero. */
function gradients(
  levels: ArrayLike<number>,
  width: number,
  height: number,
): { gx: Float32Array; gy: Float32Array } {
  const gx = new Float32Array(width * height);
  const gy = new Float32Array(width * height);
  for (let y = 1; y < height - 1; y++)
    for (let x = 1; x < width - 1; x++) {
      const i = y * width + x;
      const nw = levels[i - width - 1]!;
      const ne = levels[i - width + 1]!;
      const sw = levels[i + width - 1]!;
      const se = levels[i + width + 1]!;
      gx[i] = (ne + 2 * levels[i + 1]! + se - nw - 2 * levels[i - 1]! - sw) / 8;
      gy[i] = (sw + 2 * levels[i + width]! + se - nw - 2 * levels[i - width]! - ne) / 8;
    }
  return { gx, gy };
}

function energies(gx: Float32Array, gy: Float32Array, cellOf: Uint8Array): Float32Array {
  const found = new Float32Array(cellCount);
  for (let i = 0; i < gx.length; i++) found[cellOf[i]!]! += gx[i]! * gx[i]! + gy[i]! * gy[i]!;
  const pixels = gx.length / cellCount;
  for (let cell = 0; cell < cellCount; cell++) found[cell]! /= pixels;
  return found;
}
