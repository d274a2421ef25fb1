import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock, Timer } from '#agent/platform/clock.ts';

const lookEveryMs = 1000;

/** Calls `gone` once when a case's footage is no longer in its folder: the case was closed. */
export function untilClosed(caseFolder: string, clock: Clock, gone: () => void): { stop(): void } {
  const files = join(caseFolder, 'files');
  let timer: Timer;
  const look = (): void => {
    if (!existsSync(files)) gone();
    else timer = clock.after(lookEveryMs, look);
  };
  timer = clock.after(0, look);
  return { stop: () => timer.cancel() };
}
