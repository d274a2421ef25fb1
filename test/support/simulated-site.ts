import type { Rows } from '#agent/view/strip.ts';
import type { LocalSource, LocalStatusPayload } from '#agent/web/local.ts';
import { instantText } from '#protocol/time.ts';
import { type CameraWeek, weekOfFaults } from '../../deploy/demo/week.ts';

const hour = 3_600_000;
const names = [
  'Parcheggio scuola zona nord/est',
  'Parcheggio scuola zona sud/ovest',
  'Cortile esterno antistante scuola',
  'Ingresso centrale esterno scuola',
  'Torre faro illuminazione campo sportivo nord-ovest',
];

/** A site as its page would ask it: a week of faults, every value to be changed while somebody looks. */
export interface SimulatedSite extends LocalSource {
  now: LocalStatusPayload;
  rows: Map<string, Rows>;
}

/** What is recorded, from what is not. */
export function rowsOf(week: CameraWeek, nowUtc: number): Rows {
  const recorded = [];
  let at = week.since;
  for (const { from, to } of week.faults) {
    if (from > at) recorded.push({ from: at, to: from });
    at = Math.max(at, to);
  }
  // The segment that is being written is not in the store yet.
  if (week.silent === undefined) recorded.push({ from: at, to: nowUtc - 30_000 });
  return { recorded, gaps: week.faults, now: week.silent ?? 'recorded' };
}

export function simulatedSite(cameras: number, nowUtc: number): SimulatedSite {
  const ids = Array.from({ length: cameras }, (_, i) => `cam-${i + 1}`);
  // A camera each of sites that had different weeks; the second does not answer.
  const sites = Array.from({ length: 16 }, (_, i) => ({
    id: `site-${i}`,
    cameras: [{ id: 'cam-1' }, { id: 'cam-2' }],
  }));
  const weeks = weekOfFaults(sites, nowUtc);
  const chosen = ids.map((_, i) => weeks[i === 1 ? 3 : (i * 2) % weeks.length] as CameraWeek);
  const ago = (ms: number): string => instantText(nowUtc - ms);
  const silent = (i: number): boolean => chosen[i]?.silent !== undefined;
  const site: SimulatedSite = {
    now: {
      node: 'site-01',
      version: '0.1.0',
      startedAt: ago(3 * hour),
      lang: 'it',
      names: Object.fromEntries(ids.map((id, i) => [id, names[i % names.length] as string])),
      health: {
        at: ago(0),
        seq: 1,
        host: {
          uptimeSeconds: 12 * 86_400,
          load1: 0.42,
          memoryFreeBytes: 3.1e9,
          memoryTotalBytes: 8.2e9,
          temperatureCelsius: 51.5,
          bootReason: 'power',
          disk: { state: 'ok', usedPercent: 12 },
          ups: { state: 'mains', chargePercent: 100, runtimeMinutes: 42 },
        },
        clock: { state: 'synced' },
        store: { freeBytes: 412e9, totalBytes: 960e9, segments: 10_080 * cameras, forecastHours: 203.4 },
        cameras: ids.map((id, i) => ({
          id,
          state: silent(i) ? 'failed' : 'recording',
          ...(silent(i) ? { reason: 'no-connection' } : {}),
          newestSegment: ago(silent(i) ? 18 * hour : 31_000),
          bitrate: silent(i) ? 0 : 3_900_000 + i * 10_000,
          since: ago(silent(i) ? 18 * hour : 72 * hour),
          codec: 'h264',
          width: 2560,
          height: 1440,
          fps: silent(i) ? 0 : 25,
          gopSeconds: 2,
          keptHours: silent(i) ? 150 : 168,
          onvif: silent(i)
            ? { state: 'away', model: 'Telecamera simulata', firmware: '1.0' }
            : {
                ...{ state: 'ok', model: 'Telecamera simulata', firmware: '1.0', records: false },
                clockOffsetMs: i === 0 ? -4200 : 100,
                ...(i === 0 ? { pan: 0.12, tilt: -0.3, preset: 'cancello' } : {}),
              },
          ...(silent(i) ? {} : { picture: i === 2 ? ('unknown' as const) : ('ok' as const) }),
        })),
        links: [
          {
            id: 'uplink',
            to: 'relay-c',
            state: 'up',
            since: ago(24 * hour),
            probe: 'stamp',
            lossPercent: 0.4,
            delayMs: 12.3,
            jitterMs: 1.1,
          },
          { id: 'radio', to: 'relay-c', state: 'unknown', signalDbm: -61, capacityMbit: 86 },
        ],
        mqtt: { connected: true, protocol: '5', reconnects: 2 },
      },
      alerts:
        cameras < 2
          ? []
          : [
              {
                key: 'short-retention.store',
                state: 'raised',
                severity: 'warning',
                since: ago(24 * hour),
                detail:
                  'il disco terrà 160 ore invece di 168: abbassare il bitrate o montare un disco più grande',
              },
              {
                key: 'camera-down.cam-2',
                state: 'raised',
                severity: 'critical',
                since: ago(18 * hour),
                detail: 'la telecamera non risponde: controllare alimentazione e cavo di rete',
              },
            ],
    },
    rows: new Map(ids.map((id, i) => [id, rowsOf(chosen[i] as CameraWeek, nowUtc)])),
    status: async () => structuredClone(site.now),
    weeks: () => site.rows,
  };
  return site;
}
