import { readdirSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import * as assert from 'uvu/assert';
import type { Files } from '#agent/platform/files.ts';
import { systemRandom } from '#agent/platform/random.ts';
import { openRecorder } from '#agent/recorder/recorder.ts';
import { openClockTrust, openRetention } from '#agent/retention/retention.ts';
import { openStore, verifyStore } from '#agent/store/store.ts';
import { eventually } from '../support/eventually.ts';
import { fakeClock } from '../support/fake-clock.ts';
import { freeLocks, memoryDisk } from '../support/memory-disk.ts';
import { type Step, scriptedIngest } from '../support/scripted-ingest.ts';
import { recipients, silent, storeParts } from '../support/store-parts.ts';
import { suite } from '../support/suite.ts';

// 15 s of CPU: on a machine that does other things it takes what it takes.
const test = suite('weeks of recording', { timeoutMs: 400_000 });
const hour = 3_600_000;
const weeks = 3;
const segmentMs = 2 * hour;

const descriptors = (): number => readdirSync('/proc/self/fd').length;
setFlagsFromString('--expose-gc');
const collect: () => void = runInNewContext('gc');

test(`${weeks} weeks of two cameras, one of them with a fault each day: flat in memory, timers, listeners, descriptors and disk`, async () => {
  const clock = fakeClock();
  const disk = memoryDisk(() => clock.utc());
  let openFiles = 0;
  const files: Files = {
    ...disk.files,
    async open(path, how) {
      const file = await disk.files.open(path, how);
      openFiles += 1;
      return {
        ...file,
        async close() {
          openFiles -= 1;
          await file.close();
        },
      };
    },
  };
  const store = await openStore({
    ...storeParts('/store', clock, { files, segmentMs }),
    locks: freeLocks,
  });
  const trust = await openClockTrust({ clock, state: store.state, service: async () => 'synced', floor: 0 });
  const end = new AbortController();
  let listeners = 0;
  const add = end.signal.addEventListener.bind(end.signal);
  const drop = end.signal.removeEventListener.bind(end.signal);
  end.signal.addEventListener = (...args: Parameters<typeof add>) => {
    listeners += 1;
    add(...args);
  };
  end.signal.removeEventListener = (...args: Parameters<typeof drop>) => {
    listeners -= 1;
    drop(...args);
  };
  let sweptSegments = 0;
  const retention = openRetention({
    store,
    clock,
    files,
    trust,
    retentionMs: 168 * hour,
    reserve: 0.05,
    kept: () => false,
    onSwept: async ({ count }) => {
      sweptSegments += count;
    },
    log: silent,
  });
  const gopMs = hour;
  const day: Step[] = [{ do: 'send', count: 23, gopMs, bytes: 70_000 }];
  const sessions: Record<string, Step[][]> = {
    'cam-1': [[{ do: 'send', count: 24 * 7 * weeks + 24, gopMs, bytes: 70_000 }]],
    'cam-2': Array.from({ length: 7 * weeks + 2 }, () => [...day, { do: 'fail', code: 'no-data' }]),
  };
  let gaps = 0;
  const recorders = await Promise.all(
    Object.entries(sessions).map(async ([id, list]) =>
      openRecorder({
        store,
        camera: await store.camera(id),
        ingest: scriptedIngest(clock, list),
        recipients: () => recipients,
        clock,
        random: systemRandom,
        clockState: trust.state,
        segmentMs,
        onSegment: () => {},
        onGap: () => gaps++,
        log: silent,
      }),
    ),
  );
  const lives = Promise.all([
    ...recorders.map((recorder) => recorder.run(end.signal)),
    retention.run(end.signal),
  ]);
  await eventually('the first sessions', async () => {
    await clock.advance(0);
    return clock.pending() >= 3;
  });

  interface Reading {
    heapBytes: number;
    timers: number;
    listeners: number;
    openFiles: number;
    descriptors: number;
    diskBytes: number;
    segments: number;
  }
  const readings: Reading[] = [];
  for (let hours = 1; hours <= 24 * 7 * weeks; hours++) {
    await clock.advance(hour);
    await new Promise((resolve) => setTimeout(resolve, 0)); // Hashes and heads of seals are made by threads.
    if (hours % (24 * 7) !== 0) continue;
    for (let i = 0; i < 3; i++) {
      collect();
      await new Promise((resolve) => setImmediate(resolve));
    }
    const parts = [...disk.contents().entries()].filter(([path]) => path.includes('.mp4.age'));
    readings.push({
      heapBytes: process.memoryUsage().heapUsed,
      timers: clock.pending(),
      listeners,
      openFiles,
      descriptors: descriptors(),
      diskBytes: parts.reduce((sum, [, bytes]) => sum + bytes.length, 0),
      segments: store.cameras().reduce((sum, camera) => sum + camera.count(), 0),
    });
  }
  const [, second, last] = readings as [Reading, Reading, Reading];
  assert.ok(sweptSegments > 200, `${sweptSegments} swept`);
  assert.ok(gaps >= 7 * weeks - 2, `${gaps} gaps`);
  for (const what of ['timers', 'listeners', 'openFiles', 'descriptors'] as const)
    assert.ok(last[what] <= second[what] + 2, `${what}: ${second[what]}, ${last[what]} a week later`);
  assert.ok(Math.abs(last.segments - second.segments) <= 4, `${second.segments}, ${last.segments} segments`);
  assert.ok(last.diskBytes <= second.diskBytes * 1.1, `${second.diskBytes}, ${last.diskBytes} bytes`);
  assert.ok(last.heapBytes <= second.heapBytes + 3e6, `${second.heapBytes}, ${last.heapBytes} bytes of heap`);
  end.abort();
  await lives;
  assert.is(clock.pending(), 0);
  await store.close();
  assert.is(openFiles, 0);
  const { findings } = await verifyStore(disk.files, '/store', { full: true, now: clock.utc() });
  assert.equal(findings, []);
});
