import type { Clock, MonotonicMs } from '#agent/platform/clock.ts';
import type { TimeService } from '#agent/platform/time-service.ts';
import { type Document, maxStretches, maxUntimedRuns, type StoreState } from '#agent/store/store.ts';
import type { ClockState } from '#protocol/clock-state.ts';
import { codeOf } from '#protocol/failure.ts';

/** Whether the UTC clock may decide about deletion, and how much powered time stands behind a label. */
export interface ClockTrust {
  state(): ClockState;
  trusted(): boolean;
  /** Whether the hub has said another time, and no time service confirms this one. */
  doubted(): boolean;
  /** Asks the time service and writes down the powered time. Call it at start and every minute. */
  check(): Promise<void>;
  /** A verified cosignature of the hub, made at `utcMs`, was heard at `heardAt`. */
  hubSaid(utcMs: number, heardAt: MonotonicMs): void;
  /** Powered time counted in all lives of this store. */
  poweredMs(): number;
  /** Powered time since the moment that the label `utcMs` stands for, at least; 0 when nothing is known. */
  poweredAgeMs(utcMs: number): number;
  /**
   * What the clock is worth for a segment of the run whose first frame was labelled `label` and came at `at`. Under a
   * clock that cannot be trusted the powered time of that frame is noted, durably: the true label follows from it.
   */
  labelled(run: { camera: string; label: number; at: MonotonicMs }): ClockState;
  /**
   * Milliseconds to add to the labels of each run of `camera` that this boot began under an untrusted clock, by the run's
   * label; to be asked only while the clock is trusted. The same at every call, and kept before it is told.
   */
  shifts(camera: string): Promise<ReadonlyMap<number, number>>;
}

/** A smaller jump deletes no frame earlier than the promise of a sweep is late. */
const jumpMs = 120_000;
/** How far the hub and a box may disagree: a cosignature may have waited in a queue. */
const hubSkewMs = 5 * 60_000;
/** Labels that are off by less are left as they are: a run goes on through it (`recorder/run-clock.ts`). */
const labelSlackMs = 1500;
/** A time service that was not synchronised and cannot be asked now is not yet gone: a bus under load is slow to answer. */
const servicePatienceMs = 10 * 60_000;

export interface ClockTrustParts {
  clock: Clock;
  state: Document<StoreState>;
  service: () => Promise<TimeService>;
  /** UTC that is certainly past: the newest line of any ledger at start, or the build date. */
  floor: number;
  /** This boot of the machine, and its monotonic clock: lives of one boot count on. Absent: each counts for itself. */
  boot?: { id: string; monotonicMs: number };
}

export async function openClockTrust(parts: ClockTrustParts): Promise<ClockTrust> {
  const { clock, state } = parts;
  const born = clock.monotonic();
  const { counting, poweredBefore, untimedRuns } = countedOn(state.value, parts.boot);
  const stretches = state.value.clockStretches.map((stretch) => ({ ...stretch }));
  let service: TimeService = 'unknown';
  let serviceAt = born;
  let offset = clock.utc() - clock.monotonic();
  let jumped = counting?.jumped === true;
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
    const before = jumped;
    if (Math.abs(now - offset) > jumpMs) {
      jumped = true;
      offset = now;
      beginStretch();
    }
    if (jumped && agreesWithHub()) jumped = false;
    // At once: an agent that is killed now must not begin with a clock that nobody confirmed.
    if (jumped !== before) void writeOrLater(() => {});
  };
  const write = (change: (value: StoreState) => void): Promise<void> =>
    state.update((value) => {
      change(value);
      value.untimedRuns = untimedRuns;
      if (counting === undefined) delete value.counting;
      else value.counting = { ...counting, jumped };
    });
  /** What the disk refuses now is written with the next minute; that it refuses is the recorders' to tell. */
  const writeOrLater = (change: (value: StoreState) => void): Promise<void> =>
    write(change).catch((error: unknown) => {
      if (codeOf(error) === 'unknown') throw error;
    });
  const asked = async (): Promise<void> => {
    const said = await parts.service();
    const now = clock.monotonic();
    if (said === 'unknown' && service === 'unsynchronised' && now - serviceAt < servicePatienceMs) return;
    service = said;
    serviceAt = now;
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
      return isTrusted(trust.state());
    },
    doubted: () => trust.state() !== 'synced' && hub !== undefined && !agreesWithHub(),
    async check() {
      await asked();
      watch();
      await writeOrLater((value) => {
        value.poweredMs = poweredMs();
        value.aliveAt = clock.utc();
        value.clockStretches = stretches;
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
    labelled({ camera, label, at }) {
      const now = trust.state();
      if (isTrusted(now) || untimedRuns.some((one) => one.camera === camera && one.run === label)) return now;
      untimedRuns.push({ camera, run: label, poweredMs: poweredMs() - (clock.monotonic() - at) });
      if (untimedRuns.length > maxUntimedRuns) untimedRuns.shift();
      void writeOrLater(() => {});
      return now;
    },
    async shifts(camera) {
      const runs = untimedRuns.filter((one) => one.camera === camera);
      const fresh = runs.filter(({ shiftMs }) => shiftMs === undefined);
      for (const run of fresh) {
        const offMs = Math.round(clock.utc() - (poweredMs() - run.poweredMs)) - run.run;
        run.shiftMs = Math.abs(offMs) > labelSlackMs ? offMs : 0;
      }
      try {
        if (fresh.length > 0) await write(() => {});
      } catch (error) {
        for (const run of fresh) delete run.shiftMs;
        throw error;
      }
      return new Map(runs.map(({ run, shiftMs }) => [run, shiftMs ?? 0]));
    },
  };
  beginStretch();
  await trust.check();
  return trust;
}

function isTrusted(state: ClockState): boolean {
  return state === 'synced' || state === 'unknown';
}

/**
 * Powered time as it stands at the start of a life. Within one boot the machine's monotonic clock has counted on while
 * nobody looked, so nothing is missing since that boot was first seen, and what its runs were noted with still counts.
 */
function countedOn(
  { counting, poweredMs, untimedRuns }: StoreState,
  boot: ClockTrustParts['boot'],
): { counting: StoreState['counting']; poweredBefore: number; untimedRuns: StoreState['untimedRuns'] } {
  if (boot === undefined) return { counting: undefined, poweredBefore: poweredMs, untimedRuns: [] };
  if (counting?.bootId === boot.id) {
    const poweredBefore = counting.poweredMs + boot.monotonicMs - counting.monotonicMs;
    if (poweredBefore >= poweredMs)
      return { counting, poweredBefore, untimedRuns: untimedRuns.map((run) => ({ ...run })) };
  }
  const begun = { bootId: boot.id, poweredMs, monotonicMs: boot.monotonicMs };
  return { counting: begun, poweredBefore: poweredMs, untimedRuns: [] };
}
