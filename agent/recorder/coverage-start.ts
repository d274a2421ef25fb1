import type { Clock } from '#agent/platform/clock.ts';
import type { CameraStore, GapRow, Store } from '#agent/store/store.ts';

/** Older holes were looked for by the lives before: a crash makes one in what was being written. */
const lookBackMs = 3_600_000;
/** A clock that is behind by less leaves labels that are shown twice, not a gap over all that is kept. */
const weekMs = 7 * 86_400_000;

/**
 * Where coverage begins: where it ended, with why nobody recorded since; now, for a camera that is new. What the crash
 * left uncovered before that is entered.
 */
export function coverageStart(
  { store, camera, clock }: { store: Store; camera: CameraStore; clock: Clock },
  writeGap: (gap: GapRow) => void,
) {
  const now = clock.utc();
  const reason = store.absence?.reason ?? ('agent-crashed' as const);
  const reach = camera.coveredTo();
  // What a life noted whose clock was behind what is recorded (a box that woke in 1970) says nothing of now.
  const behind = reach !== undefined && (store.absence?.aliveAt ?? reach) < reach - weekMs;
  const noted = behind ? undefined : store.state.value.openGaps[camera.id];
  const since = Math.max(
    Math.min((reach ?? now) - lookBackMs, noted?.start ?? now),
    store.state.value.sweptBefore[camera.id] ?? 0,
  );
  const missing = reach === undefined ? [] : holes(camera, since, reach, noted?.start ?? reach);
  for (const hole of missing)
    writeGap({ ...hole, reason: hole.start === noted?.start ? noted.reason : reason });
  // A crash between a gap's line and the note that it is over leaves both; one before the line only the note.
  const there = noted && camera.overlapping(noted.start, noted.start + 1);
  const lines = [...missing, ...(there?.gaps ?? []), ...(there?.segments ?? [])];
  const over = lines.some(({ start }) => start === noted?.start);
  const known = over ? undefined : noted;
  const last = known?.start ?? reach;
  if (last === undefined) return { start: now, reason: 'no-connection' as const, presumed: true };
  // Lines of such a life end in 1970: the gap begins where what was recorded before it ends.
  const before = camera.coveredBefore(now) ?? last;
  const covered = before - last > weekMs ? before : last;
  const aliveAt = Math.min(store.absence?.aliveAt ?? covered, now);
  let start = Math.min(covered, now);
  // The last life ended in an interruption: up to its end that one's reason counts.
  if (known !== undefined && known.reason !== reason && start < aliveAt) {
    writeGap({ start, end: aliveAt, reason: known.reason });
    start = aliveAt;
  }
  return { start, reason, presumed: false };
}

/**
 * What lies uncovered between lines of `[from, to)`: behind a segment that was being sealed when the next was begun
 * already, and before one whose gap, noted at `noted`, was not entered yet. What was swept is none: `from` is behind that.
 */
function holes(
  camera: CameraStore,
  from: number,
  to: number,
  noted: number,
): { start: number; end: number }[] {
  const { segments, gaps } = camera.overlapping(from, to);
  // A camera that is new has no line before its first gap.
  const lines = [...segments, ...gaps, { start: noted, end: noted }].sort((a, b) => a.start - b.start);
  const found: { start: number; end: number }[] = [];
  let until = lines[0]?.end ?? to;
  for (const { start, end } of lines) {
    if (start > until) found.push({ start: until, end: start });
    until = Math.max(until, end);
  }
  return found;
}
