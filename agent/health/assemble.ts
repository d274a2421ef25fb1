import type { ClockState } from '#protocol/clock-state.ts';
import type { HealthPayload } from '#protocol/messages.ts';
import { instantText } from '#protocol/time.ts';
import type { LinkReading } from '../link/open-links.ts';

/** One camera as health tells it; times in UTC milliseconds. */
export interface CameraReading {
  id: string;
  state: 'recording' | 'connecting' | 'failed';
  reason?: string | undefined;
  since: number;
  newestSegment?: number | undefined;
  /** bit/s */
  bitrate: number;
  frameRate: number;
  track?: { codec: string; width: number; height: number } | undefined;
  lostPackets: number;
  offered: readonly string[];
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

/** The health message: no request, no hold, no extraction, no picture (Art. 6 c. 4, 8). */
export function assembleHealth(reading: HealthReading): HealthPayload {
  const { freeBytes, totalBytes, segments, oldest } = reading.store;
  const bitsPerSecond = (reading.cameras ?? []).reduce((sum, camera) => sum + camera.bitrate, 0);
  return {
    at: instantText(reading.at),
    seq: reading.seq,
    host: hostHealth(reading.host),
    clock: typeof reading.clock === 'string' ? { state: reading.clock } : reading.clock,
    store: {
      freeBytes,
      totalBytes,
      segments,
      ...(oldest === undefined ? {} : { oldest: instantText(oldest) }),
      ...forecastOf(reading.store, bitsPerSecond),
    },
    ...(reading.cameras === undefined ? {} : { cameras: reading.cameras.map(cameraHealth) }),
    links: reading.links.map(linkHealth),
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
function hostHealth(host: HealthPayload['host']): HealthPayload['host'] {
  const { uptimeSeconds, load1, memoryFreeBytes, memoryTotalBytes } = host;
  const { temperatureCelsius, bootReason, hardware, disk, ups } = host;
  return {
    uptimeSeconds,
    load1,
    memoryFreeBytes,
    memoryTotalBytes,
    ...(temperatureCelsius === undefined ? {} : { temperatureCelsius }),
    ...(bootReason === undefined ? {} : { bootReason }),
    ...(hardware === undefined ? {} : { hardware }),
    ...(disk === undefined ? {} : { disk }),
    ...(ups === undefined ? {} : { ups }),
  };
}

function cameraHealth(camera: CameraReading): NonNullable<HealthPayload['cameras']>[number] {
  return {
    id: camera.id,
    state: camera.state,
    ...(camera.newestSegment === undefined ? {} : { newestSegment: instantText(camera.newestSegment) }),
    bitrate: Math.round(camera.bitrate),
    ...(camera.reason === undefined ? {} : { reason: camera.reason }),
    since: instantText(camera.since),
    ...(camera.track === undefined
      ? {}
      : { codec: camera.track.codec, width: camera.track.width, height: camera.track.height }),
    fps: Math.round(camera.frameRate * 10) / 10,
    ...(camera.lostPackets > 0 ? { lostPackets: camera.lostPackets } : {}),
    ...(camera.offered.length > 0 ? { offered: [...camera.offered].slice(0, 16) } : {}),
  };
}

/** Some 250 bytes: every figure has one decimal. */
function linkHealth(link: HealthReading['links'][number]): HealthPayload['links'][number] {
  const { id, to, probe, state = 'unknown', since, probes: _, ...figures } = link;
  return {
    id,
    to,
    ...(probe === undefined ? {} : { probe }),
    state,
    ...(since === undefined ? {} : { since: instantText(since) }),
    ...Object.fromEntries(
      Object.entries(figures).flatMap(([name, value]) =>
        typeof value === 'number' ? [[name, Math.round(value * 10) / 10]] : [],
      ),
    ),
  };
}
