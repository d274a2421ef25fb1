import { codeOf } from '#protocol/failure.ts';
import type { HealthPayload } from '#protocol/messages.ts';
import { assembleHealth } from '../health/assemble.ts';
import { openHealth } from '../health/open-health.ts';
import { openLinks } from '../link/open-links.ts';
import { openPictureWatch } from '../picture/watch.ts';
import { askChild } from '../platform/child.ts';
import { readHardware } from '../platform/hardware.ts';
import { readHost } from '../platform/host.ts';
import { openHttpClient } from '../platform/http-client.ts';
import { openNet } from '../platform/net.ts';
import { run } from '../platform/process.ts';
import { systemUdp } from '../platform/udp.ts';
import { weekMs } from '../view/strip.ts';
import { coverageOf, rowsOf } from './coverage.ts';
import type { Keeping } from './keeping.ts';
import type { Memory } from './memory.ts';
import { guarded, type Life } from './node.ts';
import { type Camera, picturesTogether } from './recording.ts';
import { renewCertificates } from './renewal.ts';
import type { Voice } from './voice.ts';

/** What watches the node, apart from recording: conditions raised and cleared, and the health message. */
export interface Watching {
  /** Judges what is seen without asking anybody; every second. */
  look(): void;
  health(seq: number, how: 'full' | 'brief'): Promise<HealthPayload>;
}

/** Short questions to local services and over links: nothing here is a stream. */
const netPaceMs = 50;

/** Watches cameras, links, store, clock, hub and box; its probes run until the node ends. */
export function openWatching(
  life: Life,
  { dir, store, trust }: Memory,
  voice: Voice,
  cameras: readonly Camera[],
  { retention, retentionMs }: Keeping,
): Watching {
  const { files, clock, random, log, config, scope } = life;
  const { bus, conditions } = voice;
  const shared = { conditions, clock, random, net: openNet(netPaceMs), run, log };
  const health = openHealth({
    ...shared,
    files,
    askChild,
    openClient: (bounds) => openHttpClient({ tls: { unverified: true }, ...bounds }),
    readHost,
    readHardware,
    dir,
    ups: config.ups,
    cameras,
    onvif: config.cameras.flatMap(({ onvif, ...camera }, index) => {
      const recorder = cameras[index]?.recorder;
      return onvif && recorder ? { ...camera, onvif, recorder } : [];
    }),
    store,
    retention,
    retentionMs,
    reserve: config.store.reserve,
    segmentMs: config.store.segmentMs,
    clockState: trust.state,
    bootBefore: store.bootBefore,
    hub: bus && { heardAt: voice.hubHeardAt, connected: bus.connected },
    dated: voice.dated,
  });
  const links = openLinks({
    ...shared,
    links: config.links,
    reflect: config.reflect,
    udp: systemUdp,
    synchronised: () => trust.state() === 'synced',
  });
  const pictures = openPictureWatch({
    conditions,
    clock,
    everyMs: config.pictureIntervalMs,
    together: picturesTogether(cameras.length),
    cameras: cameras.map((camera, index) => ({ ...camera, ptz: config.cameras[index]?.ptz ?? false })),
  });
  const { signal } = life.ending;
  const probing = guarded(
    life,
    Promise.all([
      health.run(signal),
      links.run(signal),
      renewCertificates(life),
      ...(cameras.length > 0 ? [pictures.run(signal)] : []),
    ]),
  );
  scope.defer(async () => {
    life.ending.abort();
    await probing;
  });

  /** A disk that is gone has no room to tell of: health says what the last sweep found. */
  const lastKnown = (error: unknown) => {
    if (codeOf(error) === 'unknown') throw error;
    return retention.status();
  };
  return {
    look: health.look,
    async health(seq, how) {
      const [host, space] = await Promise.all([health.host(), files.space(dir).catch(lastKnown)]);
      const kept = store.cameras();
      const oldest = Math.min(...kept.map((camera) => camera.oldest()?.start ?? Number.POSITIVE_INFINITY));
      const now = clock.utc();
      const reading = {
        at: now,
        seq,
        host,
        clock: health.clock(),
        store: {
          ...space,
          segments: kept.reduce((sum, camera) => sum + camera.count(), 0),
          bytes: kept.reduce((sum, camera) => sum + camera.bytes(), 0),
          oldest: Number.isFinite(oldest) ? oldest : undefined,
          forecastHours: health.forecastHours(),
        },
        cameras:
          cameras.length === 0
            ? undefined
            : cameras.map((camera) => {
                const { id, recorder } = camera;
                return {
                  id,
                  ...recorder.status(),
                  picture: pictures.reading(id),
                  coverage:
                    how === 'full'
                      ? coverageOf(rowsOf(store, camera, now - weekMs, now), now, config)
                      : undefined,
                  onvif: health.onvif(id),
                };
              }),
        links: links.readings(),
        mqtt: {
          connected: bus?.connected() ?? false,
          protocol: bus?.protocol() ?? '',
          reconnects: bus?.reconnects() ?? 0,
        },
      };
      return assembleHealth(reading, how);
    },
  };
}
