import type { Clock, MonotonicMs } from '#agent/platform/clock.ts';
import type { TimeService } from '#agent/platform/time-service.ts';
import { type Document, maxStretches, type StoreState } from '#agent/store/store.ts';
import type { ClockState } from '#protocol/clock-state.ts';
import { codeOf } from '#protocol/failure.ts';

/** Whether the UTC clock may decide about deletion, and how much powered time stands behind a label. */
export interface ClockTrust {
  state(): ClockState;
  trusted(): boolean;
  /** Whether somebody else says so too: the time service or the hub. */
  confirmed(): boolean;
  /** Asks the time service and writes down the powered time. Call it at start and every minute. */
  check(): Promise<void>;
  /** A verified cosignature of the hub, made at `utcMs`, was heard at `heardAt`. */
  hubSaid(utcMs: number, heardAt: MonotonicMs): void;
  /** Powered time counted in all lives of this store. */
  poweredMs(): number;
  /** Powered time since the moment that the label `utcMs` stands for, at least; 0 when nothing is known. */
  poweredAgeMs(utcMs: number): number;
  /** The true label of what `utcMs` meant, when it was given in this life; undefined otherwise. */
  corrected(utcMs: number): number | undefined;
}

/** A smaller jump deletes no frame earlier than the promise of a sweep is late. */
const jumpMs = 120_000;
/** How far the hub and a box may disagree: a cosignature may have waited in a queue. */
const hubSkewMs = 5 * 60_000;

export interface ClockTrustParts {
  clock: Clock;
  state: Document<StoreState>;
  service: () => Promise<TimeService>;
  /** UTC that is certainly past: the newest line of any ledger at start, or the build date. */
  floor: number;
}

export async function openClockTrust(parts: ClockTrustParts): Promise<ClockTrust> {
  const { clock, state } = parts;
  const born = clock.monotonic();
  const poweredBefore = state.value.poweredMs;
  const firstOfThisLife = poweredBefore;
  const stretches = state.value.clockStretches.map((stretch) => ({ ...stretch }));
  let service: TimeService = 'unknown';
  let offset = clock.utc() - clock.monotonic();
  let jumped = false;
  let hub: { utcMs: number; at: MonotonicMs } | undefined;

  const poweredMs = (): number => poweredBefore + (clock.monotonic() - born);
  const beginStretch = (): void => {
    stretches.push({ label: clock.utc(), poweredMs: poweredMs() });
    if (stretches.length > maxStretches) stretches.shift();
  };
  const agreesWithHub = (): boolean =>
    hub !== undefined && Math.abs(clock.utc() - (hub.utcMs + (clock.monotonic() - hub.at))) <= hubSkewMs;
  /** Sees a jump the moment anybody asks. Small corrections are followed. */
  const watch = (): void => {
    const now = clock.utc() - clock.monotonic();
    if (Math.abs(now - offset) > jumpMs) {
      jumped = true;
      offset = now;
      beginStretch();
    }
    if (jumped && agreesWithHub()) jumped = false;
  };
  /** Label at which stretch `i` ended; the one under way has not. */
  const endOf = (i: number): number => {
    const next = stretches[i + 1];
    const { label, poweredMs: begun } = stretches[i]!;
    return next === undefined ? Number.POSITIVE_INFINITY : label + (next.poweredMs - begun);
  };
  /** The latest stretch that showed the label. A minute of slack: labels are anchored a little before a jump is seen. */
  const stretchOf = (utcMs: number): number => {
    for (let i = stretches.length - 1; i >= 0; i--)
      if (stretches[i]!.label - 60_000 <= utcMs && utcMs <= endOf(i) + 60_000) return i;
    return -1;
  };
  const trust: ClockTrust = {
    state() {
      watch();
      if (jumped) return 'stepped';
      if (service === 'synced') return 'synced';
      if (service === 'unsynchronised') return 'unsynchronised';
      return clock.utc() < parts.floor && !agreesWithHub() ? 'unsynchronised' : 'unknown';
    },
    trusted() {
      const now = trust.state();
      return now === 'synced' || now === 'unknown';
    },
    confirmed() {
      const now = trust.state();
      return now === 'synced' || (now === 'unknown' && agreesWithHub());
    },
    async check() {
      service = await parts.service();
      watch();
      const written = state.update((value) => {
        value.poweredMs = poweredMs();
        value.aliveAt = clock.utc();
        value.clockStretches = stretches;
      });
      await written.catch((error: unknown) => {
        // What the disk refuses now is written with the next minute; that it refuses is the recorders' to tell.
        if (codeOf(error) === 'unknown') throw error;
      });
    },
    hubSaid(utcMs, heardAt) {
      hub = { utcMs, at: heardAt };
      watch();
    },
    poweredMs,
    poweredAgeMs(utcMs) {
      const i = stretchOf(utcMs);
      const stretch = stretches[i];
      if (stretch !== undefined)
        return Math.max(0, poweredMs() - stretch.poweredMs - Math.max(0, utcMs - stretch.label));
      // From before the table begins: older than the stretch that comes next by its label.
      let next: { label: number; poweredMs: number } | undefined;
      for (const one of stretches)
        if (one.label > utcMs && (next === undefined || one.label < next.label)) next = one;
      return next === undefined ? 0 : poweredMs() - next.poweredMs;
    },
    corrected(utcMs) {
      const stretch = stretches[stretchOf(utcMs)];
      if (stretch === undefined || stretch.poweredMs < firstOfThisLife) return undefined;
      return Math.round(clock.utc() - (poweredMs() - stretch.poweredMs - (utcMs - stretch.label)));
    },
  };
  beginStretch();
  await trust.check();
  return trust;
}
