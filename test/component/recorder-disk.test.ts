import * as assert from 'uvu/assert';
import type { Files } from '#agent/platform/files.ts';
import { verifyStore } from '#agent/store/store.ts';
import { recorderRig } from '../support/recorder-rig.ts';
import type { Step } from '../support/scripted-ingest.ts';
import { suite } from '../support/suite.ts';

const test = suite('recorder and a disk in trouble', { timeoutMs: 180_000 });

const refusal = (code: string): NodeJS.ErrnoException => Object.assign(new Error(code), { code });
const steady = (): Step[][] => [[{ do: 'send', count: 1000, gopMs: 1000, bytes: 100_000 }]];

test('a disk that fills keeps the whole chunks, says so once, and records again when there is room', async () => {
  const rig = await recorderRig([steady]);
  await rig.pass(15_000);
  rig.disk.capacity(1_300_000 + 300_000);
  await rig.pass(8000);
  assert.is(rig.recorder.status().state, 'failed');
  assert.is(rig.recorder.status().reason, 'disk-full');
  rig.disk.capacity(1e9);
  await rig.pass(12_000);
  assert.is(rig.recorder.status().state, 'recording');
  await rig.stop();
  assert.equal(
    rig.gaps.map(({ reason }) => reason),
    ['disk-full'],
  );
  const torn = rig.segments.filter((row) => row.torn);
  assert.is(torn.length, 1);
  assert.is(rig.gaps[0]!.start, torn[0]!.end);
  assert.ok(rig.segments.some(({ start }) => start === rig.gaps[0]!.end));
  const { findings } = await verifyStore(rig.disk.files, '/store', { full: true, now: rig.clock.utc() });
  assert.equal(findings, []);
});

test('a disk that cannot even begin a file leaves one gap for the whole time', async () => {
  const rig = await recorderRig([steady]);
  await rig.pass(2000);
  rig.disk.refuse((what, path) =>
    path.endsWith('.part') && what !== 'unlink' && what !== 'link' ? refusal('EIO') : undefined,
  );
  await rig.pass(20_000);
  assert.is(rig.recorder.status().reason, 'disk-error');
  rig.disk.refuse(() => undefined);
  await rig.pass(12_000);
  await rig.stop();
  assert.equal(
    rig.gaps.map(({ reason }) => reason),
    ['disk-error'],
  );
  const all = [...rig.segments, ...rig.gaps].sort((a, b) => a.start - b.start);
  for (const [i, { start }] of all.entries()) if (i > 0) assert.is(start, all[i - 1]!.end);
});

test('a disk without room for the file of a stream too thin to fill a chunk is told of, and recorded to again', async () => {
  const thin = (): Step[][] => [[{ do: 'send', count: 1000, gopMs: 1000, bytes: 5000 }]];
  const rig = await recorderRig([thin]);
  await rig.pass(5000);
  rig.disk.refuse((what, path) =>
    path.endsWith('.part') && what !== 'unlink' && what !== 'link' ? refusal('ENOSPC') : undefined,
  );
  await rig.pass(20_000);
  assert.is(rig.recorder.status().reason, 'disk-full');
  rig.disk.refuse(() => undefined);
  await rig.pass(20_000);
  assert.is(rig.recorder.status().state, 'recording');
  await rig.stop();
  assert.ok(rig.gaps.length > 0 && rig.gaps.every(({ reason }) => reason === 'disk-full'));
  const all = [...rig.segments, ...rig.gaps].sort((a, b) => a.start - b.start);
  for (const [i, { start }] of all.entries()) if (i > 0) assert.is(start, all[i - 1]!.end);
});

test('a segment that cannot be named is kept as torn, without a hole', async () => {
  const rig = await recorderRig([steady]);
  let refused = 0;
  rig.disk.refuse((what, path) =>
    what === 'link' && path.includes('-10000.mp4.age') && ++refused === 1 ? refusal('EIO') : undefined,
  );
  await rig.pass(25_000);
  await rig.stop();
  assert.is(refused, 2);
  assert.is(rig.segments[0]!.torn, true);
  for (const [i, { start }] of rig.segments.entries()) if (i > 0) assert.is(start, rig.segments[i - 1]!.end);
});

