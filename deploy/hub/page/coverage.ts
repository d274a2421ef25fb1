import { join } from 'node:path';
import { z } from 'zod';
import type { Files } from '#agent/platform/files.ts';
import type { Interval, Rows } from '#agent/view/strip.ts';
import { parseJson } from '#protocol/envelope.ts';
import { gapReason } from '#protocol/gap.ts';
import { cameraId } from '#protocol/ids.ts';
import { instant } from '#protocol/time.ts';
import type { NodeSight } from '../fleet/fleet.ts';
import { openLines } from '../logs/lines.ts';

/** Interruptions of a camera, as its node's log tells them. */
interface Known {
  gaps: { from: number; to: number; reason: z.output<typeof gapReason> }[];
  /** Since when the log speaks of the camera. */
  since: number;
  /** The oldest frame that was left at the newest daily statement. */
  oldest: number;
}

/** Lines of a node's log that say what was recorded; all others are none of a strip's business. */
const gapLine = z.looseObject({
  kind: z.literal('gap'),
  camera: cameraId,
  start: instant,
  end: instant,
  reason: gapReason,
});
const statementLine = z.looseObject({
  kind: z.literal('statement'),
  camera: cameraId,
  day: z.iso.date(),
  oldest: instant.optional(),
});

/** Lines are appended in order; a week and a day of them reach back over any strip. */
const reachMs = 8 * 24 * 3_600_000;
/** How much of a log is read at first, and doubled until it reaches back far enough. */
const firstReadBytes = 256 * 1024;
/** A camera that comes and goes every half minute all week long. */
const mostGaps = 20_000;

/** What is recorded of every camera, from the copies of the nodes' logs: read as far as they have grown, when asked. */
export interface Coverage {
  /** Reads what is new in the copy of a node's log. */
  update(node: string, nowUtc: number): Promise<void>;
  /** A camera's rows, with what its node says of it now; `unheard` from the moment it fell silent. */
  rows(sight: NodeSight, camera: string, window: Interval): Rows;
}

export function openCoverage(files: Files, folder: string): Coverage {
  const nodes = new Map<string, { offset: number; cameras: Map<string, Known> }>();

  async function begin(path: string, nowUtc: number): Promise<number> {
    const lines = openLines(files, path);
    const size = await lines.bytes();
    for (let bytes = firstReadBytes; bytes < size; bytes *= 2) {
      const start = await lineStart(files, path, size - bytes);
      for await (const text of lines.all({ mend: false, start })) {
        const at = instant.safeParse((parseJson(Buffer.from(text)) as { at?: unknown } | undefined)?.at);
        if (at.success && at.data < nowUtc - reachMs) return start;
        break;
      }
    }
    return 0;
  }

  const take = (cameras: Map<string, Known>, text: string, nowUtc: number): void => {
    const value = parseJson(Buffer.from(text));
    const gap = gapLine.safeParse(value);
    const statement = gap.success ? undefined : statementLine.safeParse(value);
    const camera = gap.data?.camera ?? statement?.data?.camera;
    if (camera === undefined) return;
    const known = cameras.get(camera) ?? {
      gaps: [],
      since: Number.POSITIVE_INFINITY,
      oldest: Number.NEGATIVE_INFINITY,
    };
    cameras.set(camera, known);
    if (gap.success) {
      const { start, end, reason } = gap.data;
      known.gaps.push({ from: start, to: end, reason });
      known.since = Math.min(known.since, start);
      if (known.gaps.length > mostGaps) known.gaps.shift();
      while ((known.gaps[0]?.to ?? nowUtc) < nowUtc - reachMs) known.gaps.shift();
    }
    if (statement?.success) {
      known.since = Math.min(known.since, Date.parse(statement.data.day));
      known.oldest = statement.data.oldest ?? known.oldest;
    }
  };

  return {
    async update(node, nowUtc) {
      const path = join(folder, `${node}.jsonl`);
      const size = (await files.size(path)) ?? 0;
      // A replaced box begins another log; what the old one recorded went with it.
      if (size < (nodes.get(node)?.offset ?? 0)) nodes.delete(node);
      const state = nodes.get(node) ?? { offset: await begin(path, nowUtc), cameras: new Map() };
      nodes.set(node, state);
      if (size <= state.offset) return;
      for await (const text of openLines(files, path).all({ mend: false, start: state.offset })) {
        state.offset += Buffer.byteLength(text) + 1;
        take(state.cameras, text, nowUtc);
      }
    },
    rows(sight, camera, window) {
      const known = nodes.get(sight.id)?.cameras.get(camera);
      const seen = sight.health?.cameras?.find(({ id }) => id === camera);
      const gaps = known?.gaps ?? [];
      const told = Math.max(known?.gaps.at(-1)?.to ?? 0, seen?.newestSegment ?? 0);
      const recording = seen?.state === 'recording';
      // While it records, what the node said last is true of the moment at which it said so.
      const to = Math.max(told, recording ? (sight.health?.at ?? 0) : 0);
      const from = Math.max(
        known?.since ?? sight.health?.store.oldest ?? to,
        known?.oldest ?? 0,
        window.from,
      );
      const reason = gapReason.safeParse(seen?.reason);
      const silent = reason.success ? reason.data : 'unexplained';
      const now =
        sight.state !== 'online' || seen === undefined ? 'unheard' : recording ? 'recorded' : silent;
      return { recorded: from < to ? without({ from, to }, gaps) : [], gaps, now };
    },
  };
}

/** What is left of a span outside of all gaps. */
function without(span: Interval, gaps: readonly Interval[]): Interval[] {
  const left: Interval[] = [];
  let at = span.from;
  for (const { from, to } of [...gaps].sort((a, b) => a.from - b.from)) {
    if (from > at) left.push({ from: at, to: Math.min(from, span.to) });
    at = Math.max(at, to);
    if (at >= span.to) break;
  }
  if (at < span.to) left.push({ from: at, to: span.to });
  return left.filter(({ from, to }) => from < to);
}

/** The first byte after `position` at which a line begins. */
async function lineStart(files: Files, path: string, position: number): Promise<number> {
  const file = await files.open(path, 'read');
  try {
    const piece = Buffer.alloc(64 * 1024);
    for (let at = position; ; ) {
      const bytes = await file.read(piece, at);
      const end = piece.subarray(0, bytes).indexOf(0x0a);
      if (end >= 0) return at + end + 1;
      if (bytes < piece.length) return at + bytes;
      at += bytes;
    }
  } finally {
    await file.close();
  }
}
