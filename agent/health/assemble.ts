import type { ClockState } from '#protocol/clock-state.ts';
import type { HealthPayload } from '#protocol/messages.ts';
import { instantText } from '#protocol/time.ts';
import type { LinkReading } from '../link/open-links.ts';
import type { OnvifReading } from './onvif.ts';

/** What is missing of a camera: since midnight where it stands, and of a day and a week, from when it is known. */
export interface CoverageReading {
  gapsToday: number;
  missingTodayMs: number;
  /** 0 to 1; undefined while nothing is known. */
  day: number | undefined;
  week: number | undefined;
}

/** One camera as health tells it; times in UTC milliseconds. */
export interface CameraReading {
  id: string;
  state: 'recording' | 'connecting' | 'failed';
  reason?: string | undefined;
  since: number;
  newestSegment?: number | undefined;
  oldestSegment?: number | undefined;
  /** Of sealed footage. */
  keptMs?: number | undefined;
  /** bit/s */
  bitrate: number;
  frameRate: number;
  gopSeconds?: number | undefined;
  coverage?: CoverageReading | undefined;
  track?: { codec: string; width: number; height: number } | undefined;
  lostPackets: number;
  /** What its sender reports say of its time of day, and how fast its media clock runs. */
  clockAheadMs?: number | undefined;
  driftPpm?: number | undefined;
  /** Why it is recorded through ffmpeg; undefined when it is not. */
  ffmpeg?: CameraHealth['ffmpeg'];
  offered: readonly string[];
  /** What its pictures are judged to be. */
  picture?: CameraHealth['picture'];
  onvif?: OnvifReading | undefined;
}

export interface HealthReading {
  at: number;
  seq: number;
  host: HealthPayload['host'];
  clock: ClockState | HealthPayload['clock'];
  store: {
    freeBytes: number;
    totalBytes: number;
    segments: number;
    bytes: number;
    oldest?: number | undefined;
    /** Hours that fit; worked out from the bitrates of now when absent. */
    forecastHours?: number | undefined;
  };
  /** Undefined at a node without cameras: absent, not empty. */
  cameras: CameraReading[] | undefined;
  /** Configured links; what no probe has measured is unknown, which is not a guess. */
  links: readonly (Pick<LinkReading, 'id' | 'to'> & Partial<LinkReading>)[];
  mqtt: { connected: boolean; protocol: string; reconnects: number };
}

/**
 * The health message: no request, no hold, no extraction, no picture (Art. 6 c. 4, 8). `brief` leaves out what changes
 * rarely and the last full message has told: a third of the bytes.
 */
export function assembleHealth(reading: HealthReading, how: 'full' | 'brief' = 'full'): HealthPayload {
  const full = how === 'full';
  const { freeBytes, totalBytes, segments, oldest } = reading.store;
  const bitsPerSecond = (reading.cameras ?? []).reduce((sum, camera) => sum + camera.bitrate, 0);
  return {
    at: instantText(reading.at),
    seq: reading.seq,
    ...(full ? {} : { brief: true }),
    host: hostHealth(reading.host, full),
    clock: typeof reading.clock === 'string' ? { state: reading.clock } : reading.clock,
    store: {
      freeBytes,
      totalBytes,
      segments,
      ...(oldest === undefined ? {} : { oldest: instantText(oldest) }),
      ...forecastOf(reading.store, bitsPerSecond),
    },
    ...(reading.cameras === undefined
      ? {}
      : { cameras: reading.cameras.map((camera) => cameraHealth(camera, full)) }),
    links: reading.links.map((link) => linkHealth(link, full)),
    mqtt: reading.mqtt,
  };
}

/** Hours that fit: what is kept may be overwritten by its own successor, so it counts as room. */
function forecastOf(store: HealthReading['store'], bitsPerSecond: number): { forecastHours?: number } {
  const now = bitsPerSecond > 0 ? ((store.freeBytes + store.bytes) * 8) / bitsPerSecond / 3600 : undefined;
  const hours = store.forecastHours ?? now;
  return hours === undefined ? {} : { forecastHours: Math.round(hours * 10) / 10 };
}

/** What a reading holds besides is not for the wire. */
function hostHealth(host: HealthPayload['host'], full: boolean): HealthPayload['host'] {
  const { uptimeSeconds, load1, memoryFreeBytes, memoryTotalBytes } = host;
  const { temperatureCelsius, bootReason, hardware, disk, ups } = host;
  return {
    uptimeSeconds,
    load1,
    memoryFreeBytes,
    memoryTotalBytes,
    ...(temperatureCelsius === undefined ? {} : { temperatureCelsius }),
    ...(full && bootReason !== undefined ? { bootReason } : {}),
    ...(full && hardware !== undefined ? { hardware } : {}),
    ...(full && disk !== undefined ? { disk } : {}),
    ...(ups === undefined ? {} : { ups }),
  };
}

