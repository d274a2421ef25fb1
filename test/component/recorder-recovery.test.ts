// What a kill leaves between two segments, or between a segment and the line of the gap before it: the next life covers it.
import * as assert from 'uvu/assert';
import { systemRandom } from '#agent/platform/random.ts';
import type { TimeService } from '#agent/platform/time-service.ts';
import { openClockTrust, openRetention } from '#agent/retention/retention.ts';
import { type GapRow, openStore, type SegmentRow, type Store, verifyStore } from '#agent/store/store.ts';
import { openSealer, prepareSeal } from '#protocol/seal/seal.ts';
import { eventually } from '../support/eventually.ts';
import { type FakeClock, fakeClock } from '../support/fake-clock.ts';
import { freeLocks, type MemoryDisk, memoryDisk } from '../support/memory-disk.ts';
import { recorderRig } from '../support/recorder-rig.ts';
import type { Step } from '../support/scripted-ingest.ts';
import { recipients, sealSegment, silent, storeParts } from '../support/store-parts.ts';
import { suite } from '../support/suite.ts';

const test = suite('recorder, after a crash');

/** A listing in the opposite order, as another file system may give it. */
const backwards = (disk: MemoryDisk): MemoryDisk => ({
  ...disk,
  files: { ...disk.files, list: async (path) => (await disk.files.list(path)).reverse() },
});

async function begin(disk: MemoryDisk, clock: FakeClock) {
  const store = await openStore({ ...storeParts('/store', clock, { files: disk.files }), locks: freeLocks });
  return { store, camera: await store.camera('cam-1') };
}

/** A life over `disk` that records; gives all lines once it ended. */
async function nextLife(disk: MemoryDisk, clock: FakeClock): Promise<(SegmentRow | GapRow)[]> {
  const rig = await recorderRig([() => [[{ do: 'send', count: 3, gopMs: 1000 }]]], { clock, disk });
  await rig.pass(4000);
  await rig.stop();
  const { findings } = await verifyStore(disk.files, '/store', { full: true, now: clock.utc() });
  assert.equal(findings, []);
  const { store } = await begin(disk, clock);
  const { segments, gaps } = store.overlapping('cam-1', 0, Number.MAX_SAFE_INTEGER);
  await store.close();
  return [...segments, ...gaps].sort((a, b) => a.start - b.start);
}

function assertTouching(lines: readonly (SegmentRow | GapRow)[]): void {
  for (const [i, line] of lines.slice(1).entries())
    assert.is(line.start, lines[i]?.end, JSON.stringify(lines, undefined, 1));
}

for (const [order, asListed] of [
  ['in order', (disk: MemoryDisk) => disk],
  ['backwards', backwards],
] as const)
  test(`killed while a segment was sealed and the next was written to, listed ${order}: no moment twice, none missing`, async () => {
    const clock = fakeClock();
    const disk = memoryDisk(() => clock.utc());
    const { camera } = await begin(disk, clock);
    const t0 = clock.utc();
    await sealSegment(camera, t0, 10_000);
    await clock.advance(10_000);
    const parts = [];
    for (const start of [t0 + 10_000, t0 + 20_000]) {
      const prepared = await prepareSeal(recipients, systemRandom);
      const segment = await camera.begin({ start, run: t0, clock: 'synced', head: prepared.head });
      const sealer = openSealer(prepared);
      await segment.write(sealer.update(systemRandom.bytes(200_000)));
      parts.push({ segment, sealer });
      await clock.advance(10_000);
    }
    // The disk lagged: what is last of the first came when the second had been written to for a while.
    await parts[0]!.segment.write(parts[0]!.sealer.final());
    const killed = asListed(disk.fork());
    await clock.advance(5000);

    const lines = await nextLife(killed, clock);
    assertTouching(lines);
    assert.equal(
      lines.map((line) => ('reason' in line ? line.reason : line.torn ? 'torn' : 'whole')),
      ['whole', 'torn', 'agent-crashed', 'torn', 'agent-crashed', 'whole'],
    );
    assert.is(lines[3]!.start, t0 + 20_000);
    assert.ok(lines[1]!.end > t0 + 15_000, 'most of it is kept');
  });

test('killed before the line of a gap that was over: it is entered, with its own reason and end', async () => {
  const clock = fakeClock();
  const disk = memoryDisk(() => clock.utc());
  const { store, camera } = await begin(disk, clock);
  const t0 = clock.utc();
  await sealSegment(camera, t0, 10_000);
  await store.state.update((value) => {
    value.openGaps['cam-1'] = { start: t0 + 10_000, reason: 'no-data' };
  });
  await clock.advance(25_000);
  await sealSegment(camera, t0 + 15_000, 10_000);
  const killed = disk.fork();
  await clock.advance(5000);

  const lines = await nextLife(killed, clock);
  assertTouching(lines);
  assert.equal(
    lines.map((line) => ('reason' in line ? line.reason : 'recorded')),
    ['recorded', 'no-data', 'recorded', 'agent-crashed', 'recorded'],
  );
  assert.is(lines[1]!.end, t0 + 15_000);
});

