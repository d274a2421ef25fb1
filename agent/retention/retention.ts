import type { Clock } from '#agent/platform/clock.ts';
import { pause } from '#agent/platform/clock.ts';
import type { Files } from '#agent/platform/files.ts';
import type { Log } from '#agent/platform/log.ts';
import type { CameraStore, SegmentRow, Store } from '#agent/store/store.ts';
import type { ClockState } from '#protocol/clock-state.ts';
import { codeOf } from '#protocol/failure.ts';
import { leafHash, merkleRoot } from '#protocol/merkle.ts';
import type { ClockTrust } from './clock-trust.ts';

export { type ClockTrust, openClockTrust } from './clock-trust.ts';

/** What one sweep deletes of one camera: for the log. */
export interface Swept {
  camera: string;
  /** `space`: before its time, because the disk cannot hold more. */
  cause: 'age' | 'space';
  /** Start of the first and end of the last, UTC milliseconds; what was kept lies in between and is not counted. */
  from: number;
  to: number;
  count: number;
  bytes: number;
  /** Hex root of RFC 6962 over the SHA-256 of each file (32 bytes an entry), by start. */
  root: string;
}

export interface RetentionParts {
  store: Store;
  clock: Clock;
  files: Files;
  trust: ClockTrust;
  retentionMs: number;
  /** Part of the disk that stays free, 0 to 1. */
  reserve: number;
  /** Whether a hold or a reservation needs what lies in `[start, end)`. */
  kept(camera: string, start: number, end: number): boolean;
  /** Awaited before the files go. When it fails they go all the same, and it is told again. */
  onSwept(swept: Swept): Promise<void>;
  log: Log;
}

export interface RetentionStatus {
  /** Start of the oldest segment that is not kept. */
  oldest?: number;
  /** Hours that the disk holds, when space and not age deleted last. */
  shortHours?: number;
  freeBytes: number;
  totalBytes: number;
  /** Files that fit, and in all; 0 in all where the file system has no fixed number. */
  freeInodes: number;
  totalInodes: number;
  /** Segments that labels alone would delete, too many at once for a clock that nobody confirms. */
  heldBack?: { segments: number; percent: number };
  /** UTC of the last sweep. */
  sweptAt?: number;
}

export interface Retention {
  /** Sweeps at once and then every minute, until `signal` aborts. */
  run(signal: AbortSignal): Promise<void>;
  /** A disk is full: sweeps soon. */
  sweepNow(): void;
  status(): RetentionStatus;
}

/** With the sweep's own time the promise of two minutes holds. */
const sweepEveryMs = 60_000;
/**
 * What expired less than this ago waits for the next sweep, which comes within the promise of two minutes: each line in
 * the log, and on the link to the hub, then tells of two minutes instead of one.
 */
const patienceMs = 50_000;
/**
 * What one sweep may delete by labels that the hub contradicts: two minutes of a week are 0.02 %, two days' absence a
 * quarter. A clock that is wrong by more does no harm until the time service confirms it, the hub agrees, or powered time
 * proves the age.
 */
const abnormalShare = 0.25;
/** A log takes milliseconds. */
const tellLimitMs = 10_000;
/** Never deleted for space: when this is all there is, something else fills the disk, and deleting more helps nobody. */
const spareMs = 3_600_000;

