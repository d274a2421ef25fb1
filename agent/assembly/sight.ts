import { instantText } from '#protocol/time.ts';
import { alertPayload } from '../alert/board.ts';
import { pause } from '../platform/clock.ts';
import { version } from '../platform/node-version.ts';
import type { Rows } from '../view/strip.ts';
import type { LocalStatusPayload } from '../web/local.ts';
import { rowsOf } from './coverage.ts';
import type { Memory } from './memory.ts';
import type { Life } from './node.ts';
import type { Camera } from './recording.ts';
import type { Voice } from './voice.ts';
import type { Watching } from './watching.ts';

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
/** Between two full messages health leaves out what changes rarely. */
const fullEveryMs = 3_600_000;

export function openSight(
  life: Life,
  memory: Memory,
  voice: Voice,
  cameras: readonly Camera[],
  watching: Watching,
): Sight {
  const { clock, config } = life;
  const { store, trust } = memory;
  const { bus, alerts, conditions } = voice;
  conditions.adopt();
  if (alerts.blank) {
    // A broker may still show what an earlier store of this node raised.
    const cleared = { severity: 'info' as const, since: clock.utc(), detail: '', state: 'cleared' as const };
    for (const key of conditions.keys()) voice.reporter?.alert(alertPayload({ key, ...cleared }));
  }

  let seq = 0;
  const publish = async (how: 'full' | 'brief' = 'full'): Promise<void> => {
    seq += 1;
    voice.reporter?.health(await watching.health(seq, how));
  };

  return {
    publish,
    status: async () => ({
      node: config.node,
      version,
      startedAt: instantText(life.startedAt),
      lang: config.lang,
      names: Object.fromEntries(config.cameras.map(({ id, name }) => [id, name ?? id])),
      health: await watching.health(seq, 'full'),
      alerts: alerts.raised().map(alertPayload),
      conditions: conditions.standing().map(({ firstSeen, lastChange, ...standing }) => ({
        ...standing,
        ...(firstSeen === undefined ? {} : { firstSeen: instantText(firstSeen) }),
        lastChange: instantText(lastChange),
      })),
    }),
    weeks(from, to) {
      return new Map(cameras.map((camera) => [camera.id, rowsOf(store, camera, from, to)]));
    },
    async watch(stop, looked) {
      let publishedAt = Number.NEGATIVE_INFINITY;
      let fullAt = Number.NEGATIVE_INFINITY;
      let facts = '';
      while (!stop.aborted) {
        watching.look();
        looked();
        const seen = JSON.stringify([
          cameras.map(({ recorder }) => recorder.status().state),
          alerts.raised().map(({ key }) => key),
          bus?.connected(),
          trust.state(),
        ]);
        const now = clock.monotonic();
        if (seen !== facts || now - publishedAt >= config.healthIntervalMs) {
          const full = seen !== facts || now - fullAt >= fullEveryMs;
          facts = seen;
          publishedAt = now;
          if (full) fullAt = now;
          await publish(full ? 'full' : 'brief');
        }
        await pause(clock, lookMs, stop);
      }
    },
  };
}
