import type { HealthPayload } from '#protocol/messages.ts';
import { instantText } from '#protocol/time.ts';
import { alertPayload } from '../alert/board.ts';
import { judgeCamera } from '../alert/camera-down.ts';
import { assembleHealth } from '../health/assemble.ts';
import { pause } from '../platform/clock.ts';
import { readHost } from '../platform/host.ts';
import { version } from '../platform/node-version.ts';
import type { Rows } from '../view/strip.ts';
import type { LocalStatusPayload } from '../web/local.ts';
import type { Memory } from './memory.ts';
import type { Life } from './node.ts';
import { type Camera, silenceOf } from './recording.ts';
import type { Voice } from './voice.ts';

/** What a node sees of itself, and shows. */
export interface Sight {
  /** Publishes health now. */
  publish(): Promise<void>;
  status(): Promise<LocalStatusPayload>;
  /** What is recorded of each camera within `[from, to)`, and why the rest is not. */
  weeks(from: number, to: number): ReadonlyMap<string, Rows>;
  /** Looks every second, raises and clears, publishes on change and every `health.interval`, until `stop`; tells every look. */
  watch(stop: AbortSignal, looked: () => void): Promise<void>;
}

/** How often cameras are looked at; see agent/alert for how long a fault takes to be one. */
const lookMs = 1000;
/** An hour without a cosignature: the hub is away, or nobody hears this node. */
const hubSilentMs = 3_600_000;

export function openSight(life: Life, memory: Memory, voice: Voice, cameras: readonly Camera[]): Sight {
  const { files, clock, config } = life;
  const { dir, store, trust } = memory;
  const { bus, alerts, conditions } = voice;
  const watched = cameras.map(({ id, recorder }) => ({
    recorder,
    down: conditions.watch('camera-down', id),
    audio: conditions.watch('camera-audio-offered', id),
  }));
  const untrusted = conditions.watch('clock-untrusted');
  const hubSilent = bus && conditions.watch('hub-silent');
  conditions.adopt();
  if (alerts.blank) {
    // A broker may still show what an earlier store of this node raised.
    const cleared = { severity: 'info' as const, since: clock.utc(), detail: '', state: 'cleared' as const };
    for (const key of conditions.keys()) voice.reporter?.alert(alertPayload({ key, ...cleared }));
  }

  let seq = 0;
  const read = async (): Promise<HealthPayload> => {
    const [host, space] = await Promise.all([readHost(), files.space(dir)]);
    const kept = store.cameras();
    const oldest = Math.min(...kept.map((camera) => camera.oldest()?.start ?? Number.POSITIVE_INFINITY));
    return assembleHealth({
      at: clock.utc(),
      seq,
      host,
      clock: trust.state(),
      store: {
        ...space,
        segments: kept.reduce((sum, camera) => sum + camera.count(), 0),
        bytes: kept.reduce((sum, camera) => sum + camera.bytes(), 0),
        oldest: Number.isFinite(oldest) ? oldest : undefined,
      },
      cameras:
        cameras.length === 0 ? undefined : cameras.map(({ id, recorder }) => ({ id, ...recorder.status() })),
      links: config.links,
      mqtt: {
        connected: bus?.connected() ?? false,
        protocol: bus?.protocol() ?? '',
        reconnects: bus?.reconnects() ?? 0,
      },
    });
  };
  const publish = async (): Promise<void> => {
    seq += 1;
    voice.reporter?.health(await read());
  };

  const look = (): void => {
    for (const { recorder, down, audio } of watched) {
      const status = recorder.status();
      judgeCamera(down, status);
      if (status.state !== 'recording') audio.unknown();
      else if (status.offered.some((media) => media.startsWith('audio/'))) audio.failing('audio');
      else audio.ok();
    }
    // A stepped clock is told by its own condition, and once the jump is believed it is trusted again.
    if (trust.trusted()) untrusted.ok();
    else untrusted.failing('unsynchronised');
    const silentMs = clock.monotonic() - voice.hubHeardAt();
    if (silentMs < hubSilentMs) hubSilent?.ok();
    else
      hubSilent?.failing(bus?.connected() ? 'no-cosignature' : 'no-broker', {
        minutes: Math.round(silentMs / 60_000),
      });
  };

  return {
    publish,
    status: async () => ({
      node: config.node,
      version,
      startedAt: instantText(life.startedAt),
      lang: config.lang,
      names: Object.fromEntries(config.cameras.map(({ id, name }) => [id, name ?? id])),
      health: await read(),
      alerts: alerts.raised().map(alertPayload),
    }),
    weeks(from, to) {
      const kept = new Map(store.cameras().map((camera) => [camera.id, camera]));
      return new Map(
        cameras.map((camera) => {
          const { recorded = [], gaps = [] } = kept.get(camera.id)?.stretches(from, to) ?? {};
          const why = gaps.map(({ start, end, reason }) => ({ from: start, to: end, reason }));
          return [camera.id, { recorded, gaps: why, now: silenceOf(camera) ?? 'recorded' }];
        }),
      );
    },
    async watch(stop, looked) {
      let publishedAt = Number.NEGATIVE_INFINITY;
      let facts = '';
      while (!stop.aborted) {
        look();
        looked();
        const seen = JSON.stringify([
          cameras.map(({ recorder }) => recorder.status().state),
          alerts.raised().map(({ key }) => key),
          bus?.connected(),
          trust.state(),
        ]);
        if (seen !== facts || clock.monotonic() - publishedAt >= config.healthIntervalMs) {
          facts = seen;
          publishedAt = clock.monotonic();
          await publish();
        }
        await pause(clock, lookMs, stop);
      }
    },
  };
}
