import { Refusal } from '#protocol/command.ts';
import type { Footage } from './footage.ts';

/** How far an end may lie ahead: two clocks that agree, and a request typed as it happens. */
const aheadMs = 5000;

export interface Window {
  camera: string;
  /** UTC milliseconds, half open. */
  from: number;
  to: number;
}

/**
 * Throws the refusals of a window that is not here: `unknown-camera`; `outside-retention` when its end lies ahead or
 * nothing of its start is left.
 */
export function requireWindow(
  footage: Footage,
  { camera, from, to }: Window,
  nowUtc: number,
  retentionMs: number,
): void {
  if (!footage.knows(camera)) throw new Refusal('unknown-camera', `there is no camera ${camera} here`);
  if (to > nowUtc + aheadMs) throw new Refusal('outside-retention', 'the window ends in the future');
  const { segments, gaps } = footage.overlapping(camera, from, to);
  const covers = ({ start, end }: { start: number; end: number }): boolean => start <= from && from < end;
  const coveredTo = footage.coveredTo(camera);
  const starts =
    segments.some(covers) ||
    // A gap inside the retention is a window that is partly there; beyond it nothing was left to keep.
    (from >= nowUtc - retentionMs && gaps.some(covers)) ||
    (coveredTo !== undefined && from >= coveredTo);
  if (!starts) throw new Refusal('outside-retention', 'no footage of its start is left');
}
