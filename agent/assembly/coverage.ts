import type { CoverageReading } from '../health/assemble.ts';
import type { Store } from '../store/store.ts';
import { piecesOf, type Rows, sumOf } from '../view/strip.ts';
import { type Form, midnights } from '../view/times.ts';
import { type Camera, silenceOf } from './recording.ts';

const hour = 3_600_000;
const day = 24 * hour;

/** What is recorded of a camera within `[from, to)`, why the rest is not, and how it stands now. */
export function rowsOf(store: Store, camera: Camera, from: number, to: number): Rows {
  const kept = store.cameras().find(({ id }) => id === camera.id);
  const { recorded = [], gaps = [] } = kept?.stretches(from, to) ?? {};
  const why = gaps.map(({ start, end, reason }) => ({ from: start, to: end, reason }));
  return { recorded, gaps: why, now: silenceOf(camera) ?? 'recorded' };
}

/** How whole the last day and week are, and what is missing since midnight by the clock of the place. */
export function coverageOf(rows: Rows, now: number, form: Form): CoverageReading {
  const within = (from: number) => sumOf(piecesOf({ from, to: now }, rows));
  const share = (ms: number): number | undefined => {
    const { recordedMs, missingMs } = within(now - ms);
    return recordedMs + missingMs === 0 ? undefined : recordedMs / (recordedMs + missingMs);
  };
  // A day is 25 h long once a year.
  const today = within(midnights(now - 26 * hour, now, form).at(-1) ?? now);
  return { gapsToday: today.gaps, missingTodayMs: today.missingMs, day: share(day), week: share(7 * day) };
}
