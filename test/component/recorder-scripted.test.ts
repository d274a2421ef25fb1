import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { systemRandom } from '#agent/platform/random.ts';
import { openRecorder, type Recorder } from '#agent/recorder/recorder.ts';
import { type GapRow, openStore, type SegmentRow, type Store } from '#agent/store/store.ts';
import { parseSegmentName } from '#protocol/segment-name.ts';
import { eventually } from '../support/eventually.ts';
import { type FakeClock, fakeClock } from '../support/fake-clock.ts';
import { type Step, scriptedBytes, scriptedIngest, scriptedTrack } from '../support/scripted-ingest.ts';
import { opened, recipients, silent, storeParts } from '../support/store-parts.ts';
import { suite } from '../support/suite.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const test = suite('recorder, scripted');

interface Rig {
  clock: FakeClock;
  store: Store;
  recorder: Recorder;
  segments: SegmentRow[];
  gaps: GapRow[];
  stop(): Promise<void>;
}

async function rig(dir: string, sessions: (clock: FakeClock) => Step[][], clock = fakeClock()): Promise<Rig> {
  const store = await openStore(storeParts(dir, clock));
  const camera = await store.camera('cam-1');
  const segments: SegmentRow[] = [];
  const gaps: GapRow[] = [];
  const recorder = openRecorder({
    store,
    camera,
    ingest: scriptedIngest(clock, sessions(clock)),
    recipients: () => recipients,
    clock,
    random: systemRandom,
    clockState: () => 'synced',
    segmentMs: 10_000,
    onSegment: (row) => segments.push(row),
    onGap: (row) => gaps.push(row),
    log: silent,
  });
  const end = new AbortController();
  const life = recorder.run(end.signal);
  // The first heads of seals are made in real time.
  await eventually('the first session', async () => {
    await clock.advance(0);
    return clock.pending() > 0;
  });
  return {
    clock,
    store,
    recorder,
    segments,
    gaps,
    async stop() {
      end.abort();
      await life;
      await store.close();
    },
  };
}

/** Lets `ms` pass in steps of 100 ms, each with time for the disk. */
async function pass(clock: FakeClock, ms: number): Promise<void> {
  for (let left = ms; left > 0; left -= 100) {
    await clock.advance(Math.min(100, left));
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
}

test('cuts at the configured length and seals what the camera sent, each file from time zero', async () => {
  using folder = temporaryFolder();
  const { clock, segments, stop, store } = await rig(folder.path, () => [
    [{ do: 'send', count: 30, gopMs: 1000 }],
  ]);
  const start = clock.utc();
  await pass(clock, 30_000);
  await eventually('two segments', () => segments.length === 2);
  await stop();
  assert.equal(
    segments.map((row) => [row.start - start, row.durationMs, row.torn]),
    [
      [0, 10_000, false],
      [10_000, 10_000, false],
      [20_000, 10_000, false],
    ],
  );
  assert.equal(new Set(segments.map((row) => row.run)).size, 1);
  for (const [i, row] of segments.entries()) {
    const path = store.path('cam-1', row)!;
    assert.is(readFileSync(path).length, row.bytes);
    const { plain, end } = await opened(path);
    assert.is(end, 'whole');
    const expected: Buffer[] = [Buffer.from(scriptedTrack().initSegment)];
    for (let gop = 0; gop < 10; gop++) {
      const bytes = scriptedBytes(gop * 90_000, 90_000, 20_000, i * 10 + gop + 1);
      bytes.writeUInt32BE(gop + 1, 20); // mfhd: sequence
      expected.push(bytes);
    }
    assert.ok(plain.equals(Buffer.concat(expected)), row.file);
  }
  assert.is(clock.pending(), 0);
});

test('a camera that fails leaves one gap with the first reason', async () => {
  using folder = temporaryFolder();
  const { clock, gaps, segments, stop, recorder } = await rig(folder.path, () => [
    [
      { do: 'send', count: 4, gopMs: 1000 },
      { do: 'fail', code: 'no-data' },
    ],
    [{ do: 'fail', code: 'no-connection' }],
    [{ do: 'fail', code: 'no-connection' }],
    [{ do: 'send', count: 100, gopMs: 1000 }],
  ]);
  await pass(clock, 4500);
  assert.is(recorder.status().state, 'failed');
  await pass(clock, 20_000);
  assert.is(recorder.status().state, 'recording');
  await stop();
  assert.is(gaps.length, 1);
  assert.is(gaps[0]!.reason, 'no-data');
  assert.is(gaps[0]!.start, segments[0]!.end);
  assert.is(gaps[0]!.end, segments[1]!.start);
  assert.is.not(segments[0]!.run, segments[1]!.run);
});

test('cutNow seals what was filmed up to now', async () => {
  using folder = temporaryFolder();
  const { clock, segments, stop, recorder } = await rig(folder.path, () => [
    [{ do: 'send', count: 100, gopMs: 2000 }],
  ]);
  await pass(clock, 5000);
  const asked = clock.utc();
  let sealed = false;
  void recorder.cutNow().then(() => {
    sealed = true;
  });
  await pass(clock, 2000);
  await eventually('the cut', () => sealed);
  assert.is(segments.length, 1);
  assert.ok(segments[0]!.end >= asked);
  await pass(clock, 10_000);
  await stop();
  assert.is(segments[1]!.start, segments[0]!.end);
  assert.is(segments[1]!.run, segments[0]!.run);
});

test('a step of the clock makes a new run and loses no frame', async () => {
  using folder = temporaryFolder();
  const { clock, segments, gaps, stop, store } = await rig(folder.path, (clock) => [
    [
      { do: 'send', count: 5, gopMs: 1000 },
      { do: 'call', run: () => clock.stepUtc(3_600_000) },
      { do: 'send', count: 5, gopMs: 1000 },
    ],
  ]);
  await pass(clock, 11_000);
  await stop();
  assert.is(segments.length, 2);
  assert.equal(
    gaps.map(({ reason, start, end }) => [reason, start, end]),
    [['clock-step', segments[0]!.end, segments[1]!.start]],
  );
  let bytes = 0;
  for (const row of segments) bytes += (await opened(store.path('cam-1', row)!)).plain.length;
  assert.is(bytes, 2 * 16 + 10 * scriptedBytes(0, 1, 20_000, 0).length);
});

test('after an orderly stop the absence is a gap up to the first keyframe', async () => {
  using folder = temporaryFolder();
  const clock = fakeClock();
  const first = await rig(folder.path, () => [[{ do: 'send', count: 3, gopMs: 1000 }]], clock);
  await pass(clock, 3000);
  await first.stop();
  await clock.advance(60_000);
  const second = await rig(folder.path, () => [[{ do: 'send', count: 3, gopMs: 1000 }]], clock);
  await pass(clock, 3000);
  await second.stop();
  assert.equal(second.gaps, [
    { start: first.segments[0]!.end, end: second.segments[0]!.start, reason: 'agent-stopped' },
  ]);
});

test('every name below the store is one of its own', async () => {
  using folder = temporaryFolder();
  const { clock, stop, segments } = await rig(folder.path, () => [[{ do: 'send', count: 12, gopMs: 1000 }]]);
  await pass(clock, 12_000);
  await stop();
  for (const row of segments) {
    assert.is(parseSegmentName(row.file)?.state, 'sealed');
    assert.ok(readFileSync(join(folder.path, 'segments/cam-1/2026-01-15', row.file)).length > 0);
  }
});
