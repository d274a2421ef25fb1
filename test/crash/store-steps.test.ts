// The process dies, or the power goes, before every single change that the store makes to the disk; then again before
// every change that the recovery makes. What was told to be sealed is there, and the store verifies.
import { createHash } from 'node:crypto';
import * as assert from 'uvu/assert';
import { systemRandom } from '#agent/platform/random.ts';
import { openStore, type SegmentRow, type Store, verifyStore } from '#agent/store/store.ts';
import { headerLength, openSealer, prepareSeal } from '#protocol/seal/seal.ts';
import { fakeClock } from '../support/fake-clock.ts';
import { freeLocks, isFrozen, type MemoryDisk, memoryDisk } from '../support/memory-disk.ts';
import { recipients, storeParts } from '../support/store-parts.ts';
import { suite } from '../support/suite.ts';

const test = suite('store, crashed at every step', { timeoutMs: 300_000 });

const t0 = Date.UTC(2026, 0, 15, 23, 59, 30); // The third segment begins another day.
const clock = fakeClock(t0);

/** Sealed once: what is tested is the disk. */
const sealedFiles = await Promise.all(
  [150_000, 70_000, 200_000, 30].map(async (size) => {
    const prepared = await prepareSeal(recipients, systemRandom);
    const sealer = openSealer(prepared);
    return { head: prepared.head, pieces: [sealer.update(systemRandom.bytes(size)), sealer.final()] };
  }),
);

interface Told {
  sealed: SegmentRow[];
  gaps: number;
  powered: number;
  swept: SegmentRow[];
}

const open = (disk: MemoryDisk): Promise<Store> =>
  openStore({ ...storeParts('/store', clock, { files: disk.files }), locks: freeLocks });

/** A store's life: three segments of one run, a gap, a sweep of the first, a fourth segment that stays open. */
async function life(disk: MemoryDisk, told: Told): Promise<void> {
  const store = await open(disk);
  const camera = await store.camera('cam-1');
  let run: number | undefined;
  for (const [i, { head, pieces }] of sealedFiles.entries()) {
    const segment = await camera.begin({ start: t0 + i * 20_000, run, clock: 'synced', head });
    run ??= segment.start;
    await segment.write(pieces[0]!);
    await segment.sync();
    await segment.write(pieces[1]!);
    if (i === 3) continue;
    told.sealed.push(await segment.seal(t0 + (i + 1) * 20_000));
    if (i === 0) {
      await store.state.update((value) => {
        value.poweredMs = 77;
      });
      told.powered = 77;
    }
  }
  await camera.addGap({ start: t0 + 60_000, end: t0 + 61_000, reason: 'no-data' });
  told.gaps = 1;
  const first = camera.select((start) => start === t0);
  camera.withdraw(first);
  await store.state.update((value) => {
    value.sweptBefore['cam-1'] = t0 + 1;
  });
  told.swept = first;
  await camera.unlink(first);
}

const nothing = (): Told => ({ sealed: [], gaps: 0, powered: 0, swept: [] });

async function diesAt(disk: MemoryDisk, at: number, doing: () => Promise<void>): Promise<boolean> {
  disk.freezeAt(disk.steps() + at);
  try {
    await doing();
    return false;
  } catch (error) {
    if (!isFrozen(error)) throw error;
    return true;
  }
}

async function judge(disk: MemoryDisk, told: Told, what: string): Promise<void> {
  const now = clock.utc();
  const crashed = await verifyStore(disk.files, '/store', { full: true, now });
  assert.equal(
    crashed.findings.filter(({ severity }) => severity === 'problem'),
    [],
    `${what}: before recovery`,
  );
  const store = await open(disk);
  const { segments, gaps } = store.overlapping('cam-1', 0, Number.MAX_SAFE_INTEGER);
  for (const row of told.sealed) {
    if (told.swept.some(({ file }) => file === row.file)) continue;
    const there = segments.find(({ file }) => file === row.file);
    assert.equal(there, row, `${what}: ${row.file}`);
  }
  const contents = disk.contents();
  for (const row of segments) {
    const bytes = contents.get(store.path('cam-1', row)!)!;
    assert.is(createHash('sha256').update(bytes).digest('hex'), row.sha256, what);
    const original = sealedFiles.find(({ head }) => bytes.subarray(0, head.length).equals(head))!;
    const whole = Buffer.concat([original.head, ...original.pieces.flat()]);
    if (row.torn) {
      assert.ok(bytes.equals(whole.subarray(0, bytes.length)), what);
      assert.is((bytes.length - headerLength(bytes)! - 16) % 65_552, 0, what);
    } else assert.ok(bytes.equals(whole), what);
  }
  assert.ok(gaps.length >= told.gaps, what);
  assert.ok(store.state.value.poweredMs >= told.powered, what);
  assert.not.ok(
    [...contents.keys()].some((path) => path.endsWith('.part')),
    what,
  );
  await store.close();
  const after = await verifyStore(disk.files, '/store', { full: true, now });
  assert.equal(after.findings, [], `${what}: after recovery`);
}

const total = await (async () => {
  const disk = memoryDisk(() => clock.utc());
  await life(disk, nothing());
  return disk.steps();
})();

const crashes: [string, (disk: MemoryDisk) => void][] = [
  ['killed', (disk) => disk.crash('kill')],
  ['power cut, nothing unsynced kept', (disk) => disk.crash('cut')],
  ['power cut, names kept and bytes not', (disk) => disk.crash('cut', alternating([1, 0, 0]))],
  ['power cut, some kept', (disk) => disk.crash('cut', systemRandom.fraction)],
];

function alternating(values: number[]): () => number {
  let i = 0;
  return () => values[i++ % values.length]!;
}

for (const [name, crash] of crashes)
  test(`${name}: at each of ${total} steps`, async () => {
    for (let at = 1; at <= total; at++) {
      const disk = memoryDisk(() => clock.utc());
      const told = nothing();
      assert.ok(await diesAt(disk, at, () => life(disk, told)));
      crash(disk);
      await judge(disk, told, `${name} at step ${at}`);
    }
  });

test('the recovery crashes too, at each of its steps', async () => {
  let recoveries = 0;
  for (let at = 1; at <= total; at++)
    for (let second = 1; ; second++) {
      const disk = memoryDisk(() => clock.utc());
      const told = nothing();
      await diesAt(disk, at, () => life(disk, told));
      disk.crash(second % 2 ? 'kill' : 'cut', systemRandom.fraction);
      const died = await diesAt(disk, second, async () => (await open(disk)).close());
      disk.crash(second % 3 ? 'cut' : 'kill', systemRandom.fraction);
      if (!died) break;
      recoveries += 1;
      await judge(disk, told, `at step ${at}, then at step ${second} of the recovery`);
    }
  assert.ok(recoveries > total);
});
