import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Longest stand-stills of the event loop of a process that runs with the probe. */
export interface Stalls {
  /** Arguments and environment of the process. */
  readonly node: readonly string[];
  readonly env: Record<string, string>;
  /** Milliseconds, from `fromUtcMs` on; told a second late. */
  worstMs(fromUtcMs?: number): number;
}

export function stallsOf(path: string): Stalls {
  return {
    node: ['--import', join(import.meta.dirname, 'stall-probe.ts')],
    env: { PEIO_STALLS: path },
    worstMs(fromUtcMs = 0) {
      const lines = existsSync(path) ? readFileSync(path, 'utf8').split('\n').filter(Boolean) : [];
      const told = lines.map((line) => line.split(' ').map(Number) as [number, number]);
      return Math.max(0, ...told.filter(([at]) => at >= fromUtcMs).map(([, ms]) => ms));
    },
  };
}
