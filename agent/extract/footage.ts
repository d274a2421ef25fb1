import type { ClockState } from '#protocol/clock-state.ts';
import type { GapReason } from '#protocol/gap.ts';

/** A sealed file. Times are UTC milliseconds. */
export interface SealedSegment {
  start: number;
  end: number;
  file: string;
  bytes: number;
  /** Hex, of the file as it lies on disk. */
  sha256: string;
  clock: ClockState;
  torn: boolean;
}

export interface Gap {
  start: number;
  end: number;
  reason: GapReason;
}

/** The store and the recorders as an extraction sees them. */
export interface Footage {
  /** Whether this node records the camera, or has footage of it. */
  knows(camera: string): boolean;
  /** What overlaps `[from, to)`, by start. Segments that a sweep has chosen are not among them. */
  overlapping(camera: string, from: number, to: number): { segments: SealedSegment[]; gaps: Gap[] };
  path(camera: string, segment: SealedSegment): string | undefined;
  /** End of the latest segment or gap; later frames are in the open segment. Undefined when it never recorded. */
  coveredTo(camera: string): number | undefined;
  /** Seals the open segment once it holds this moment; soon done when there is none. */
  cutNow(camera: string): Promise<void>;
  /** Why nothing is being recorded; undefined while something is. */
  silence(camera: string): GapReason | undefined;
}
