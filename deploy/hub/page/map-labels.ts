import type { Point } from './map-places.ts';

export interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
}

export interface Label {
  text: string;
  /** Where the text begins, ends or has its middle. */
  at: Point;
  anchor: 'start' | 'middle' | 'end';
  /** A line to the point, where the label had to go away from it. */
  leader: Point | undefined;
}

/** System fonts at 12 px, on the wide side: nobody can measure them here. */
const characterPx = 6.7;
const linePx = 14;
const gapPx = 11;
/** A name further away than this is better read across a line. */
const nearPx = 26;

export function overlap(a: Box, b: Box): boolean {
  return a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;
}

export function textWidth(text: string): number {
  return text.length * characterPx;
}

export type Segment = readonly [from: Point, to: Point];

/** Whether a line passes through a box (Liang and Barsky). */
function passes([from, to]: Segment, { x, y, width, height }: Box): boolean {
  const [dx, dy] = [to.x - from.x, to.y - from.y];
  let [first, last] = [0, 1];
  for (const [step, room] of [
    [-dx, from.x - x],
    [dx, x + width - from.x],
    [-dy, from.y - y],
    [dy, y + height - from.y],
  ] as const) {
    if (step === 0 && room < 0) return false;
    if (step < 0) first = Math.max(first, room / step);
    if (step > 0) last = Math.min(last, room / step);
  }
  return first <= last;
}

/**
 * Names beside their points so that none covers another, a point or what is `taken`: the nearest free place of those
 * around the point, in order of how well one reads there, beside the lines where that is near enough. A name that finds
 * none is left out; pointing at it tells.
 */
export function placeLabels(
  points: readonly { text: string; at: Point }[],
  frame: Box,
  taken: readonly Box[],
  lines: readonly Segment[],
): (Label | undefined)[] {
  const blocked: Box[] = [...taken, ...points.map(({ at }) => around(at, 8))];
  return points.map(({ text, at }) => {
    const width = textWidth(text);
    const free = offsets.flatMap(({ dx, dy, anchor }) => {
      const where = { x: at.x + dx, y: at.y + dy };
      const left = anchor === 'start' ? where.x : anchor === 'end' ? where.x - width : where.x - width / 2;
      const box = { x: left, y: where.y - linePx + 3, width, height: linePx };
      const inside =
        box.x >= frame.x + 2 &&
        box.y >= frame.y + 2 &&
        box.x + width <= frame.x + frame.width - 2 &&
        box.y + linePx <= frame.y + frame.height - 2;
      if (!inside || blocked.some((other) => overlap(box, other))) return [];
      return [{ box, where, anchor, far: Math.hypot(dx, dy) }];
    });
    const beside = free.find(({ box, far }) => far <= nearPx && !lines.some((line) => passes(line, box)));
    const found = beside ?? free[0];
    if (found === undefined) return undefined;
    blocked.push(found.box);
    return { text, at: found.where, anchor: found.anchor, leader: found.far > 22 ? at : undefined };
  });
}

function around({ x, y }: Point, reach: number): Box {
  return { x: x - reach, y: y - reach, width: 2 * reach, height: 2 * reach };
}

const offsets: { dx: number; dy: number; anchor: Label['anchor'] }[] = [1, 2, 3.2, 4.5, 6].flatMap((ring) => {
  const far = ring * gapPx;
  return [
    { dx: far, dy: 4, anchor: 'start' as const },
    { dx: -far, dy: 4, anchor: 'end' as const },
    { dx: 0, dy: -far, anchor: 'middle' as const },
    { dx: 0, dy: far + 9, anchor: 'middle' as const },
    { dx: far * 0.8, dy: -far * 0.7, anchor: 'start' as const },
    { dx: far * 0.8, dy: far * 0.7 + 9, anchor: 'start' as const },
    { dx: -far * 0.8, dy: -far * 0.7, anchor: 'end' as const },
    { dx: -far * 0.8, dy: far * 0.7 + 9, anchor: 'end' as const },
  ];
});
