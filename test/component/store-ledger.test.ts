import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { systemClock } from '#agent/platform/clock.ts';
import { type Files, systemFiles } from '#agent/platform/files.ts';
import { fileLocks, storeLocks } from '#agent/platform/lock.ts';
import { ledgerText } from '#agent/store/ledger-line.ts';
import { openStore, type SegmentRow, verifyStore } from '#agent/store/store.ts';
import { Failure } from '#protocol/failure.ts';
import { parseSegmentName, segmentDay, segmentName } from '#protocol/segment-name.ts';
import { instantText } from '#protocol/time.ts';
import { codeThrown } from '../support/code-thrown.ts';
import { eventually } from '../support/eventually.ts';
import { fakeClock } from '../support/fake-clock.ts';
import { freeLocks, isFrozen, type MemoryDisk, memoryDisk } from '../support/memory-disk.ts';
import { recipients, sealSegment, storeParts } from '../support/store-parts.ts';
import { suite } from '../support/suite.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const test = suite('store ledger');
const t0 = Date.UTC(2026, 0, 15, 12);
const hourMs = 3_600_000;

test('a second agent is refused while the first has the store open', async () => {
  using folder = temporaryFolder();
  const first = await openStore(storeParts(folder.path, systemClock));
  try {
    await openStore(storeParts(join(folder.path, '..', folder.path.split('/').at(-1)!), systemClock));
    assert.unreachable();
  } catch (error) {
    assert.is(error instanceof Failure && error.code, 'store-busy');
  }
  await first.close();
  const second = await openStore(storeParts(folder.path, systemClock));
  assert.is(second.absence?.reason, 'agent-stopped');
  await second.close();
});

test('a lock is let go with its holder, and each folder has its own', async () => {
  using folder = temporaryFolder();
  mkdirSync(join(folder.path, 'other'));
  const locks = storeLocks(systemFiles);
  const first = await locks.hold(folder.path);
  assert.ok(first);
  assert.is(await locks.hold(folder.path), undefined);
  const other = await locks.hold(join(folder.path, 'other'));
  assert.ok(other);
  await first.release();
  const again = await locks.hold(folder.path);
  assert.ok(again);
  await again.release();
  await other.release();
});

