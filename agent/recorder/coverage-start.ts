import type { Clock } from '#agent/platform/clock.ts';
import type { CameraStore, GapRow, Store } from '#agent/store/store.ts';

/** Where coverage begins: where it ended, with why nobody recorded since; now, for a camera that is new. */
export function coverageStart(
  { store, camera, clock }: { store: Store; camera: CameraStore; clock: Clock },
  writeGap: (gap: GapRow) => void,
) {
  const now = clock.utc();
  const noted = store.state.value.openGaps[camera.id];
  // A crash between the gap's line and the note that it is over leaves both.
  const entered =
    noted !== undefined &&
    camera.overlapping(noted.start, noted.start + 1).gaps.some((gap) => gap.start === noted.start);
  const known = entered ? undefined : noted;
  const covered = known?.start ?? camera.coveredTo();
  if (covered === undefined) return { start: now, reason: 'no-connection' as const, presumed: true };
  const reason = store.absence?.reason ?? ('agent-crashed' as const);
  const aliveAt = Math.min(store.absence?.aliveAt ?? covered, now);
  let start = Math.min(covered, now);
  // The last life ended in an interruption: up to its end that one's reason counts.
  if (known !== undefined && known.reason !== reason && start < aliveAt) {
    writeGap({ start, end: aliveAt, reason: known.reason });
    start = aliveAt;
  }
  return { start, reason, presumed: false };
}
