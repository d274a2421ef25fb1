import type { GapReason } from '#protocol/gap.ts';

/** Half open, UTC milliseconds. */
export interface Interval {
  from: number;
  to: number;
}

/** `unexplained`: neither a segment nor a gap is known. `unheard`: whoever shows this has not heard of it yet. */
export type Cause = GapReason | 'unexplained' | 'unheard';

/** A stretch of a camera's time. `nothing`: before anything is known of the camera. */
export interface Piece extends Interval {
  what: 'recorded' | 'nothing' | Cause;
}

/** What is known of a camera, in any order; it may reach beyond the window. */
export interface Rows {
  recorded: readonly Interval[];
  gaps: readonly (Interval & { reason: Cause })[];
  /** What goes on after the last of them: the segment that is being written, or why there is none. */
  now: 'recorded' | Cause;
}

export const weekMs = 7 * 24 * 3_600_000;

/** Segments of one run follow each other to within a frame; no camera loses less than this between two of them. */
const seamMs = 1000;

/**
 * The window as pieces without a hole or an overlap, oldest first: the one truth behind every strip. Where a segment
 * and a gap overlap there is a segment.
 */
export function piecesOf(window: Interval, rows: Rows): Piece[] {
  const recorded = clip(rows.recorded, window);
  const gaps = clip(rows.gaps, window);
  const first = Math.min(startOf(rows.recorded), startOf(rows.gaps));
  const pieces: Piece[] = [];
  const push = (from: number, to: number, what: Piece['what']): void => {
    if (from >= to) return;
    const last = pieces.at(-1);
    if (last?.what === what && last.to === from) last.to = to;
    else if (what === 'unexplained' && last?.what === 'recorded' && to - from <= seamMs) last.to = to;
    else pieces.push({ from, to, what });
  };
  const unknown = (from: number, to: number, what: Cause | 'recorded'): void => {
    const known = Math.min(Math.max(first, from), to);
    push(from, known, 'nothing');
    push(known, to, what);
  };
  let at = window.from;
  let next = 0;
  const fill = (to: number, rest: Cause | 'recorded'): void => {
    for (; next < gaps.length && gaps[next]!.from < to; next++) {
      const gap = gaps[next]!;
      if (gap.to <= at) continue;
      unknown(at, Math.max(at, gap.from), 'unexplained');
      push(Math.max(at, gap.from), Math.min(gap.to, to), gap.reason);
      at = Math.max(at, Math.min(gap.to, to));
      if (gap.to > to) break;
    }
    unknown(at, to, rest);
    at = Math.max(at, to);
  };
  for (const { from, to } of recorded) {
    if (to <= at) continue;
    fill(Math.max(at, from), 'unexplained');
    push(at, to, 'recorded');
    at = to;
  }
  fill(window.to, rows.now);
  return pieces;
}

function startOf(rows: readonly Interval[]): number {
  return rows.reduce((least, { from }) => Math.min(least, from), Number.POSITIVE_INFINITY);
}

function clip<Row extends Interval>(rows: readonly Row[], window: Interval): Row[] {
  return rows
    .map((row) => ({ ...row, from: Math.max(row.from, window.from), to: Math.min(row.to, window.to) }))
    .filter(({ from, to }) => from < to)
    .sort((a, b) => a.from - b.from);
}

export function isGap(piece: Piece): piece is Piece & { what: Cause } {
  return piece.what !== 'recorded' && piece.what !== 'nothing';
}

/** What a strip says in one sentence. `unheard` counts as neither. */
export interface Sum {
  recordedMs: number;
  missingMs: number;
  gaps: number;
}

export function sumOf(pieces: readonly Piece[]): Sum {
  const sum = { recordedMs: 0, missingMs: 0, gaps: 0 };
  for (const piece of pieces) {
    if (piece.what === 'recorded') sum.recordedMs += piece.to - piece.from;
    else if (isGap(piece) && piece.what !== 'unheard') {
      sum.missingMs += piece.to - piece.from;
      sum.gaps += 1;
    }
  }
  return sum;
}

/** Gaps drawn as one, since they lie closer together than the eye can tell. */
export interface Notch extends Interval {
  /** The one that took longest. */
  cause: Cause;
  gaps: number;
  missingMs: number;
}

/** Gaps, joined where they are less than `apartMs` from each other; further apart when there would be more than `most`. */
export function notchesOf(pieces: readonly Piece[], apartMs: number, most: number): Notch[] {
  const gaps = pieces.filter(isGap);
  for (let apart = apartMs; ; apart *= 2) {
    const notches = joined(gaps, apart);
    if (notches.length <= most) return notches;
  }
}

function joined(gaps: readonly (Interval & { what: Cause })[], apartMs: number): Notch[] {
  const notches: Notch[] = [];
  let lengths = new Map<Cause, number>();
  for (const { from, to, what } of gaps) {
    const last = notches.at(-1);
    const near = last !== undefined && from - last.to < apartMs && joins(last.cause, what);
    const notch = near ? last : { from, to, cause: what, gaps: 0, missingMs: 0 };
    if (!near) {
      notches.push(notch);
      lengths = new Map();
    }
    lengths.set(what, (lengths.get(what) ?? 0) + to - from);
    notch.to = to;
    notch.gaps += 1;
    notch.missingMs += to - from;
    notch.cause = [...lengths].reduce((most, one) => (one[1] > most[1] ? one : most))[0];
  }
  return notches;
}

/** What nobody has told yet is no gap, and is not drawn as one. */
function joins(a: Cause, b: Cause): boolean {
  return (a === 'unheard') === (b === 'unheard');
}