test('whoever holds the file is in the way of an agent that does not see its name, and no longer than it lives', async () => {
  using folder = temporaryFolder();
  const child = spawn(
    process.execPath,
    [join(import.meta.dirname, '../support/recording-child.ts'), folder.path, '0', ...recipients],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const ended = once(child, 'close');
  await Promise.race([once(child.stdout, 'data'), ended]);
  // As from another network namespace, where the name of a socket says nothing.
  const locks = fileLocks(systemFiles);
  const parts = { ...storeParts(folder.path, systemClock), locks };
  assert.is(await codeThrown(() => openStore(parts)), 'store-busy');
  child.kill('SIGKILL');
  await ended;
  const next = await openStore(parts);
  assert.is(await codeThrown(() => openStore(parts)), 'store-busy', 'nor twice in one process');
  await next.close();
  await (await openStore(storeParts(folder.path, systemClock))).close();
});

test('a disk that gives no lock of a file refuses nobody', async () => {
  using folder = temporaryFolder();
  const full: Files = {
    ...systemFiles,
    async open(path, how) {
      if (path.endsWith('store.lock')) throw Object.assign(new Error('full'), { code: 'ENOSPC' });
      return await systemFiles.open(path, how);
    },
  };
  await (await fileLocks(full).hold(folder.path))?.release();
  writeFileSync(
    join(folder.path, 'store.lock'),
    'what some other program left here, and no database'.repeat(9),
  );
  const held = await fileLocks(systemFiles).hold(folder.path);
  assert.ok(held);
  await held.release();
});

test('why nobody recorded: an orderly stop, a crash, a boot in between', async () => {
  const clock = fakeClock();
  const disk = memoryDisk(() => clock.utc());
  const open = (bootId: string) =>
    openStore({ ...storeParts('/store', clock, { files: disk.files, bootId }), locks: freeLocks });
  const first = await open('boot-1');
  assert.is(first.absence, undefined);
  await first.close();
  assert.is((await open('boot-1')).absence?.reason, 'agent-stopped');
  disk.crash('kill');
  assert.is((await open('boot-1')).absence?.reason, 'agent-crashed');
  disk.crash('cut');
  assert.is((await open('boot-2')).absence?.reason, 'power-lost');
});

test('how the boot before ended is known for as long as this boot lasts, whatever the agent does meanwhile', async () => {
  const clock = fakeClock();
  const disk = memoryDisk(() => clock.utc());
  const open = (bootId: string) =>
    openStore({ ...storeParts('/store', clock, { files: disk.files, bootId }), locks: freeLocks });
  const first = await open('boot-1');
  assert.is(first.bootBefore, undefined, 'nobody saw it');
  await first.close();
  const again = await open('boot-1');
  assert.is(again.bootBefore, undefined, 'a restart is no boot');
  disk.crash('cut');
  const cut = await open('boot-2');
  assert.is(cut.bootBefore, 'cut');
  await cut.close();
  const restarted = await open('boot-2');
  assert.is(restarted.bootBefore, 'cut', 'an orderly restart of the agent');
  disk.crash('kill');
  const killed = await open('boot-2');
  assert.is(killed.bootBefore, 'cut', 'a killed agent');
  await killed.close();
  assert.is((await open('boot-3')).bootBefore, 'orderly');
});

test('a long ledger is read from its end, and an old file that is still there is found all the same', async () => {
  using folder = temporaryFolder();
  const camera = join(folder.path, 'segments/cam-1');
  mkdirSync(camera, { recursive: true });
  const lines: string[] = [];
  const line = (start: number): string => {
    const file = segmentName({ state: 'sealed', start, durationMs: 60_000, torn: false });
    return ledgerText({
      kind: 'segment',
      start,
      end: start + 60_000,
      durationMs: 60_000,
      file,
      bytes: 1,
      sha256: 'ab'.repeat(32),
      clock: 'synced',
      run: t0,
      torn: false,
    });
  };
  for (let i = 0; i < 60_000; i++) lines.push(line(t0 + i * 60_000));
  writeFileSync(join(camera, 'ledger.jsonl'), lines.join(''));
  const keep = (i: number): void => {
    const start = t0 + i * 60_000;
    mkdirSync(join(camera, segmentDay(start)), { recursive: true });
    const name = segmentName({ state: 'sealed', start, durationMs: 60_000, torn: false });
    writeFileSync(join(camera, segmentDay(start), name), 'x');
  };
  for (let i = 59_000; i < 60_000; i++) keep(i);
  const files = { ...systemFiles };
  let bytesRead = 0;
  files.open = async (path, how) => {
    const file = await systemFiles.open(path, how);
    return {
      ...file,
      read: async (into, position) => {
        const read = await file.read(into, position);
        bytesRead += read;
        return read;
      },
    };
  };
  const recent = await openStore(storeParts(folder.path, systemClock, { files }));
  assert.is((await recent.camera('cam-1')).count(), 1000);
  assert.ok(bytesRead < 8 * 1024 * 1024, `${bytesRead} bytes read`);
  await recent.close();
  keep(0); // A hold of six weeks ago.
  const held = await openStore(storeParts(folder.path, systemClock));
  assert.is((await held.camera('cam-1')).count(), 1001);
  assert.equal(held.recovered, []);
  await held.close();
});

test('a torn last line is cut off, a broken line in the middle spoils nothing but itself', async () => {
  using folder = temporaryFolder();
  const store = await openStore(storeParts(folder.path, systemClock));
  const camera = await store.camera('cam-1');
  const rows = [];
  for (let i = 0; i < 3; i++) rows.push(await sealSegment(camera, t0 + i * 10_000, 10_000));
  await store.close();
  const path = join(folder.path, 'segments/cam-1/ledger.jsonl');
  const lines = readFileSync(path, 'utf8').split('\n');
  writeFileSync(path, [lines[0], '{"kind":"segment"', lines[2], '{"kind":"gap","st'].join('\n'));
  const again = await openStore(storeParts(folder.path, systemClock));
  assert.equal(again.recovered.map(({ code }) => code).sort(), [
    'ledger-malformed',
    'ledger-torn',
    'segment-entered',
  ]);
  const segments = again.overlapping('cam-1', 0, Number.MAX_SAFE_INTEGER).segments;
  assert.equal(
    segments.map(({ file, sha256 }) => [file, sha256]),
    rows.map(({ file, sha256 }) => [file, sha256]),
  );
  await again.close();
});

test('a line waits for a full disk, is written once, and in its order', async () => {
  const clock = fakeClock();
  const disk = memoryDisk(() => clock.utc());
  const store = await openStore({ ...storeParts('/store', clock, { files: disk.files }), locks: freeLocks });
  const camera = await store.camera('cam-1');
  let full = true;
  disk.refuse((what, path) =>
    full && what === 'write' && path.endsWith('ledger.jsonl')
      ? Object.assign(new Error('full'), { code: 'ENOSPC' })
      : undefined,
  );
  let written = 0;
  const gaps = [0, 1, 2].map((i) =>
    camera
      .addGap({ start: t0 + i * 1000, end: t0 + i * 1000 + 500, reason: 'no-data' })
      .then(() => (written += 1)),
  );
  await clock.advance(5000);
  assert.is(written, 0);
  full = false;
  await clock.advance(1000);
  await Promise.all(gaps);
  assert.is(written, 3);
  await store.close();
  const text = disk.contents().get('/store/segments/cam-1/ledger.jsonl')!.toString();
  assert.equal(
    text
      .trim()
      .split('\n')
      .map((line) => Date.parse(JSON.parse(line).start)),
    [t0, t0 + 1000, t0 + 2000],
  );
});

test('closing gives up a line the disk still refuses, and leaves a ledger that opens', async () => {
  const clock = fakeClock();
  const disk = memoryDisk(() => clock.utc());
  const parts = { ...storeParts('/store', clock, { files: disk.files }), locks: freeLocks };
  const store = await openStore(parts);
  const camera = await store.camera('cam-1');
  await camera.addGap({ start: t0, end: t0 + 1, reason: 'no-data' });
  disk.refuse((what, path) =>
    what === 'sync' && path.endsWith('ledger.jsonl')
      ? Object.assign(new Error('io'), { code: 'EIO' })
      : undefined,
  );
  const refused = camera
    .addGap({ start: t0 + 1, end: t0 + 2, reason: 'no-data' })
    .catch((error) => error.code);
  await clock.advance(100);
  await store.close();
  assert.is(await refused, 'EIO');
  disk.crash('cut');
  const again = await openStore(parts);
  assert.ok(again.overlapping('cam-1', 0, t0 * 2).gaps.length >= 1);
  await again.close();
});

test('a megabyte of garbage in the middle hides no line behind it', async () => {
  using folder = temporaryFolder();
  const store = await openStore(storeParts(folder.path, systemClock));
  const camera = await store.camera('cam-1');
  for (let i = 0; i < 3; i++) await sealSegment(camera, t0 + i * 10_000, 10_000);
  await store.close();
  const path = join(folder.path, 'segments/cam-1/ledger.jsonl');
  const lines = readFileSync(path, 'utf8').split('\n');
  writeFileSync(path, [lines[0], 'x'.repeat(1_000_000), lines[1], lines[2], 'y'.repeat(600_000)].join('\n'));
  const again = await openStore(storeParts(folder.path, systemClock));
  assert.equal(again.recovered.map(({ code }) => code).sort(), ['ledger-malformed', 'ledger-torn']);
  const reopened = await again.camera('cam-1');
  assert.is(reopened.count(), 3);
  await sealSegment(reopened, t0 + 30_000, 10_000);
  await again.close();
  const last = await openStore(storeParts(folder.path, systemClock));
  assert.is((await last.camera('cam-1')).count(), 4);
  await last.close();
});

test('pruning lets old lines go, but none of a file that is there, and a crash in it loses none', async () => {
  const clock = fakeClock(t0);
  const life = async (disk: MemoryDisk): Promise<SegmentRow[]> => {
    const store = await openStore({
      ...storeParts('/store', clock, { files: disk.files }),
      locks: freeLocks,
    });
    const camera = await store.camera('cam-1');
    const rows = [];
    for (let i = 0; i < 6; i++) rows.push(await sealSegment(camera, t0 + i * 10_000, 10_000));
    await camera.addGap({ start: t0 + 60_000, end: t0 + 61_000, reason: 'no-data' });
    camera.withdraw(rows.slice(0, 3));
    await store.state.update((value) => {
      value.sweptBefore['cam-1'] = t0 + 25_000;
    });
    await camera.unlink(rows.slice(0, 3));
    return [rows[3]!, rows[4]!, rows[5]!];
  };
  for (let at = 1; ; at++) {
    const disk = memoryDisk(() => clock.utc());
    const stay = await life(disk);
    disk.crash('kill');
    const parts = { ...storeParts('/store', clock, { files: disk.files }), locks: freeLocks };
    const store = await openStore(parts);
    const camera = await store.camera('cam-1');
    const appended = { start: t0 + 70_000, end: t0 + 71_000, reason: 'no-data' as const };
    disk.freezeAt(disk.steps() + at);
    let done = false;
    try {
      const [left] = await Promise.all([camera.pruneLedger(t0 + 45_000), camera.addGap(appended)]);
      assert.is(left, 3); // Three that went; the fourth is old enough, and there.
      done = true;
    } catch (error) {
      if (!isFrozen(error)) throw error;
    }
    disk.crash(at % 2 ? 'kill' : 'cut');
    const again = await openStore(parts);
    const { segments, gaps } = again.overlapping('cam-1', 0, t0 * 2);
    assert.equal(segments, stay, `step ${at}`);
    assert.ok(gaps.length >= (done ? 2 : 1), `step ${at}`);
    assert.equal(again.recovered, [], `step ${at}`);
    await again.close();
    const { findings } = await verifyStore(disk.files, '/store', { full: true, now: clock.utc() });
    assert.equal(findings, [], `step ${at}`);
    if (done) return;
  }
});

test('two segments of one start get two starts', async () => {
  using folder = temporaryFolder();
  const store = await openStore(storeParts(folder.path, systemClock));
  const camera = await store.camera('cam-1');
  const rows = [await sealSegment(camera, t0, 5000), await sealSegment(camera, t0, 5000)];
  assert.equal(
    rows.map(({ start }) => start - t0),
    [0, 1],
  );
  await store.close();
});

/** Files whose ledger refuses what `refuse` says, once for each word in it, after half of a write got through. */
function refusingLedger(): { files: Files; refuse: Set<'write' | 'sync' | 'truncate' | 'syncFolder'> } {
  const refuse = new Set<'write' | 'sync' | 'truncate' | 'syncFolder'>();
  const once = (what: 'write' | 'sync' | 'truncate' | 'syncFolder'): void => {
    if (refuse.delete(what)) throw Object.assign(new Error(what), { code: 'EIO' });
  };
  const files: Files = {
    ...systemFiles,
    async open(path, how) {
      const file = await systemFiles.open(path, how);
      if (!path.includes('ledger.jsonl') || how === 'read') return file;
      return {
        ...file,
        async write(bytes) {
          if (refuse.has('write')) await file.write(bytes.subarray(0, bytes.length / 2));
          once('write');
          await file.write(bytes);
        },
        async sync() {
          once('sync');
          await file.sync();
        },
        async truncate(size) {
          once('truncate');
          await file.truncate(size);
        },
      };
    },
    async syncFolder(path) {
      if (path.endsWith('/cam-1')) once('syncFolder');
      await systemFiles.syncFolder(path);
    },
  };
  return { files, refuse };
}

for (const [what, refused, pruned] of [
  ['half a line got to the disk', ['write'], false],
  ['half a line got to the disk, after a pruning', ['write'], true],
  ['it was not synced, after a pruning', ['sync'], true],
  ['half of it got to the disk, which then refused to take it back', ['write', 'truncate'], false],
] as const)
  test(`a line that the disk refused once is there once: ${what}`, async () => {
    using folder = temporaryFolder();
    const { files, refuse } = refusingLedger();
    const store = await openStore(storeParts(folder.path, systemClock, { files }));
    const camera = await store.camera('cam-1');
    await camera.addGap({ start: t0 - 1000, end: t0, reason: 'no-data' });
    if (pruned) await camera.pruneLedger(t0 - 500);
    for (const one of refused) refuse.add(one);
    const row = await sealSegment(camera, t0, 5000);
    await camera.addGap({ start: t0 + 5000, end: t0 + 6000, reason: 'no-data' });
    assert.is(refuse.size, 0);
    await store.close();
    const lines = readFileSync(join(folder.path, 'segments/cam-1/ledger.jsonl'), 'utf8');
    assert.equal(
      lines.split('\n').map((line) => (line === '' ? '' : JSON.parse(line).start)),
      [t0 - 1000, row.start, t0 + 5000].map(instantText).concat(''),
    );
    const { findings } = await verifyStore(systemFiles, folder.path, { full: true, now: t0 + hourMs });
    assert.equal(findings, []);
  });

test('a pruning that cannot be synced loses no line that follows it', async () => {
  using folder = temporaryFolder();
  const { files, refuse } = refusingLedger();
  const store = await openStore(storeParts(folder.path, systemClock, { files }));
  const camera = await store.camera('cam-1');
  await camera.addGap({ start: t0 - 1000, end: t0, reason: 'no-data' });
  refuse.add('syncFolder');
  assert.is(await codeThrown(() => camera.pruneLedger(t0 + 1)), 'EIO');
  const row = await sealSegment(camera, t0, 5000);
  await store.close();
  const again = await openStore(storeParts(folder.path, systemClock));
  assert.equal(again.recovered, []);
  assert.equal(again.overlapping('cam-1', t0, t0 + 1).segments, [row]);
  await again.close();
});

test('where the ledger ends is told by what was recorded last, not by a line that puts right what was before', async () => {
  using folder = temporaryFolder();
  const store = await openStore(storeParts(folder.path, systemClock));
  const camera = await store.camera('cam-1');
  const wrong = await sealSegment(camera, t0 - 30_000, 10_000, { clock: 'unsynchronised' });
  const last = await sealSegment(camera, t0 + 20_000, 60_000);
  await camera.correct([{ row: wrong, start: t0 }], 'synced');
  assert.is(camera.coveredTo(), last.end);
  await store.close();
  const again = await openStore(storeParts(folder.path, systemClock));
  const corrected = await again.camera('cam-1');
  assert.is(corrected.coveredTo(), last.end, 'a corrected label');
  await corrected.addGap({ start: t0 + 10_000, end: t0 + 20_000, reason: 'agent-crashed' });
  assert.is(corrected.coveredTo(), last.end, 'a gap that was found missing');
  await again.close();
  const found = await openStore(storeParts(folder.path, systemClock));
  const filled = await found.camera('cam-1');
  assert.is(filled.coveredTo(), last.end, 'a gap that was found missing, read again');
  // The clock steps back: what is missing then begins before what was recorded, and nothing follows on it yet.
  await filled.addGap({ start: t0 - 90_000, end: t0 - 80_000, reason: 'clock-step' });
  assert.is(filled.coveredTo(), t0 - 80_000);
  await found.close();
});

for (const [title, gapBefore, reason] of [
  ['goes on to it', true, 'power-lost'],
  ['is made', false, 'clock-step'],
] as const)
  test(`where a run moves on by a correction, the gap before it ${title}: no moment is without line`, async () => {
    using folder = temporaryFolder();
    const store = await openStore(storeParts(folder.path, systemClock));
    const camera = await store.camera('cam-1');
    await sealSegment(camera, t0 - 70_000, 10_000);
    if (gapBefore) await camera.addGap({ start: t0 - 60_000, end: t0, reason });
    const rows = [];
    for (const start of [t0, t0 + 10_000])
      rows.push(await sealSegment(camera, start, 10_000, { clock: 'unsynchronised', run: t0 }));
    await camera.addGap({ start: t0 + 20_000, end: t0 + 50_000, reason: 'clock-step' });
    const now = await sealSegment(camera, t0 + 50_000, 10_000);
    const moved = (row: SegmentRow) => ({ row, start: row.start + 30_000 });
    await camera.correct(rows.map(moved), 'synced');
    const { segments, gaps } = store.overlapping('cam-1', gapBefore ? t0 - 1 : t0, t0 + 60_000);
    const lines = [...segments, ...gaps].sort((a, b) => a.start - b.start);
    assert.equal(
      lines.map((line) => ('reason' in line ? line.reason : line.start - t0)),
      [...(gapBefore ? [reason] : []), reason, 'clock-step', 30_000, 40_000, 50_000],
    );
    for (const [i, { start }] of lines.slice(1).entries()) assert.is(start, lines[i]!.end);
    assert.is(camera.coveredTo(), now.end);
    await store.close();
  });

test('no gap lies over what was recorded and got its right time later, also after a restart', async () => {
  using folder = temporaryFolder();
  const store = await openStore(storeParts(folder.path, systemClock));
  const camera = await store.camera('cam-1');
  await camera.addGap({ start: t0, end: t0 + hourMs, reason: 'clock-step' });
  // A clock that stepped back shows labels twice: what only looks recorded leaves the gap as it is.
  await sealSegment(camera, t0 + 1000, 5000);
  const wrong = [];
  for (const start of [30_000, 40_000, 60_000])
    wrong.push(await sealSegment(camera, start, 10_000, { clock: 'unsynchronised', run: 30_000 }));
  const gaps = (on: typeof store): unknown =>
    on
      .overlapping('cam-1', t0, t0 + hourMs)
      .gaps.map(({ start, end, reason }) => [start - t0, end - t0, reason]);
  assert.equal(gaps(store), [[0, hourMs, 'clock-step']]);
  await camera.correct(
    wrong.map((row) => ({ row, start: row.start + t0 })),
    'synced',
  );
  const left = [
    [0, 30_000, 'clock-step'],
    [50_000, 60_000, 'clock-step'],
    [70_000, hourMs, 'clock-step'],
  ];
  assert.equal(gaps(store), left);
  assert.equal(store.overlapping('cam-1', t0 + 35_000, t0 + 36_000).gaps, []);
  assert.equal(camera.stretches(t0 + 52_000, t0 + 55_000).gaps.length, 1);
  await store.close();
  const again = await openStore(storeParts(folder.path, systemClock));
  assert.equal(gaps(again), left);
  await again.close();
});

test('what the disk still refuses when the store closes spoils no line beside it', async () => {
  using folder = temporaryFolder();
  const { files, refuse } = refusingLedger();
  const store = await openStore(storeParts(folder.path, systemClock, { files }));
  const camera = await store.camera('cam-1');
  refuse.add('write');
  const lost = camera.addGap({ start: t0 - 1000, end: t0, reason: 'no-data' });
  const follows = camera.addGap({ start: t0, end: t0 + 1000, reason: 'no-data' });
  const ends = Promise.allSettled([lost, follows]);
  await store.close();
  const results = (await ends).map(({ status }) => status);
  const { findings } = await verifyStore(systemFiles, folder.path, { full: true, now: t0 + hourMs });
  assert.equal(findings, [], results.join());
});

test('an unreadable name in a folder is left alone', async () => {
  using folder = temporaryFolder();
  const store = await openStore(storeParts(folder.path, systemClock));
  await sealSegment(await store.camera('cam-1'), t0, 5000);
  await store.close();
  appendFileSync(join(folder.path, 'segments/cam-1/2026-01-15/notes.txt'), 'hello');
  const again = await openStore(storeParts(folder.path, systemClock));
  assert.is((await again.camera('cam-1')).count(), 1);
  await again.close();
  assert.is(readFileSync(join(folder.path, 'segments/cam-1/2026-01-15/notes.txt'), 'utf8'), 'hello');
  await eventually('the lock to be free', async () => {
    const lock = await storeLocks(systemFiles).hold(folder.path);
    await lock?.release();
    return lock !== undefined;
  });
});

test('a week of corrections takes a few syncs, and a power cut in them leaves each row wrong or right', async () => {
  const clock = fakeClock();
  const disk = memoryDisk(() => clock.utc());
  const open = (on: MemoryDisk) =>
    openStore({ ...storeParts('/store', clock, { files: on.files }), locks: freeLocks });
  const store = await open(disk);
  const camera = await store.camera('cam-1');
  const count = 250;
  for (let i = 0; i < count; i++)
    await sealSegment(camera, t0 + i * 1000, 1000, { clock: 'unsynchronised', bytes: 10, run: t0 });
  await store.close();
  const shift = 86_400_000;
  const correct = async (on: MemoryDisk): Promise<void> => {
    const again = await (await open(on)).camera('cam-1');
    const rows = again.select((_, written) => written === 'unsynchronised');
    await again.correct(
      rows.map((row) => ({ row, start: row.start + shift })),
      'synced',
    );
  };
  const whole = disk.fork();
  let syncs = 0;
  whole.refuse((what, path) => {
    if (what === 'sync' && path.endsWith('ledger.jsonl')) syncs += 1;
    return undefined;
  });
  const before = whole.steps();
  await correct(whole);
  assert.ok(syncs <= 3, `${syncs} syncs`);
  const steps = whole.steps() - before;

  let both = 0;
  for (let at = 1; at <= steps; at++) {
    const cut = disk.fork();
    cut.freezeAt(cut.steps() + at);
    await correct(cut).catch((error: unknown) => {
      if (!isFrozen(error)) throw error;
    });
    cut.crash('cut', () => 0.5);
    const after = await open(cut);
    const rows = (await after.camera('cam-1')).select(() => true);
    assert.is(rows.length, count);
    for (const row of rows)
      assert.is(row.start, (parseSegmentName(row.file)?.start ?? 0) + (row.clock === 'synced' ? shift : 0));
    if (new Set(rows.map((row) => row.clock)).size === 2) both += 1;
    await after.close();
    const { findings } = await verifyStore(cut.files, '/store', { full: true, now: clock.utc() + shift });
    assert.equal(
      findings.filter(({ severity }) => severity === 'problem'),
      [],
    );
  }
  assert.ok(both > 0, 'some were cut in the middle');
});