export function openRetention(parts: RetentionParts): Retention {
  const { store, clock, trust, log } = parts;
  let wake: (() => void) | undefined;
  let asked = false;
  let untold: Swept[] = [];
  /** Told, out of every listing, and still on a disk that would not delete it. */
  const undeleted = new Map<CameraStore, SegmentRow[]>();
  let short = false;
  let held: RetentionStatus['heldBack'];
  let status: RetentionStatus = { freeBytes: 0, totalBytes: 0, freeInodes: 0, totalInodes: 0 };

  /** A full or failing disk must not keep a sweep from freeing it: what it refuses is told, and the sweep goes on. */
  const attempt = async (what: string, step: () => Promise<void>): Promise<void> => {
    try {
      await step();
    } catch (err) {
      if (codeOf(err) === 'unknown') throw err;
      log.error({ err }, `${what} failed in a sweep`);
    }
  };

  /** Waits for the log, but no longer than {@link tellLimitMs}: on a full disk it waits for this very sweep. */
  const tell = async (swept: Swept[]): Promise<void> => {
    const told = Promise.all(
      swept.map(async (one) => {
        try {
          await parts.onSwept(one);
        } catch (err) {
          log.error({ err, swept: one }, 'a deletion could not be logged: it will be told again');
          untold.push(one);
        }
      }),
    );
    const enough = new AbortController();
    void told.finally(() => enough.abort());
    await pause(clock, tellLimitMs, enough.signal);
  };

  /** What `chosen` holds is withdrawn already. */
  const remove = async (cause: Swept['cause'], chosen: Map<CameraStore, SegmentRow[]>): Promise<void> => {
    if (chosen.size === 0) return;
    // 3 watermark
    await attempt('the watermark', () =>
      store.state.update((value) => {
        for (const [camera, rows] of chosen) {
          const last = rows.reduce((latest, row) => Math.max(latest, row.start + 1), 0);
          value.sweptBefore[camera.id] = Math.max(value.sweptBefore[camera.id] ?? 0, last);
        }
      }),
    );
    // 4 tell
    const swept: Swept[] = [];
    for (const [camera, rows] of chosen) {
      swept.push(sweptOf(camera.id, cause, rows));
      await breath();
    }
    await tell(swept);
    // 5 unlink
    for (const [camera, rows] of chosen) undeleted.set(camera, [...(undeleted.get(camera) ?? []), ...rows]);
    await unlink();
  };

  const unlink = async (): Promise<void> => {
    for (const [camera, rows] of undeleted)
      await attempt(`deleting of ${camera.id}`, async () => {
        await camera.unlink(rows);
        undeleted.delete(camera);
      });
  };

  const unkept = (camera: CameraStore, rows: SegmentRow[]): SegmentRow[] =>
    rows.filter((row) => !parts.kept(camera.id, row.start, row.end));

  const proven = (row: SegmentRow): boolean => trust.poweredAgeMs(row.start) >= parts.retentionMs;
  const abnormal = async (
    due: (camera: CameraStore) => SegmentRow[],
  ): Promise<RetentionStatus['heldBack']> => {
    let unproven = 0;
    for (const camera of store.cameras()) {
      unproven += due(camera).filter((row) => !proven(row)).length;
      await breath();
    }
    const all = store.cameras().reduce((sum, camera) => sum + camera.count(), 0);
    if (unproven <= all * abnormalShare) return undefined;
    const found = { segments: unproven, percent: Math.round((unproven / all) * 100) };
    if (held === undefined) log.error(found, 'a sweep would delete too much by a clock the hub contradicts');
    return found;
  };

  const byAge = async (): Promise<void> => {
    const now = clock.utc();
    const trusted = trust.trusted();
    // Nothing has a greater powered age than the store itself: asking for that of every row is the dear part.
    const mayProve = trust.poweredMs() >= parts.retentionMs;
    /** How long ago its time was over; negative before. */
    const overdueMs = (start: number, written: ClockState): number => {
      const believed = trusted && (written === 'synced' || written === 'unknown');
      const ageMs = Math.max(believed ? now - start : 0, mayProve ? trust.poweredAgeMs(start) : 0);
      return ageMs - parts.retentionMs;
    };
    const due = (camera: CameraStore): SegmentRow[] => {
      const rows = unkept(
        camera,
        camera.select((start, written) => overdueMs(start, written) >= 0),
      );
      return rows.some((row) => overdueMs(row.start, row.clock) >= patienceMs) ? rows : [];
    };
    held = trust.doubted() ? await abnormal(due) : undefined;
    const chosen = new Map<CameraStore, SegmentRow[]>();
    for (const camera of store.cameras()) {
      // 1 choose, 2 withdraw
      const rows = held === undefined ? due(camera) : due(camera).filter(proven);
      camera.withdraw(rows);
      if (rows.length > 0) chosen.set(camera, rows);
      await breath();
    }
    await remove('age', chosen);
  };

  /** Of all cameras, by start, and enough to free `bytes` and `count` files; looked for in a window that widens from the oldest on. */
  const oldestUnkept = async (
    bytes: number,
    count: number,
  ): Promise<{ camera: CameraStore; row: SegmentRow }[]> => {
    const newest = Math.max(...store.cameras().map((camera) => camera.newest()?.end ?? 0));
    const oldest = Math.min(...store.cameras().map((camera) => camera.oldest()?.start ?? newest));
    const last = newest - spareMs;
    for (let windowMs = 3_600_000; ; windowMs *= 4) {
      const limit = Math.min(oldest + windowMs, last);
      const found: { camera: CameraStore; row: SegmentRow }[] = [];
      for (const camera of store.cameras()) {
        const rows = camera.select((start) => start < limit);
        for (const row of unkept(camera, rows)) found.push({ camera, row });
        await breath();
      }
      const enough = found.length >= count && found.reduce((sum, { row }) => sum + row.bytes, 0) >= bytes;
      if (enough || limit === last) return found.sort((a, b) => a.row.start - b.row.start);
    }
  };

  const bySpace = async (): Promise<void> => {
    const space = await parts.files.space(store.dir);
    status = { ...status, ...space };
    const { freeBytes, totalBytes, freeInodes, totalInodes } = space;
    let missing = totalBytes * parts.reserve - freeBytes;
    // Where a file system has no fixed number of files it counts none.
    let missingFiles = Math.ceil(totalInodes * parts.reserve) - freeInodes;
    if (missing <= 0 && missingFiles <= 0) {
      const ample = parts.reserve * 1.5;
      if (freeBytes > totalBytes * ample && freeInodes >= totalInodes * ample) short = false;
      return;
    }
    short = true;
    const chosen = new Map<CameraStore, SegmentRow[]>();
    for (const { camera, row } of await oldestUnkept(missing, missingFiles)) {
      missing -= row.bytes;
      missingFiles -= 1;
      chosen.set(camera, chosen.get(camera) ?? []);
      chosen.get(camera)?.push(row);
      if (missing <= 0 && missingFiles <= 0) break;
    }
    for (const [camera, rows] of chosen) {
      // What was held or reserved while the others were looked through stays.
      const still = unkept(camera, rows);
      camera.withdraw(still);
      if (still.length > 0) chosen.set(camera, still);
      else chosen.delete(camera);
    }
    await remove('space', chosen);
  };

  const correct = async (): Promise<void> => {
    if (!trust.trusted()) return;
    const state = trust.state();
    for (const camera of store.cameras()) {
      const shifts = await trust.shifts(camera.id);
      if (shifts.size === 0) continue;
      const wrong = camera.select((_, written) => written === 'unsynchronised' || written === 'stepped');
      const right = wrong.flatMap((row) => {
        const shiftMs = shifts.get(row.run);
        return shiftMs === undefined ? [] : [{ row, start: row.start + shiftMs }];
      });
      await camera.correct(right, state);
      await breath();
    }
  };

  const sweep = async (): Promise<void> => {
    await attempt('the clock', trust.check);
    const again = untold;
    untold = [];
    await tell(again);
    await unlink();
    await attempt('correcting', correct);
    await byAge();
    await attempt('making room', bySpace);
    const oldest = Math.min(
      ...store.cameras().map((camera) => camera.oldest()?.start ?? Number.POSITIVE_INFINITY),
    );
    const now = clock.utc();
    const { freeBytes, totalBytes, freeInodes, totalInodes } = status;
    status = {
      freeBytes,
      totalBytes,
      freeInodes,
      totalInodes,
      sweptAt: now,
      ...(Number.isFinite(oldest) ? { oldest } : {}),
      ...(held === undefined ? {} : { heldBack: held }),
      ...(short && Number.isFinite(oldest) ? { shortHours: Math.max(0, now - oldest) / 3_600_000 } : {}),
    };
  };

  return {
    async run(signal) {
      while (!signal.aborted) {
        asked = false;
        await sweep();
        // Asked while it swept: what it measured may be from before.
        if (asked) continue;
        const next = new AbortController();
        wake = () => next.abort();
        await pause(clock, sweepEveryMs, AbortSignal.any([signal, next.signal]));
      }
    },
    sweepNow() {
      asked = true;
      wake?.();
    },
    status: () => status,
  };
}

/** A day of a camera takes some 10 ms to choose: the event loop runs in between, as recording needs it. */
function breath(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function sweptOf(camera: string, cause: Swept['cause'], rows: SegmentRow[]): Swept {
  const leaves = rows.map((row) => leafHash(Buffer.from(row.sha256, 'hex')));
  return {
    camera,
    cause,
    from: rows.reduce((first, row) => Math.min(first, row.start), Number.POSITIVE_INFINITY),
    to: rows.reduce((last, row) => Math.max(last, row.end), 0),
    count: rows.length,
    bytes: rows.reduce((sum, row) => sum + row.bytes, 0),
    root: merkleRoot(leaves).toString('hex'),
  };
}
