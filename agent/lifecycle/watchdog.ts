import type { Clock, MonotonicMs } from '#agent/platform/clock.ts';
import { pause } from '#agent/platform/clock.ts';
import type { Log } from '#agent/platform/log.ts';
import type { Notifier } from '#agent/platform/notify.ts';

/** Something that moves for as long as the program does its work, whatever cameras, disk or broker do. */
export interface Sign {
  name: string;
  /** For how long it has not moved. */
  idleMs: number;
  /** Beyond this it is stuck, and only a restart frees it. */
  limitMs: number;
}

/** Remembers when something last moved; opening counts as moving. */
export interface Pulse {
  beat(): void;
  idleMs(): number;
}

export function openPulse(clock: Clock): Pulse {
  let at = clock.monotonic();
  return {
    beat() {
      at = clock.monotonic();
    },
    idleMs: () => clock.monotonic() - at,
  };
}

/** Twenty times the longest stall that is allowed in any work, and less than a camera's socket holds back. */
const maxLagMs = 2000;
/** How often the event loop is asked to come back in time. */
const stepMs = 1000;
/** Feedings in the time after which the service manager gives up: three may be missed. */
const feedings = 4;

/**
 * Why the process deserves no further trust, or undefined when everything moves. `lagMs` is by how much the event
 * loop was late at worst since the last judgement.
 */
export function judge(lagMs: number, signs: readonly Sign[]): string | undefined {
  if (lagMs > maxLagMs) return `the event loop was ${Math.round(lagMs)} ms late`;
  const stuck = signs.filter(({ idleMs, limitMs }) => !(idleMs <= limitMs));
  if (stuck.length === 0) return undefined;
  return stuck
    .map(({ name, idleMs }) => `${name} has not moved for ${Math.round(idleMs / 1000)} s`)
    .join(', ');
}

/**
 * Feeds the service manager's watchdog until `signal` aborts, each time only after a judgement of what `signs` shows:
 * a process whose timers run while its work is stuck is killed and started again. Returns at once where nobody
 * watches.
 */
export async function feedWatchdog(
  parts: { clock: Clock; log: Log; notifier: Notifier; signs(): readonly Sign[]; status(): string },
  signal: AbortSignal,
): Promise<void> {
  const { clock, log, notifier } = parts;
  if (notifier.watchdogMs === undefined) return;
  const everyMs = notifier.watchdogMs / feedings;
  let lagMs = 0;
  let judgedAt: MonotonicMs | undefined;
  while (!signal.aborted) {
    const now = clock.monotonic();
    if (judgedAt === undefined || now - judgedAt >= everyMs) {
      const why = judge(lagMs, parts.signs());
      if (why === undefined) await notifier.alive(parts.status());
      else log.error({ why }, 'the watchdog is not fed');
      judgedAt = now;
      lagMs = 0;
    }
    const asked = clock.monotonic();
    const restMs = Math.min(stepMs, everyMs);
    await pause(clock, restMs, signal);
    lagMs = Math.max(lagMs, clock.monotonic() - asked - restMs);
  }
}
