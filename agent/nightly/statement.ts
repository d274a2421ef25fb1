import { instantText } from '#protocol/time.ts';

/** What one camera recorded in one interval. */
export interface CoverageRows {
  segments: readonly { start: number; end: number }[];
  gaps: readonly { start: number; end: number; reason: string }[];
}

/** Milliseconds of `[from, to)` that `rows` cover; rows may reach beyond it. */
function within(rows: readonly { start: number; end: number }[], from: number, to: number): number {
  return rows.reduce((sum, row) => sum + Math.max(0, Math.min(row.end, to) - Math.max(row.start, from)), 0);
}

/**
 * The daily statement of a camera, a line of the log: what of the UTC day `[from, to)` is recorded and what is missing
 * and why (milliseconds), how many segments were deleted, and the oldest frame that is left.
 */
export function statementOf(
  camera: string,
  rows: CoverageRows,
  day: { from: number; to: number },
  rest: { deleted: number; oldest: number | undefined },
) {
  const { from, to } = day;
  const gaps: Record<string, number> = {};
  for (const gap of rows.gaps) gaps[gap.reason] = (gaps[gap.reason] ?? 0) + within([gap], from, to);
  return {
    camera,
    day: new Date(from).toISOString().slice(0, 10),
    recordedMs: within(rows.segments, from, to),
    gapsMs: Object.fromEntries(Object.entries(gaps).filter(([, ms]) => ms > 0)),
    segments: rows.segments.filter(({ start }) => start >= from && start < to).length,
    deleted: rest.deleted,
    ...(rest.oldest === undefined ? {} : { oldest: instantText(rest.oldest) }),
  };
}
