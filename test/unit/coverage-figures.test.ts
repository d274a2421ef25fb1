import * as assert from 'uvu/assert';
import { coverageOf } from '#agent/assembly/coverage.ts';
import type { Fragment, Ingest, Track } from '#agent/camera/ingest.ts';
import { type TrackChange, watchTracks } from '#agent/camera/track-changes.ts';
import { assembleHealth } from '#agent/health/assemble.ts';
import { emptyRates } from '#agent/recorder/rates.ts';
import type { Rows } from '#agent/view/strip.ts';
import { suite } from '../support/suite.ts';

const test = suite('figures of a camera');
const hour = 3_600_000;
const form = { lang: 'it', zone: 'Europe/Rome' } as const;
/** 13:00 in Peio. */
const now = Date.UTC(2026, 0, 15, 12);

test('gaps since midnight, a day and a week; before it is known a camera misses nothing', () => {
  const gap = (from: number, to: number) => ({
    from: now - from,
    to: now - to,
    reason: 'no-connection' as const,
  });
  const rows: Rows = {
    recorded: [
      { from: now - 48 * hour, to: now - 30 * hour },
      { from: now - 24 * hour, to: now - 15 * hour },
      { from: now - 14 * hour, to: now - 2 * hour },
      { from: now - 1 * hour, to: now },
    ],
    gaps: [gap(30 * hour, 24 * hour), gap(15 * hour, 14 * hour), gap(2 * hour, hour)],
    now: 'recorded',
  };
  const { gapsToday, missingTodayMs, day, week } = coverageOf(rows, now, form);
  // Midnight was thirteen hours ago: the gap before it is yesterday's.
  assert.equal([gapsToday, missingTodayMs], [1, hour]);
  assert.is(day, 22 / 24);
  assert.is(week, 40 / 48);
  assert.equal(coverageOf({ recorded: [], gaps: [], now: 'recorded' }, now, form).week, undefined);
});

test('what is missing is told, and what is whole takes no byte; nearly whole is not whole', () => {
  const camera = (coverage: { gapsToday: number; missingTodayMs: number; day?: number; week?: number }) => {
    const { cameras } = assembleHealth({
      at: now,
      seq: 1,
      host: { uptimeSeconds: 1, load1: 0, memoryFreeBytes: 1, memoryTotalBytes: 1 },
      clock: 'synced',
      store: { freeBytes: 1, totalBytes: 1, segments: 1, bytes: 1 },
      cameras: [
        {
          id: 'cam-1',
          state: 'recording',
          since: now,
          bitrate: 1,
          frameRate: 25,
          gopSeconds: 2.04,
          lostPackets: 0,
          offered: [],
          coverage: { day: undefined, week: undefined, ...coverage },
        },
      ],
      links: [],
      mqtt: { connected: true, protocol: '5', reconnects: 0 },
    });
    const { gopSeconds, gapsToday, missingTodaySeconds, coverageDay, coverageWeek } = cameras![0]!;
    return [gopSeconds, gapsToday, missingTodaySeconds, coverageDay, coverageWeek];
  };
  const none = undefined;
  assert.equal(camera({ gapsToday: 0, missingTodayMs: 0, day: 1, week: 1 }), [2, none, none, none, none]);
  assert.equal(camera({ gapsToday: 2, missingTodayMs: 1500, day: 0.99999, week: 0.5 }), [2, 2, 2, 99.9, 50]);
  assert.equal(camera({ gapsToday: 0, missingTodayMs: 0 }), [2, none, none, none, none]);
});

test('from one keyframe to the next, a group in two fragments included', () => {
  const rates = emptyRates();
  assert.is(rates.gopSeconds(), undefined);
  const fragment = (keyframe: boolean, durationTicks: number): Fragment =>
    ({ bytes: Buffer.alloc(10), samples: 10, keyframe, durationTicks }) as Fragment;
  rates.add(fragment(false, 90_000), 90_000);
  assert.is(rates.gopSeconds(), undefined);
  for (let i = 0; i < 3; i++) {
    rates.add(fragment(true, 90_000), 90_000);
    rates.add(fragment(false, 45_000), 90_000);
  }
  assert.is(rates.gopSeconds(), 1.5);
});

test('another codec or size is told once, over sessions, and the same stream again is not', async () => {
  const told: TrackChange[] = [];
  const tracks = watchTracks((change) => told.push(change));
  const session = (...sent: [string, number, number][]): Promise<void> => {
    const ingest = {
      stats: () => ({}),
      async run(sink: { track(track: Track): void }) {
        for (const [codec, width, height] of sent) sink.track({ codec, width, height } as Track);
      },
    };
    const seen: Track[] = [];
    return tracks
      .over(ingest as unknown as Ingest)
      .run({ track: (track) => void seen.push(track), fragment() {} }, new AbortController().signal)
      .then(() => assert.is(seen.length, sent.length));
  };
  await session(['h264', 1920, 1080], ['h264', 1920, 1080]);
  await session(['h264', 1920, 1080]);
  assert.equal(told, []);
  await session(['h264', 1280, 720], ['h265', 1280, 720]);
  assert.equal(told, [
    { before: 'h264 1920×1080', after: 'h264 1280×720' },
    { before: 'h264 1280×720', after: 'h265 1280×720' },
  ]);
});
