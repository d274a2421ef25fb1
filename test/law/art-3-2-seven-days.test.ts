// Disciplinare, Art. 3 c. 2: pictures are kept seven days at most; longer only for judicial police and criminal
// investigation. Three weeks of two cameras, with a power cut of two days in between, on a clock that a test turns.
import * as assert from 'uvu/assert';
import { openClockTrust, openRetention, type Swept } from '#agent/retention/retention.ts';
import { openStore, type SegmentRow, verifyStore } from '#agent/store/store.ts';
import { leafHash, merkleRoot } from '#protocol/merkle.ts';
import { eventually } from '../support/eventually.ts';
import { fakeClock } from '../support/fake-clock.ts';
import { freeLocks, memoryDisk } from '../support/memory-disk.ts';
import { sealSegment, silent, storeParts } from '../support/store-parts.ts';
import { suite } from '../support/suite.ts';

const test = suite('Art. 3 c. 2: seven days', { timeoutMs: 120_000 });

const hour = 3_600_000;
const sevenDays = 168 * hour;
const promise = 2 * 60_000;

test('no frame is older than 168 hours and two minutes, but for what judicial police had held', async () => {
  const clock = fakeClock(Date.UTC(2026, 2, 20, 7, 30)); // Across the change to summer time, which is nobody's business.
  const begun = clock.utc();
  const disk = memoryDisk(() => clock.utc());
  const held = {
    camera: 'cam-1',
    from: begun + 30 * hour,
    to: begun + 33 * hour,
    until: begun + 16 * 24 * hour,
  };
  const log: Swept[] = [];
  const sealed: (SegmentRow & { camera: string })[] = [];

  /** One life of the agent: a segment an hour and camera, sweeps every minute of the clock that passes. */
  const life = async (hours: number): Promise<void> => {
    const store = await openStore({
      ...storeParts('/store', clock, { files: disk.files }),
      locks: freeLocks,
    });
    const cameras = [await store.camera('cam-1'), await store.camera('cam-2')];
    const trust = await openClockTrust({
      clock,
      state: store.state,
      service: async () => 'synced',
      floor: 0,
    });
    const retention = openRetention({
      store,
      clock,
      files: disk.files,
      trust,
      retentionMs: sevenDays,
      reserve: 0.05,
      kept: (camera, start, end) =>
        camera === held.camera && start < held.to && end > held.from && clock.utc() < held.until,
      onSwept: async (swept) => void log.push(swept),
      log: silent,
    });
    const end = new AbortController();
    const running = retention.run(end.signal);
    for (let i = 0; i < hours; i++) {
      await clock.advance(hour - 2 * 60_000);
      for (const camera of cameras) {
        const row = await sealSegment(camera, clock.utc() - 60_000, 60_000, { bytes: 300 });
        sealed.push({ ...row, camera: camera.id });
      }
      await clock.advance(60_000);
      await clock.advance(60_000);
      await eventually('the sweep to rest', () => clock.pending() === 1);
      const heldNow = clock.utc() > held.to && clock.utc() < held.until;
      if (heldNow)
        assert.ok(cameras[0]!.overlapping(held.from, held.to).segments.length >= 3, 'what is held stays');
      for (const camera of cameras)
        for (const row of camera.select((start) => start < clock.utc() - sevenDays - promise)) {
          const needed = camera.id === held.camera && row.start < held.to && row.end > held.from;
          assert.ok(needed && clock.utc() < held.until + promise, `${camera.id} still has ${row.file}`);
        }
    }
    end.abort();
    await running;
    await store.close();
  };
  await life(10 * 24);
  await clock.advance(48 * hour); // The power is out; then the first sweep catches up.
  await life(9 * 24);

  // Nothing went before its time, and everything that went is in the log, under a root that fits.
  const store = await openStore({ ...storeParts('/store', clock, { files: disk.files }), locks: freeLocks });
  const left = new Set(
    ['cam-1', 'cam-2'].flatMap((id) =>
      store.overlapping(id, 0, clock.utc()).segments.map(({ file }) => `${id}/${file}`),
    ),
  );
  const gone = sealed.filter(({ camera, file }) => !left.has(`${camera}/${file}`));
  for (const { start, file } of gone) assert.ok(start <= clock.utc() - sevenDays, `${file} went early`);
  assert.is(
    log.reduce((sum, { count }) => sum + count, 0),
    gone.length,
  );
  assert.ok(log.every(({ cause }) => cause === 'age'));
  for (const { camera, from, to, count, root } of log) {
    const rows = gone.filter((row) => row.camera === camera && row.start >= from && row.end <= to);
    if (rows.length === count)
      assert.is(
        root,
        merkleRoot(rows.map((row) => leafHash(Buffer.from(row.sha256, 'hex')))).toString('hex'),
      );
  }
  await store.close();
  const { findings } = await verifyStore(disk.files, '/store', { full: true, now: clock.utc() });
  assert.equal(findings, []);
  assert.not.ok(
    [...disk.contents().keys()].some((path) => path.includes('2026-03-2')),
    'no file of the first week',
  );
});
