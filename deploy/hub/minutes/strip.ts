import type { Interval, Piece } from '#agent/view/strip.ts';
import type { Page } from './page.ts';

/** What one gap of the strip is called in the list below it. */
export interface NumberedGap extends Interval {
  number: number;
}

const barHeight = 16;
const ticks = 6;
/** Numbers closer than this would overlap. */
const apart = 12;

/**
 * The window asked for as one strip, black on white: recorded is filled; a gap is white between two strokes, hatched,
 * with its number below.
 */
export function drawStrip(
  page: Page,
  window: Interval,
  pieces: readonly Piece[],
  gaps: readonly NumberedGap[],
  label: (utcMs: number) => string,
): void {
  const length = window.to - window.from;
  page.box(barHeight + 34, ({ x, y }, pdf) => {
    const at = (utcMs: number): number => x + ((utcMs - window.from) / length) * page.width;
    const top = y + 12;
    for (const { from, to, what } of pieces) {
      const left = at(from);
      const wide = at(to) - left;
      if (what === 'recorded') pdf.rect(left, top, wide, barHeight).fill('#000000');
      else hatch(pdf, left, top, Math.max(1.2, wide));
    }
    pdf.lineWidth(0.6).rect(x, top, page.width, barHeight).stroke('#000000');
    let taken = Number.NEGATIVE_INFINITY;
    for (const { from, to, number } of gaps) {
      const middle = at((Math.max(from, window.from) + Math.min(to, window.to)) / 2);
      if (middle - taken < apart) continue;
      taken = middle;
      page.text(String(number), { x: middle - 12, y: y + 1, size: 7, width: 24, align: 'center' });
    }
    for (let tick = 0; tick <= ticks; tick++) {
      const where = x + (page.width * tick) / ticks;
      pdf
        .lineWidth(0.5)
        .moveTo(where, top + barHeight)
        .lineTo(where, top + barHeight + 3)
        .stroke('#000000');
      const align = tick === 0 ? 'left' : tick === ticks ? 'right' : 'center';
      const left = tick === 0 ? where : tick === ticks ? where - 70 : where - 35;
      const words = label(window.from + (length * tick) / ticks);
      page.text(words, { x: left, y: top + barHeight + 5, size: 7, width: 70, align });
    }
  });
}

function hatch(pdf: Parameters<Parameters<Page['box']>[1]>[1], x: number, y: number, width: number): void {
  pdf.save().rect(x, y, width, barHeight).fill('#ffffff');
  pdf.rect(x, y, width, barHeight).clip();
  for (let left = x - barHeight; left < x + width; left += 4)
    pdf
      .moveTo(left, y + barHeight)
      .lineTo(left + barHeight, y)
      .lineWidth(0.5)
      .stroke('#000000');
  pdf.restore();
  pdf.lineWidth(0.5).rect(x, y, width, barHeight).stroke('#000000');
}
