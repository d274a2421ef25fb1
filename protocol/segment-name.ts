import { compactStamp, parseCompactStamp } from './time.ts';

/** What a file name below `segments/<camera>/<day>/` says. */
export type SegmentName =
  | { state: 'open'; start: number }
  | { state: 'sealed'; start: number; durationMs: number; torn: boolean };

/** `<start>-<durationMs>.mp4.age`, `<start>-<durationMs>.torn.mp4.age` or `<start>.mp4.age.part`; UTC, milliseconds. */
export function segmentName(segment: SegmentName): string {
  const start = compactStamp(segment.start);
  if (segment.state === 'open') return `${start}.mp4.age.part`;
  return `${start}-${segment.durationMs}${segment.torn ? '.torn' : ''}.mp4.age`;
}

/** Undefined for any name that {@link segmentName} does not make. */
export function parseSegmentName(name: string): SegmentName | undefined {
  const open = /^(\w{19})\.mp4\.age\.part$/.exec(name);
  const sealed = /^(\w{19})-(0|[1-9]\d{0,9})(\.torn)?\.mp4\.age$/.exec(name);
  const start = parseCompactStamp((open ?? sealed)?.[1] ?? '');
  if (start === undefined) return undefined;
  if (open) return { state: 'open', start };
  return { state: 'sealed', start, durationMs: Number(sealed?.[2]), torn: sealed?.[3] !== undefined };
}

/** `snapshot-<stamp>.jpg.age`: one sealed picture, at that instant. */
export function snapshotName(utcMs: number): string {
  return `snapshot-${compactStamp(utcMs)}.jpg.age`;
}

/** UTC milliseconds; undefined for any name that {@link snapshotName} does not make. */
export function parseSnapshotName(name: string): number | undefined {
  return parseCompactStamp(/^snapshot-(\w{19})\.jpg\.age$/.exec(name)?.[1] ?? '');
}

/** The folder of a segment: the UTC day of its start, `YYYY-MM-DD`. */
export function segmentDay(start: number): string {
  return new Date(start).toISOString().slice(0, 10);
}