type CameraHealth = NonNullable<HealthPayload['cameras']>[number];

function cameraHealth(camera: CameraReading, full: boolean): CameraHealth {
  return {
    id: camera.id,
    state: camera.state,
    ...(camera.newestSegment === undefined ? {} : { newestSegment: instantText(camera.newestSegment) }),
    bitrate: Math.round(camera.bitrate / 1000) * 1000,
    ...(camera.reason === undefined ? {} : { reason: camera.reason }),
    ...(full ? cameraFacts(camera) : {}),
  };
}

function cameraFacts(camera: CameraReading): Omit<CameraHealth, 'id' | 'state' | 'bitrate'> {
  const { track, onvif } = camera;
  return {
    ...(camera.oldestSegment === undefined ? {} : { oldestSegment: instantText(camera.oldestSegment) }),
    ...(camera.keptMs === undefined ? {} : { keptHours: Math.round(camera.keptMs / 360_000) / 10 }),
    since: instantText(camera.since),
    ...(track === undefined ? {} : { codec: track.codec, width: track.width, height: track.height }),
    fps: Math.round(camera.frameRate * 10) / 10,
    ...(camera.gopSeconds ? { gopSeconds: Math.round(camera.gopSeconds * 10) / 10 } : {}),
    ...coverageOf(camera.coverage),
    ...(camera.lostPackets > 0 ? { lostPackets: camera.lostPackets } : {}),
    ...clocksOf(camera),
    ...(camera.ffmpeg === undefined ? {} : { ffmpeg: camera.ffmpeg }),
    ...(camera.offered.length > 0 ? { offered: [...camera.offered].slice(0, 16) } : {}),
    ...(camera.picture === undefined ? {} : { picture: camera.picture }),
    ...(onvif === undefined ? {} : { onvif: onvifHealth(onvif) }),
  };
}

/** Only what is worth a byte: whole seconds of offset, and more drift than reading on a beat makes up. */
function clocksOf({ clockAheadMs = 0, driftPpm = 0 }: CameraReading): Partial<CameraHealth> {
  const clockAheadSeconds = Math.round(clockAheadMs / 1000);
  const drift = Math.round(driftPpm / 10) * 10;
  return {
    ...(clockAheadSeconds !== 0 && { clockAheadSeconds }),
    ...(Math.abs(drift) >= 50 && { driftPpm: drift }),
  };
}

/** Nothing where nothing is missing. Rounded down: what is not whole is never said to be. */
function coverageOf(coverage: CoverageReading | undefined): Partial<CameraHealth> {
  if (coverage === undefined) return {};
  const { gapsToday, missingTodayMs, day = 1, week = 1 } = coverage;
  const percent = (share: number): number => Math.floor(share * 1000) / 10;
  return {
    ...(gapsToday > 0 && { gapsToday, missingTodaySeconds: Math.ceil(missingTodayMs / 1000) }),
    ...(day < 1 && { coverageDay: percent(day) }),
    ...(week < 1 && { coverageWeek: percent(week) }),
  };
}

function onvifHealth({
  state,
  information,
  clockOffsetMs,
  position,
  preset,
  records,
}: OnvifReading): CameraHealth['onvif'] {
  return {
    state,
    ...(information === undefined
      ? {}
      : { model: `${information.manufacturer} ${information.model}`.trim(), firmware: information.firmware }),
    ...(clockOffsetMs === undefined ? {} : { clockOffsetMs: Math.round(clockOffsetMs / 100) * 100 }),
    ...position,
    ...(preset === undefined ? {} : { preset: preset.slice(0, 64) }),
    ...(records === undefined ? {} : { records }),
  };
}

const briefFigures = new Set(['lossPercent', 'delayMs', 'jitterMs', 'signalDbm']);

/** Some 250 bytes: every figure has one decimal. */
function linkHealth(link: HealthReading['links'][number], full: boolean): HealthPayload['links'][number] {
  const { id, to, probe, state = 'unknown', since, probes: _, ...figures } = link;
  return {
    id,
    to,
    ...(full && probe !== undefined ? { probe } : {}),
    state,
    ...(full && since !== undefined ? { since: instantText(since) } : {}),
    ...Object.fromEntries(
      Object.entries(figures).flatMap(([name, value]) =>
        typeof value === 'number' && (full || briefFigures.has(name))
          ? [[name, Math.round(value * 10) / 10]]
          : [],
      ),
    ),
  };
}