test('killed before the first line of a camera that is new: its time begins with the gap', async () => {
  const clock = fakeClock();
  const disk = memoryDisk(() => clock.utc());
  const { store, camera } = await begin(disk, clock);
  const t0 = clock.utc();
  await store.state.update((value) => {
    value.openGaps['cam-1'] = { start: t0, reason: 'no-connection' };
  });
  const prepared = await prepareSeal(recipients, systemRandom);
  await clock.advance(5000);
  const head = prepared.head;
  const open = await camera.begin({ start: t0 + 5000, run: undefined, clock: 'synced', head });
  await clock.advance(5000);
  await open.write(openSealer(prepared).update(systemRandom.bytes(200_000)));
  const killed = disk.fork();
  await clock.advance(5000);
  const lines = await nextLife(killed, clock);
  assertTouching(lines);
  assert.is(lines[0]?.start, t0);
  assert.equal(
    lines.map((line) => ('reason' in line ? line.reason : 'recorded')),
    ['no-connection', 'recorded', 'agent-crashed', 'recorded'],
  );
});

test('killed when the note of a gap was gone and its line not there yet: what is missing is covered', async () => {
  const clock = fakeClock();
  const disk = memoryDisk(() => clock.utc());
  const { camera } = await begin(disk, clock);
  const t0 = clock.utc();
  await sealSegment(camera, t0, 10_000);
  await clock.advance(25_000);
  await sealSegment(camera, t0 + 15_000, 10_000);
  const killed = disk.fork();
  await clock.advance(5000);
  const lines = await nextLife(killed, clock);
  assertTouching(lines);
  assert.equal(
    lines.map((line) => ('reason' in line ? line.reason : 'recorded')),
    ['recorded', 'agent-crashed', 'recorded', 'agent-crashed', 'recorded'],
  );
});

test('what was swept is no hole', async () => {
  const clock = fakeClock();
  const disk = memoryDisk(() => clock.utc());
  const { store, camera } = await begin(disk, clock);
  const t0 = clock.utc();
  const rows = [];
  for (let i = 0; i < 4; i++) {
    rows.push(await sealSegment(camera, t0 + i * 10_000, 10_000, { run: t0 }));
    await clock.advance(10_000);
  }
  // The first is held.
  const gone = rows.slice(1, 3);
  camera.withdraw(gone);
  await store.state.update((value) => {
    value.sweptBefore['cam-1'] = t0 + 20_001;
  });
  await camera.unlink(gone);
  const killed = disk.fork();
  await clock.advance(5000);
  const lines = await nextLife(killed, clock);
  assert.equal(
    lines.map((line) => ('reason' in line ? line.reason : 'recorded')),
    ['recorded', 'recorded', 'agent-crashed', 'recorded'],
  );
});

test('a torn segment has the clock of its run', async () => {
  const clock = fakeClock();
  const disk = memoryDisk(() => clock.utc());
  const { camera } = await begin(disk, clock);
  const t0 = clock.utc();
  await sealSegment(camera, t0, 10_000, { clock: 'unsynchronised' });
  const prepared = await prepareSeal(recipients, systemRandom);
  const open = await camera.begin({
    start: t0 + 10_000,
    run: t0,
    clock: 'unsynchronised',
    head: prepared.head,
  });
  await clock.advance(15_000);
  await open.write(openSealer(prepared).update(systemRandom.bytes(200_000)));
  const { store } = await begin(disk.fork(), clock);
  assert.equal(
    store.overlapping('cam-1', t0, clock.utc()).segments.map((row) => [row.torn, row.clock, row.run]),
    [
      [false, 'unsynchronised', t0],
      [true, 'unsynchronised', t0],
    ],
  );
});

test('a box that wakes in 1970 and learns the time: what was recorded before lies in no gap', async () => {
  const clock = fakeClock();
  const disk = memoryDisk(() => clock.utc());
  const { camera } = await begin(disk, clock);
  const t0 = clock.utc();
  for (let i = 0; i < 3; i++) {
    await sealSegment(camera, t0 + i * 10_000, 10_000);
    await clock.advance(10_000);
  }
  const killed = disk.fork();
  const awayMs = 3_600_000;
  const wokeMs = 30_000;
  clock.stepUtc(wokeMs - clock.utc());
  const send = { do: 'send' as const, count: 24, gopMs: 1000 };
  const learn = { do: 'call' as const, run: () => clock.stepUtc(t0 + awayMs - wokeMs) };
  const rig = await recorderRig([() => [[send, learn, send]]], { clock, disk: killed });
  await rig.pass(50_000);
  await rig.stop();
  const { store } = await begin(killed, clock);
  const week = store.overlapping('cam-1', t0, clock.utc());
  assert.equal(
    week.gaps.map(({ start, reason }) => [start, reason]),
    [[t0 + 30_000, 'clock-step']],
  );
  assert.ok(week.segments.some(({ start }) => start === week.gaps[0]?.end));
  assert.ok(store.overlapping('cam-1', 0, 3_600_000).segments.length >= 2, 'and in 1970 it recorded');
});

