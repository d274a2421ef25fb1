/** How many columns and rows a terminal has. */
export interface ScreenSize {
  columns: number;
  rows: number;
}

/** Escapes that colour, and take no room. */
const escapes = new RegExp(String.raw`${String.fromCharCode(0x1b)}\[[\d;]*m`, 'g');

function widthOf(line: string): number {
  return [...line.replaceAll(escapes, '')].length;
}

/**
 * One look for a terminal that shows it over and over: as many of the first lines as fit, since the first one answers,
 * and how many are left out (`… +12`). It goes over what is there, and the rest is erased: clearing first would flicker.
 */
export function screenText(lines: readonly string[], { columns, rows }: ScreenSize): string {
  const rowsOf = (line: string): number => Math.max(1, Math.ceil(widthOf(line) / columns));
  // One row is left for the cursor, and one for what is left out.
  let room = rows - 1;
  let shown = 0;
  for (const [i, line] of lines.entries()) {
    const reserved = i === lines.length - 1 ? 0 : 1;
    if (i > 0 && rowsOf(line) > room - reserved) break;
    room -= rowsOf(line);
    shown += 1;
  }
  const left = lines.length - shown;
  const all = left === 0 ? lines : [...lines.slice(0, shown), `… +${left}`];
  const drawn = all.map((line) => {
    // At the edge the cursor still stands on the last letter: erasing would take that.
    const atEdge = widthOf(line) > 0 && widthOf(line) % columns === 0;
    return `${line}${atEdge ? '' : '\u001b[K'}\n`;
  });
  return `\u001b[H${drawn.join('')}\u001b[J`;
}