/** Files whose writes into one camera's folder wait at a gate. */
function gated(camera: string): { wrap: (files: Files) => Files; close(): void; open(): void } {
  let gate: PromiseWithResolvers<void> | undefined;
  return {
    close() {
      gate = Promise.withResolvers();
    },
    open() {
      gate?.resolve();
      gate = undefined;
    },
    wrap: (files) => ({
      ...files,
      async open(path, how) {
        const file = await files.open(path, how);
        if (!path.includes(`/${camera}/`)) return file;
        return {
          ...file,
          async writeAll(list) {
            await gate?.promise;
            await file.writeAll(list);
          },
        };
      },
    }),
  };
}

test('a disk that hangs bounds what waits in memory, and the other camera never notices', async () => {
  const gate = gated('cam-1');
  const fast = (): Step[][] => [[{ do: 'send', count: 1000, gopMs: 1000, bytes: 2_000_000 }]];
  const rig = await recorderRig([fast, fast], { files: gate.wrap });
  await rig.pass(3000);
  gate.close();
  let most = 0;
  for (let i = 0; i < 20; i++) {
    await rig.pass(1000);
    most = Math.max(most, rig.recorder.status().inFlightBytes);
  }
  assert.ok(most > 8e6 && most <= 16 * 1024 * 1024, `${most} bytes in flight`);
  assert.is(rig.recorder.status().reason, 'disk-slow');
  assert.ok(rig.recorder.status().droppedFragments > 5);
  gate.open();
  await rig.pass(12_000);
  assert.is(rig.recorder.status().state, 'recording');
  await rig.stop();
  assert.equal(
    rig.gaps.map(({ reason }) => reason),
    ['disk-slow'],
  );
  const [first, other] = rig.cameras;
  const all = [...first!.segments, ...first!.gaps].sort((a, b) => a.start - b.start);
  for (const [i, { start }] of all.entries()) if (i > 0) assert.is(start, all[i - 1]!.end);
  assert.equal(other!.gaps, []);
  assert.is(new Set(other!.segments.map(({ run }) => run)).size, 1);
  assert.is(other!.recorder.status().droppedFragments, 0);
});

test('a ledger that refuses does not pile up segments: recording pauses and the lines follow', async () => {
  const rig = await recorderRig([steady]);
  await rig.pass(2000);
  rig.disk.refuse((what, path) =>
    path.endsWith('ledger.jsonl') && what === 'write' ? refusal('ENOSPC') : undefined,
  );
  await rig.pass(100_000);
  assert.is(rig.recorder.status().state, 'failed');
  const parts = [...rig.disk.contents().keys()].filter((path) => path.includes('.mp4.age'));
  assert.ok(parts.length <= 7, `${parts.length} files`);
  rig.disk.refuse(() => undefined);
  await rig.pass(15_000);
  assert.is(rig.recorder.status().state, 'recording');
  await rig.stop();
  const all = [...rig.segments, ...rig.gaps].sort((a, b) => a.start - b.start);
  for (const [i, { start }] of all.entries()) if (i > 0) assert.is(start, all[i - 1]!.end);
  const { findings } = await verifyStore(rig.disk.files, '/store', { full: true, now: rig.clock.utc() });
  assert.equal(findings, []);
});

test('data is synced within a second of its writing, also the last before a silence', async () => {
  const writes: number[] = [];
  const syncs: number[] = [];
  const rig = await recorderRig([
    () => [
      [
        { do: 'send', count: 20, gopMs: 300 },
        { do: 'wait', ms: 60_000 },
      ],
    ],
  ]);
  rig.disk.refuse((what, path) => {
    if (path.endsWith('.part') && what === 'write') writes.push(rig.clock.monotonic());
    if (path.endsWith('.part') && what === 'sync') syncs.push(rig.clock.monotonic());
    return undefined;
  });
  await rig.pass(9000);
  for (const at of writes) {
    const next = syncs.find((sync) => sync >= at);
    assert.ok(next !== undefined && next - at <= 1000, `written at ${at}, synced at ${next}`);
  }
  assert.ok(syncs.length <= writes.length && syncs.length >= 6, `${syncs.length} syncs`);
  await rig.stop();
});