test('a box in 1970 whose agent is killed before the time comes: the next life gives all of it its right time', async () => {
  const clock = fakeClock();
  const disk = memoryDisk(() => clock.utc());
  const first = await begin(disk, clock);
  const t0 = clock.utc();
  await sealSegment(first.camera, t0, 10_000, { run: t0 });
  await clock.advance(10_000);
  const woken = disk.fork();
  const awayMs = 3_600_000;
  const wokeMs = 30_000;
  clock.stepUtc(wokeMs - clock.utc());
  let service: TimeService = 'unsynchronised';
  const trust = (store: Store) =>
    openClockTrust({
      clock,
      state: store.state,
      service: async () => service,
      floor: t0,
      boot: { id: 'boot-1', monotonicMs: clock.monotonic() },
    });
  // It fails once: two runs, the second of them torn in its first segment.
  const rig = await recorderRig(
    [
      () => [
        [
          { do: 'send', count: 24, gopMs: 1000 },
          { do: 'fail', code: 'no-data' },
        ],
        [{ do: 'send', count: 24, gopMs: 1000, bytes: 200_000 }],
      ],
    ],
    { clock, disk: woken, trust },
  );
  await rig.pass(30_000);
  const killed = woken.fork();
  await rig.stop();
  await clock.advance(20_000);
  clock.stepUtc(t0 + awayMs - wokeMs);
  service = 'synced';
  const { store, camera } = await begin(killed, clock);
  const before = camera.select(() => true);
  assert.ok(before.length >= 4 && before[0]!.start < 3_600_000, 'what it recorded has labels of 1970');
  const end = new AbortController();
  const retention = openRetention({
    store,
    clock,
    files: killed.files,
    trust: await trust(store),
    retentionMs: 7 * 86_400_000,
    reserve: 0.05,
    kept: () => false,
    onSwept: async () => {},
    log: silent,
  });
  const life = retention.run(end.signal);
  await eventually('the sweep', async () => {
    await clock.advance(0);
    return retention.status().sweptAt !== undefined;
  });
  end.abort();
  await life;
  const rows = camera.select(() => true);
  assert.equal(
    rows.map((row) => [row.start, row.end, row.torn, row.clock]),
    before
      .map((row) => (row.start > 3_600_000 ? row : { ...row, start: row.start - wokeMs + t0 + awayMs }))
      .sort((a, b) => a.start - b.start)
      .map((row) => [row.start, row.start + row.durationMs, row.torn, 'synced']),
  );
  assert.ok(rows.at(-1)?.torn);
  await store.close();
  const { findings } = await verifyStore(killed.files, '/store', { full: true, now: clock.utc() });
  assert.equal(findings, []);
});

for (const [what, seconds] of [
  ['before it recorded', 0],
  ['after it had', 24],
] as const)
  test(`a box that wakes in 1970 and is killed ${what}: the next life's gap begins where the week ended`, async () => {
    const clock = fakeClock();
    const disk = memoryDisk(() => clock.utc());
    const first = await begin(disk, clock);
    const t0 = clock.utc();
    for (let i = 0; i < 3; i++) {
      await sealSegment(first.camera, t0 + i * 10_000, 10_000, { run: t0 });
      await clock.advance(10_000);
    }
    const alive = (store: Store) =>
      store.state.update((value) => {
        value.aliveAt = clock.utc();
      });
    await alive(first.store);
    const woken = disk.fork();
    clock.stepUtc(30_000 - clock.utc());
    const steps: Step[] =
      seconds === 0 ? [{ do: 'wait', ms: 60_000 }] : [{ do: 'send', count: seconds, gopMs: 1000 }];
    const rig = await recorderRig([() => [steps]], { clock, disk: woken });
    await alive(rig.store);
    await rig.pass(25_000);
    const killed = woken.fork();
    await rig.stop();
    clock.stepUtc(t0 + 3_600_000 - clock.utc());

    const lines = (await nextLife(killed, clock)).filter(({ end }) => end > t0 - 1000);
    assertTouching(lines);
    assert.equal(
      lines.map((line) => ('reason' in line ? line.reason : 'recorded')),
      ['recorded', 'recorded', 'recorded', 'agent-crashed', 'recorded'],
    );
    assert.is(lines[3]?.start, t0 + 30_000);
  });
