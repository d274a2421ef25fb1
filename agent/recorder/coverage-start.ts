import type { Clock } from '#agent/platform/clock.ts';
import type { CameraStore, GapRow, Store } from '#agent/store/store.ts';

/** Where coverage begins: where it ended, with why nobody recorded since; now, for a camera that is new. */
export function coverageStart(
  { store, camera, clock }: { store: Store; camera: CameraStore; clock: Clock },
  writeGap: (gap: GapRow) => void,
) {
  const now = clock.utc();
  const known = store.state.value.openGaps[camera.id];
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
