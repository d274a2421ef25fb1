import type { Conditions } from '../alert/open-conditions.ts';
import type { Clock, MonotonicMs } from '../platform/clock.ts';
import type { WatchedCamera } from './look-cameras.ts';

/** The store as health sees it; times in UTC milliseconds. */
export interface StoreSight {
  cameras(): {
    id: string;
    bytes(): number;
    /** Its segments, each a file. */
    count(): number;
    newest(): { end: number } | undefined;
    overlapping(
      from: number,
      to: number,
    ): { segments: readonly { start: number; end: number; bytes: number }[] };
  }[];
}

/** What the sweep says: hours that fit when space and not age deletes, the disk's room, what it dares not delete. */
export interface RoomSight {
  shortHours?: number;
  freeBytes: number;
  totalBytes: number;
  freeInodes: number;
  /** 0 where the file system has no fixed number. */
  totalInodes: number;
  heldBack?: { percent: number };
}

export interface StoreLookParts {
  conditions: Conditions;
  clock: Clock;
  cameras: readonly WatchedCamera[];
  store: StoreSight;
  retention: { status(): RoomSight };
  retentionMs: number;
  /** Part of the disk that stays free, 0 to 1. */
  reserve: number;
}

export interface StoreLook {
  look(): void;
  /** Whether the store's file system is mounted read-only; undefined where nobody can tell. */
  mounted(readOnly: boolean | undefined): void;
  /** Hours of footage that fit, in bytes and in files, at the rates of the last hour; undefined before anything is known. */
  forecastHours(): number | undefined;
}

/** A disk that refuses now and then between frames that it takes is no good disk: these, and the 30 s that it has to be ok. */
const faultMs = 10_000;
const hourMs = 3_600_000;
const forecastEveryMs = 60_000;
const nearlyNoneHours = 24;

/** Judges `disk-error`, `sweep-held`, and at a node with cameras `short-retention`. */
export function openStoreLook(parts: StoreLookParts): StoreLook {
  const { conditions, clock, cameras } = parts;
  const error = conditions.watch('disk-error');
  const filling = cameras.length === 0 ? undefined : conditions.watch('short-retention');
  const held = cameras.length === 0 ? undefined : conditions.watch('sweep-held');
  let readOnly: boolean | undefined;
  let fault: { reason: 'disk-error' | 'disk-full' | 'disk-slow'; at: MonotonicMs } | undefined;
  let forecast: { hours: number | undefined; short: 'forecast' | 'files'; at: MonotonicMs } | undefined;

  const judgeDisk = (now: MonotonicMs): void => {
    for (const { recorder } of cameras) {
      const { state, reason } = recorder.status();
      if (
        state !== 'recording' &&
        (reason === 'disk-error' || reason === 'disk-full' || reason === 'disk-slow')
      )
        fault = { reason, at: now };
    }
    if (readOnly) error.failing('read-only');
    else if (fault !== undefined && now - fault.at < faultMs) error.failing(fault.reason);
    else if (readOnly === undefined && cameras.length === 0) error.unknown();
    else error.ok();
  };
  const judgeRoom = (): void => {
    const wanted = parts.retentionMs / hourMs;
    const { shortHours, heldBack } = parts.retention.status();
    if (heldBack === undefined) held?.ok();
    else held?.failing('unconfirmed', { percent: heldBack.percent });
    const hours = shortHours ?? look.forecastHours();
    if (hours === undefined) filling?.unknown();
    else if (hours < Math.min(nearlyNoneHours, wanted)) filling?.failing('nearly-none', { hours });
    else if (shortHours !== undefined) filling?.failing('short', { hours, wanted });
    else if (hours < wanted) filling?.failing(forecast?.short ?? 'forecast', { hours, wanted });
    else filling?.ok();
  };
  /** Of one camera over its newest hour; bits of now, and no files, before it has sealed anything. */
  const rateOf = ({ id, recorder }: WatchedCamera): { bitsPerSecond: number; filesPerHour: number } => {
    const kept = parts.store.cameras().find((camera) => camera.id === id);
    const end = kept?.newest()?.end;
    const rows = kept === undefined || end === undefined ? [] : kept.overlapping(end - hourMs, end).segments;
    const seconds = rows.reduce((sum, row) => sum + (row.end - row.start), 0) / 1000;
    const bytes = rows.reduce((sum, row) => sum + row.bytes, 0);
    return seconds > 0
      ? { bitsPerSecond: (bytes * 8) / seconds, filesPerHour: (rows.length * 3600) / seconds }
      : { bitsPerSecond: recorder.status().bitrate, filesPerHour: 0 };
  };
  const computed = (): { hours: number | undefined; short: 'forecast' | 'files' } => {
    const { freeBytes, totalBytes, freeInodes, totalInodes } = parts.retention.status();
    let bitsPerSecond = 0;
    let filesPerHour = 0;
    for (const camera of cameras) {
      const rate = rateOf(camera);
      bitsPerSecond += rate.bitsPerSecond;
      filesPerHour += rate.filesPerHour;
    }
    if (totalBytes === 0 || bitsPerSecond === 0) return { hours: undefined, short: 'forecast' };
    // What is kept may be overwritten by its own successor, so it counts as room.
    let keptBytes = 0;
    let keptFiles = 0;
    for (const camera of parts.store.cameras()) {
      keptBytes += camera.bytes();
      keptFiles += camera.count();
    }
    const bytes = Math.max(0, freeBytes + keptBytes - totalBytes * parts.reserve);
    const files = Math.max(0, freeInodes + keptFiles - totalInodes * parts.reserve);
    const byBytes = (bytes * 8) / bitsPerSecond / 3600;
    const byFiles = totalInodes > 0 && filesPerHour > 0 ? files / filesPerHour : Number.POSITIVE_INFINITY;
    return { hours: Math.min(byBytes, byFiles), short: byFiles < byBytes ? 'files' : 'forecast' };
  };

  const look: StoreLook = {
    look() {
      judgeDisk(clock.monotonic());
      if (filling !== undefined) judgeRoom();
    },
    mounted(now) {
      readOnly = now;
    },
    forecastHours() {
      const now = clock.monotonic();
      if (forecast === undefined || now - forecast.at >= forecastEveryMs)
        forecast = { ...computed(), at: now };
      return forecast.hours;
    },
  };
  return look;
}
