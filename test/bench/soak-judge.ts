import type { LedgerLine } from '../support/agent-child.ts';

export type Lines = readonly LedgerLine[];

/** What the simulator did to a camera, UTC milliseconds. */
export interface Fault {
  camera: string;
  from: number;
  to: number;
}

export interface GapFound {
  from: number;
  to: number;
  /** As the ledger says; `no line` where neither segment nor gap covers it. */
  reason: string;
  cause: 'simulator' | 'unexplained';
}

export interface Judged {
  segments: number;
  bytes: number;
  recordedMs: number;
  /** Between the first picture and the end of the last segment. */
  gaps: GapFound[];
  /** Faults that left no gap: the table would not have shown what was missing. */
  unansweredFaults: number;
}

/** A pulled camera is noticed and asked again: the longest wait between two tries, a session and a GOP. */
const mendMs = 30_000;
/** The last picture before a fault may be a GOP and the reading beat older than it. */
const leadMs = 5000;

/** `lines` are by start, as the store keeps them; a gap at either end is the agent's own start and stop. */
export function judgeLedger(lines: Lines, faults: readonly Fault[]): Judged {
  const segments = lines.filter(({ kind }) => kind === 'segment');
  const first = segments[0];
  const end = Math.max(0, ...segments.map((line) => line.end));
  const gaps: GapFound[] = [];
  if (first !== undefined) {
    let covered = first.start;
    for (const line of lines) {
      if (line.start < first.start || line.start >= end) continue;
      if (line.start > covered) gaps.push(found(covered, line.start, 'no line', faults));
      if (line.kind === 'gap') gaps.push(found(line.start, line.end, line.reason ?? '', faults));
      covered = Math.max(covered, line.end);
    }
  }
  return {
    segments: segments.length,
    bytes: segments.reduce((sum, line) => sum + (line.bytes ?? 0), 0),
    recordedMs: segments.reduce((sum, line) => sum + line.end - line.start, 0),
    gaps,
    unansweredFaults: faults.filter(
      (fault) => !gaps.some((gap) => gap.cause === 'simulator' && gap.from < fault.to && gap.to > fault.from),
    ).length,
  };
}

function found(from: number, to: number, reason: string, faults: readonly Fault[]): GapFound {
  const caused =
    reason !== 'no line' &&
    faults.some((fault) => from >= fault.from - leadMs && from < fault.to && to <= fault.to + mendMs);
  return { from, to, reason, cause: caused ? 'simulator' : 'unexplained' };
}
