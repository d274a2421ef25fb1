import {
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statfsSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { systemClock } from '#agent/platform/clock.ts';
import { systemFiles } from '#agent/platform/files.ts';
import { systemRandom } from '#agent/platform/random.ts';
import { openRecorder, type Recorder } from '#agent/recorder/recorder.ts';
import { openClockTrust, openRetention, type Swept } from '#agent/retention/retention.ts';
import { type GapRow, openStore, type SegmentRow, type Store, verifyStore } from '#agent/store/store.ts';
import { codeOf } from '#protocol/failure.ts';
import { codeThrown } from '../support/code-thrown.ts';
import { eventually } from '../support/eventually.ts';
import { scriptedIngest } from '../support/scripted-ingest.ts';
import { memoryMount, smallDisk, whyNoMounts } from '../support/small-disk.ts';
import { recipients, sealSegment, silent, storeParts } from '../support/store-parts.ts';
import { suite } from '../support/suite.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const suiteOf = suite('disks as they fail', { timeoutMs: 240_000 });
const why = whyNoMounts();
const test: typeof suiteOf = Object.assign(
  (title: string, body: () => void | Promise<void>) =>
    why === undefined ? suiteOf(title, body) : suiteOf.skip(title, why),
  suiteOf,
);
const hour = 3_600_000;
const week = 168 * hour;

interface Recording {
  store: Store;
  recorder: Recorder;
  segments: SegmentRow[];
  gaps: GapRow[];
  swept: Swept[];
  /** Sealed rows so far that are whole. */
  whole(): number;
  stop(): Promise<void>;
}

/** A camera of 1 MB/s in segments of a second, and the sweep that a full disk wakes. */
async function recordTo(
  dir: string,
  more: { fill?: (store: Store) => Promise<void>; kept?: (start: number) => boolean } = {},
): Promise<Recording> {
  const clock = systemClock;
  const store = await openStore(storeParts(dir, clock, { segmentMs: 1000 }));
  await more.fill?.(store);
  const trust = await openClockTrust({ clock, state: store.state, service: async () => 'synced', floor: 0 });
  const segments: SegmentRow[] = [];
  const gaps: GapRow[] = [];
  const swept: Swept[] = [];
  const end = new AbortController();
  const begun = clock.utc();
  const retention = openRetention({
    store,
    clock,
    files: systemFiles,
    trust,
    retentionMs: week,
    reserve: 0.05,
    kept: (_, start) => more.kept?.(start) ?? false,
    onSwept: async (one) => void swept.push(one),
    log: silent,
  });
  const recorder = openRecorder({
    store,
    camera: await store.camera('cam-1'),
    ingest: scriptedIngest(clock, [[{ do: 'send', count: 100_000, gopMs: 100, bytes: 100_000 }]]),
    recipients: () => recipients,
    clock,
    random: systemRandom,
    clockState: () => 'synced',
    segmentMs: 1000,
    onSegment: (row) => segments.push(row),
    // Not the absence before this life.
    onGap: (row) => void (row.start >= begun && gaps.push(row)),
    onDiskFull: retention.sweepNow,
    log: silent,
  });
  const lives = Promise.all([recorder.run(end.signal), retention.run(end.signal)]);
  return {
    store,
    recorder,
    segments,
    gaps,
    swept,
    whole: () => segments.filter(({ torn }) => !torn).length,
    async stop() {
      end.abort();
      await lives;
      await store.close();
    },
  };
}

async function problems(dir: string): Promise<unknown[]> {
  return (await verifyStore(systemFiles, dir, { full: true, now: Date.now() })).findings;
}

/** No moment of the recording is without segment or gap, but for the last, which is still open. */
function assertCovered({ segments, gaps }: Pick<Recording, 'segments' | 'gaps'>): void {
  const all = [...segments, ...gaps].sort((a, b) => a.start - b.start);
  for (const [i, { start }] of all.entries()) if (i > 0) assert.is(start, all[i - 1]!.end);
}

const old = (days: number): number => Date.now() - days * 24 * hour;

test('a disk that something else fills frees itself of the oldest unheld, and records on', async () => {
  using disk = smallDisk({ megabytes: 64 });
  const dir = join(disk.path, 'store');
  const starts: number[] = [];
  const rig = await recordTo(dir, {
    kept: (start) => start === starts[0],
    async fill(store) {
      const camera = await store.camera('cam-1');
      for (let i = 0; i < 20; i++) {
        const row = await sealSegment(camera, old(6) + i * 60_000, 60_000, { bytes: 1_000_000 });
        starts.push(row.start);
      }
    },
  });
  await eventually('the first segments', () => rig.whole() >= 2);
  const { bavail, bsize } = statfsSync(disk.path);
  writeFileSync(join(disk.path, 'somebody-else'), Buffer.alloc(bavail * bsize - 1_500_000, 1));
  await eventually('the oldest to go', () => rig.swept.some(({ cause }) => cause === 'space'));
  const before = rig.whole();
  await eventually('recording to go on', () => rig.whole() >= before + 3, 30_000);
  const kept = rig.store.overlapping('cam-1', 0, old(1)).segments.map(({ start }) => start);
  assert.ok(kept.includes(starts[0]!), 'what is held stays');
  assert.equal(kept, [starts[0]!, ...starts.slice(1 + starts.length - kept.length)], 'the oldest went first');
  assert.ok(rig.gaps.every(({ reason }) => reason === 'disk-full'));
  assert.ok(rig.gaps.length <= 2, `${rig.gaps.length} gaps`);
  await rig.stop();
  assertCovered(rig);
  assert.equal(await problems(dir), []);
});

test('a store on a disk without room for a byte opens, sweeps and records', async () => {
  using disk = memoryMount({ megabytes: 24 });
  const dir = join(disk.path, 'store');
  const first = await openStore(storeParts(dir, systemClock));
  const camera = await first.camera('cam-1');
  for (let i = 0; i < 10; i++) await sealSegment(camera, old(6) + i * 60_000, 60_000, { bytes: 1_000_000 });
  const torn = await sealSegment(camera, old(5), 60_000, { bytes: 1_000_000 });
  const path = camera.path(torn);
  await first.close();
  // As a crash leaves it: no line of the newest, and its name still open.
  renameSync(path, path.replace(/-60000\.mp4\.age$/, '.mp4.age.part'));
  const ledger = join(dir, 'segments/cam-1/ledger.jsonl');
  const text = readFileSync(ledger, 'utf8');
  truncateSync(ledger, text.slice(0, -1).lastIndexOf('\n') + 1);
  const { bavail, bsize } = statfsSync(disk.path);
  writeFileSync(join(disk.path, 'somebody-else'), Buffer.alloc(bavail * bsize, 1));
  const rig = await recordTo(dir);
  await eventually('recording', () => rig.whole() >= 2, 30_000);
  await rig.stop();
  assert.ok(rig.swept.length > 0);
  assert.equal(await problems(dir), []);
});

test('a file system out of inodes frees itself the same way', async () => {
  using disk = smallDisk({ megabytes: 64, inodes: 64 });
  const dir = join(disk.path, 'store');
  const rig = await recordTo(dir, {
    async fill(store) {
      const camera = await store.camera('cam-1');
      for (let i = 0; i < 20; i++) await sealSegment(camera, old(6) + i * 60_000, 60_000);
    },
  });
  await eventually('the first segments', () => rig.whole() >= 2);
  const { ffree } = statfsSync(disk.path);
  mkdirSync(join(disk.path, 'others'));
  for (let i = 0; i < ffree - 1; i++) {
    try {
      writeFileSync(join(disk.path, 'others', String(i)), '');
    } catch (error) {
      if ((error as { code?: string }).code !== 'ENOSPC') throw error;
      break;
    }
  }
  await eventually('the oldest to go', () => rig.swept.some(({ cause }) => cause === 'space'), 30_000);
  const before = rig.whole();
  await eventually('recording to go on', () => rig.whole() >= before + 3, 30_000);
  rmSync(join(disk.path, 'others'), { recursive: true });
  await rig.stop();
  assertCovered(rig);
  assert.ok(rig.gaps.every(({ reason }) => reason === 'disk-full'));
  assert.equal(await problems(dir), []);
});

test('a file system that the kernel makes read-only stops nobody but its recordings, and is whole when mended', async () => {
  using disk = smallDisk({ megabytes: 64 });
  const dir = join(disk.path, 'store');
  const rig = await recordTo(dir);
  await eventually('the first segments', () => rig.whole() >= 2);
  disk.fault();
  await eventually('the refusal', () => rig.recorder.status().state === 'failed');
  assert.is(rig.recorder.status().reason, 'disk-error');
  assert.is(await codeThrown(() => openStore(storeParts(dir, systemClock))), 'disk-error');
  await rig.stop().catch((error: unknown) => {
    assert.is(codeOf(error), 'disk-error', 'the orderly end cannot be written either');
  });
  disk.mend();
  const again = await openStore(storeParts(dir, systemClock));
  const { segments } = again.overlapping('cam-1', 0, Number.MAX_SAFE_INTEGER);
  for (const row of rig.segments) assert.ok(segments.some(({ sha256 }) => sha256 === row.sha256));
  await again.close();
  assert.equal(await problems(dir), []);
});

test('I/O errors of the device are a gap, and what was sealed before them stays', async () => {
  using room = memoryMount({ megabytes: 16 });
  using disk = smallDisk({ megabytes: 64, backing: room.path });
  const dir = join(disk.path, 'store');
  const rig = await recordTo(dir);
  await eventually('the device to refuse', () => rig.recorder.status().state === 'failed', 50_000);
  assert.is(rig.recorder.status().reason, 'disk-error');
  assert.ok(rig.whole() >= 3, `${rig.whole()} sealed before`);
  await rig.stop().catch((error: unknown) => {
    assert.is(codeOf(error), 'disk-error');
  });
});

test('a disk that is not mounted where it is expected: nothing begins, and nothing is written', async () => {
  using folder = temporaryFolder();
  const dir = join(folder.path, 'disk', 'store');
  mkdirSync(join(folder.path, 'disk'));
  const parts = { ...storeParts(dir, systemClock), mount: join(folder.path, 'disk') };
  assert.is(await codeThrown(() => openStore(parts)), 'store-not-mounted');
  const { mount: _, ...unnamed } = parts;
  const fstab = `# disks\nUUID=1-2 ${folder.path}/disk ext4 nofail 0 2\n`;
  const promised = {
    ...systemFiles,
    read: async (path: string, max: number) =>
      path === '/etc/fstab' ? Buffer.from(fstab) : await systemFiles.read(path, max),
  };
  assert.is(await codeThrown(() => openStore({ ...unnamed, files: promised })), 'store-not-mounted');
  assert.equal(readdirSync(join(folder.path, 'disk')), []);

  using disk = smallDisk({ megabytes: 16 });
  const there = await openStore({ ...storeParts(join(disk.path, 'store'), systemClock), mount: disk.path });
  await there.close();
});

test('a disk taken from under a recorder leaves an empty folder empty, and is recorded to again when it is back', async () => {
  using disk = smallDisk({ megabytes: 64 });
  const dir = join(disk.path, 'store');
  const rig = await recordTo(dir);
  await eventually('the first segments', () => rig.whole() >= 2);
  disk.detach();
  await eventually('the refusal', () => rig.recorder.status().reason === 'disk-error', 30_000);
  assert.equal(readdirSync(disk.path), []);
  disk.mount();
  const before = rig.whole();
  await eventually('recording to go on', () => rig.whole() >= before + 3, 30_000);
  await rig.stop();
  assertCovered(rig);
  assert.ok(rig.gaps.some(({ reason }) => reason === 'disk-error'));
  // The next start puts right what was open when it left.
  await (await openStore(storeParts(dir, systemClock))).close();
  assert.equal(await problems(dir), []);
});
