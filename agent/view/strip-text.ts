import { causes, families } from './causes.ts';
import type { Lang } from './states.ts';
import { type Cause, type Interval, isGap, type Piece } from './strip.ts';

/** A cell is two hours. */
export const stripCells = 84;

/** Least share of a cell that is recorded, and its block; what is recorded whole, and only that, is the full block. */
const blocks: readonly (readonly [number, string])[] = [
  [1, '█'],
  [0.75, '▆'],
  [0.25, '▄'],
  [0, '▁'],
];

export interface TextOptions {
  /** ANSI colours of the causes. */
  colour: boolean;
}

/** A camera's week in block characters; a cell that lost something has the colour of what it lost most to. */
export function stripText(window: Interval, pieces: readonly Piece[], { colour }: TextOptions): string {
  const cellMs = (window.to - window.from) / stripCells;
  let text = '';
  for (let i = 0; i < stripCells; i++) {
    const cell = { from: window.from + i * cellMs, to: window.from + (i + 1) * cellMs };
    const { recorded, lost, cause } = shares(cell, pieces);
    if (recorded + lost === 0) text += cause === undefined ? ' ' : '·';
    else if (cause === undefined) text += '█';
    else {
      // A loss however short takes a cell out of the whole ones.
      const block = blocks.find(
        ([least]) => recorded / (recorded + lost) >= least && (least < 1 || lost === 0),
      )![1];
      text += colour ? `${ansi(families[causes[cause].family].colour)}${block}\u001b[0m` : block;
    }
  }
  return text;
}

const sliverMs = 1000;

function shares(
  cell: Interval,
  pieces: readonly Piece[],
): { recorded: number; lost: number; cause: Cause | undefined } {
  let recorded = 0;
  let lost = 0;
  let longest = 0;
  let cause: Cause | undefined;
  for (const piece of pieces) {
    const ms = Math.min(piece.to, cell.to) - Math.max(piece.from, cell.from);
    if (ms <= 0) continue;
    // The end of what another cell shows.
    if (ms < sliverMs && (piece.from < cell.from || piece.to > cell.to)) continue;
    if (piece.what === 'recorded') recorded += ms;
    else if (isGap(piece)) {
      if (piece.what !== 'unheard') lost += ms;
      if (ms > longest) {
        longest = ms;
        cause = piece.what;
      }
    }
  }
  return { recorded, lost, cause };
}

function ansi(colour: string): string {
  const [red, green, blue] = [1, 3, 5].map((at) => Number.parseInt(colour.slice(at, at + 2), 16));
  // Black on black would not show.
  return colour === '#000000' ? '\u001b[1m' : `\u001b[38;2;${red};${green};${blue}m`;
}

/** What the blocks mean, in one line. */
export function stripTextLegend(lang: Lang): string {
  return lang === 'it'
    ? '█ registrato  ▆▄ in parte  ▁ interrotto  · nessuna notizia   (7 giorni, 2 ore a blocco)'
    : '█ recorded  ▆▄ in part  ▁ interrupted  · not heard of   (7 days, 2 hours a block)';
}
