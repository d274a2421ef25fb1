import { existsSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join, relative } from 'node:path';
import * as assert from 'uvu/assert';
import { type Files, systemFiles } from '#agent/platform/files.ts';
import type { TimeService } from '#agent/platform/time-service.ts';
import { openClockTrust, openRetention, type Retention, type Swept } from '#agent/retention/retention.ts';
import { type CameraStore, openStore, type Store, verifyStore } from '#agent/store/store.ts';
import { leafHash, merkleRoot } from '#protocol/merkle.ts';
import { eventually } from '../support/eventually.ts';
import { type FakeClock, fakeClock } from '../support/fake-clock.ts';
import { freeLocks, memoryDisk } from '../support/memory-disk.ts';
import { sealSegment, silent, storeParts } from '../support/store-parts.ts';
import { suite } from '../support/suite.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const test = suite('retention sweep', { timeoutMs: 180_000 });
const hour = 3_600_000;
const week = 168 * hour;

interface Rig {
  clock: FakeClock;
  store: Store;
  camera: CameraStore;
  retention: Retention;
  trust: Awaited<ReturnType<typeof openClockTrust>>;
  swept: Swept[];
  service: { answer: TimeService };
  /** Lets one period pass and its sweep end. */
  period(ms?: number): Promise<void>;
  stop(): Promise<void>;
}

async function rig(
  dir: string,
  more: {
    kept?: (start: number) => boolean;
    files?: Files;
    clock?: FakeClock;
    service?: TimeService;
    floor?: number;
    boot?: string;
    storeFiles?: Files;
    onSwept?: (swept: Swept) => Promise<void>;
    fill?: (camera: CameraStore, now: number) => Promise<void>;
  } = {},
): Promise<Rig> {
  const clock = more.clock ?? fakeClock();
  const store = await openStore(storeParts(dir, clock, { files: more.storeFiles ?? systemFiles }));
  const camera = await store.camera('cam-1');
  await more.fill?.(camera, clock.utc());
  const service = { answer: more.service ?? 'synced' };
  const trust = await openClockTrust({
    clock,
    state: store.state,
    service: async () => service.answer,
    floor: more.floor ?? 0,
    boot: { id: more.boot ?? 'boot-1', monotonicMs: clock.monotonic() },
  });
  const swept: Swept[] = [];
  const retention = openRetention({
    store,
    clock,
    files: more.files ?? systemFiles,
    trust,
    retentionMs: week,
    reserve: 0.05,
    kept: (_, start) => more.kept?.(start) ?? false,
    onSwept: async (one) => {
      await more.onSwept?.(one);
      swept.push(one);
    },
    log: silent,
  });
  const end = new AbortController();
  const life = retention.run(end.signal);
  const settled = () => eventually('the sweep', () => clock.pending() === 1);
  await settled();
  return {
    clock,
    store,
    camera,
    retention,
    trust,
    swept,
    service,
    async period(ms = 60_000) {
      // Real files take real time: the last sweep gets a minute of its own.
      for (const part of [ms - 60_000, 60_000]) {
        await clock.advance(part);
        await settled();
      }
    },
    async stop() {
      end.abort();
      await life;
      await store.close();
    },
  };
}

/** A segment of a run that begins now, labelled as a recorder does. */
async function sealNow({ trust, camera, clock }: Pick<Rig, 'trust' | 'camera' | 'clock'>, bytes = 1000) {
  const label = clock.utc();
  const worth = trust.labelled({ camera: camera.id, label, at: clock.monotonic() });
  return await sealSegment(camera, label, 10_000, { clock: worth, bytes });
}

const startsOf = (camera: CameraStore): [string, number, string][] =>
  camera.select(() => true).map(({ file, start, clock }) => [file, start, clock]);

const roomy: Files = {
  ...systemFiles,
  space: async () => ({ freeBytes: 1e12, totalBytes: 2e12, freeInodes: 1e6, totalInodes: 1e6 }),
};

test('after an absence the first sweep deletes what expired, tells it once with its root, and leaves the rest', async () => {
  using folder = temporaryFolder();
  const rows: { sha256: string }[] = [];
  const { swept, camera, stop } = await rig(folder.path, {
    files: roomy,
    fill: async (camera, now) => {
      for (const age of [week + 48 * hour, week + hour, week, week - 60_000])
        rows.push(await sealSegment(camera, now - age, 10_000));
    },
  });
  assert.is(swept.length, 1);
  assert.is(swept[0]!.count, 3);
  assert.is(swept[0]!.cause, 'age');
  assert.is(
    swept[0]!.root,
    merkleRoot(rows.slice(0, 3).map((row) => leafHash(Buffer.from(row.sha256, 'hex')))).toString('hex'),
  );
  assert.is(camera.count(), 1);
  await stop();
  const days = readdirSync(join(folder.path, 'segments/cam-1')).filter((name) => name !== 'ledger.jsonl');
  assert.is(days.length, 1, 'empty days go');
  const verified = await verifyStore(systemFiles, folder.path, {
    full: true,
    now: Date.UTC(2026, 0, 15, 12),
  });
  assert.equal(verified.findings, []);
});

test('a segment goes within two minutes of its hour, and no earlier', async () => {
  for (let phase = 5000; phase < 60_000; phase += 10_000) {
    using folder = temporaryFolder();
    const clock = fakeClock();
    const expires = clock.utc() + 60_000 + phase;
    const gone: number[] = [];
    const { swept, stop, period } = await rig(folder.path, {
      clock,
      files: roomy,
      fill: async (camera) => void (await sealSegment(camera, expires - week, 10_000)),
      onSwept: async () => void gone.push(clock.utc()),
    });
    for (let i = 0; i < 4; i++) await period();
    assert.is(swept.length, 1);
    assert.ok(gone[0]! >= expires && gone[0]! < expires + 120_000, `${gone[0]! - expires} ms after its hour`);
    await stop();
  }
});

test('segments of a minute are told two at a time', async () => {
  using folder = temporaryFolder();
  const { swept, stop, period } = await rig(folder.path, {
    files: roomy,
    fill: async (camera, now) => {
      for (let i = 1; i <= 8; i++) await sealSegment(camera, now - week + i * 60_000 - 20_000, 60_000);
    },
  });
  for (let i = 0; i < 9; i++) await period();
  assert.equal(
    swept.map(({ count }) => count),
    [2, 2, 2, 2],
  );
  await stop();
});

test('what is kept stays, and goes when it is released', async () => {
  using folder = temporaryFolder();
  let held = true;
  const { swept, camera, stop, period } = await rig(folder.path, {
    files: roomy,
    kept: () => held,
    fill: async (camera, now) => void (await sealSegment(camera, now - week - hour, 10_000)),
  });
  await period();
  assert.is(camera.count(), 1);
  held = false;
  await period();
  assert.is(camera.count(), 0);
  assert.is(swept.length, 1);
  await stop();
});

test('a segment is out of every listing before it is told and before its file goes', async () => {
  using folder = temporaryFolder();
  let seen: { listed: number; there: boolean } | undefined;
  let store: Store | undefined;
  let path = '';
  const clock = fakeClock();
  const { stop } = await rig(folder.path, {
    clock,
    files: roomy,
    fill: async (camera, now) => {
      const row = await sealSegment(camera, now - week - hour, 10_000);
      path = camera.path(row);
      store = { overlapping: (_, from, to) => camera.overlapping(from, to) } as Store;
    },
    onSwept: async () => {
      seen = {
        listed: store!.overlapping('cam-1', 0, Date.now() * 2).segments.length,
        there: existsSync(path),
      };
    },
  });
  assert.equal(seen, { listed: 0, there: true });
  assert.not.ok(existsSync(path));
  await stop();
});

test('a log that refuses does not keep footage, and is told again', async () => {
  using folder = temporaryFolder();
  let refuse = true;
  const { swept, camera, stop, period } = await rig(folder.path, {
    files: roomy,
    onSwept: async () => {
      if (refuse) throw Object.assign(new Error('no space'), { code: 'ENOSPC' });
    },
    fill: async (camera, now) => void (await sealSegment(camera, now - week - hour, 10_000)),
  });
  assert.is(camera.count(), 0);
  assert.is(swept.length, 0);
  refuse = false;
  await period();
  assert.is(swept.length, 1);
  await stop();
});

test('a file that the disk would not delete keeps no other, and goes with the next sweep, told once', async () => {
  using folder = temporaryFolder();
  let refused = '';
  const { swept, camera, stop, period } = await rig(folder.path, {
    files: roomy,
    storeFiles: {
      ...systemFiles,
      async remove(path) {
        if (refused === '' && path.endsWith('.mp4.age')) {
          refused = path;
          throw Object.assign(new Error('the disk'), { code: 'EIO' });
        }
        await systemFiles.remove(path);
      },
    },
    fill: async (camera, now) => {
      for (const age of [3, 2, 1]) await sealSegment(camera, now - week - age * hour, 10_000);
    },
  });
  const files = (): string[] =>
    (readdirSync(join(folder.path, 'segments/cam-1'), { recursive: true }) as string[]).filter((name) =>
      name.endsWith('.age'),
    );
  assert.is(camera.count(), 0);
  assert.equal(files(), [relative(join(folder.path, 'segments/cam-1'), refused)]);
  await period();
  assert.equal(files(), []);
  assert.equal(
    swept.map(({ count }) => count),
    [3],
  );
  await stop();
});

test('a full disk takes the oldest that is not kept, of all cameras, and no more than needed', async () => {
  using folder = temporaryFolder();
  let freed = 0;
  const full: Files = {
    ...systemFiles,
    space: async () => ({ freeBytes: 3000 + freed, totalBytes: 100_000, freeInodes: 1, totalInodes: 1 }),
    remove: async (path) => {
      freed += (await systemFiles.size(path)) ?? 0;
      await systemFiles.remove(path);
    },
  };
  const starts: number[] = [];
  const clock = fakeClock();
  const store = await openStore(storeParts(folder.path, clock, { files: full }));
  for (let i = 0; i < 6; i++) {
    const camera = await store.camera(`cam-${(i % 2) + 1}`);
    starts.push((await sealSegment(camera, clock.utc() - (20 - i) * hour, 10_000)).start);
  }
  await sealSegment(await store.camera('cam-1'), clock.utc(), 10_000);
  const trust = await openClockTrust({ clock, state: store.state, service: async () => 'synced', floor: 0 });
  const swept: Swept[] = [];
  const retention = openRetention({
    store,
    clock,
    files: full,
    trust,
    retentionMs: week,
    reserve: 0.05,
    kept: (_, start) => start === starts[0],
    onSwept: async (one) => void swept.push(one),
    log: silent,
  });
  const end = new AbortController();
  const life = retention.run(end.signal);
  await eventually('the sweep', () => clock.pending() === 1);
  // 2000 bytes are missing; a segment takes about 1400.
  assert.equal(swept.map(({ camera, cause, count, from }) => [camera, cause, count, from]).sort(), [
    ['cam-1', 'space', 1, starts[2]],
    ['cam-2', 'space', 1, starts[1]],
  ]);
  assert.ok(retention.status().shortHours! > 19 && retention.status().shortHours! < 21);
  end.abort();
  await life;
  await store.close();
});

test('a disk short of files stays short while it is, and says what is left of them', async () => {
  using folder = temporaryFolder();
  const clock = fakeClock();
  const inodes = { freeInodes: 40, totalInodes: 1000 };
  const store = await openStore(storeParts(folder.path, clock));
  const camera = await store.camera('cam-1');
  for (let i = 0; i < 40; i++)
    await sealSegment(camera, clock.utc() - (40 - i) * hour, 10_000, { bytes: 10 });
  const trust = await openClockTrust({ clock, state: store.state, service: async () => 'synced', floor: 0 });
  const retention = openRetention({
    store,
    clock,
    files: { ...systemFiles, space: async () => ({ freeBytes: 1e12, totalBytes: 2e12, ...inodes }) },
    trust,
    retentionMs: week,
    reserve: 0.05,
    kept: () => false,
    onSwept: async ({ count }) => {
      inodes.freeInodes += count;
    },
    log: silent,
  });
  const end = new AbortController();
  const life = retention.run(end.signal);
  const swept = () => eventually('the sweep', () => clock.pending() === 1);
  await swept();
  assert.is(camera.count(), 30);
  assert.is(Math.round(retention.status().shortHours!), 30);
  await clock.advance(60_000);
  await swept();
  assert.is(camera.count(), 30);
  assert.is(
    Math.round(retention.status().shortHours!),
    30,
    'nothing is missing now, and all that was deleted is',
  );
  assert.equal([retention.status().freeInodes, retention.status().totalInodes], [50, 1000]);
  inodes.freeInodes = 80;
  await clock.advance(60_000);
  await swept();
  assert.is(retention.status().shortHours, undefined);
  end.abort();
  await life;
  await store.close();
});

test('what is reserved while room is looked for stays, though it was the oldest', async () => {
  using folder = temporaryFolder();
  const full: Files = {
    ...systemFiles,
    space: async () => ({ freeBytes: 4000, totalBytes: 100_000, freeInodes: 1, totalInodes: 1 }),
  };
  const clock = fakeClock();
  const store = await openStore(storeParts(folder.path, clock));
  const starts: Record<string, number> = {};
  for (const [i, id] of ['cam-1', 'cam-2', 'cam-3'].entries()) {
    const camera = await store.camera(id);
    starts[id] = (await sealSegment(camera, clock.utc() - 20 * hour + i * 60_000, 10_000)).start;
    await sealSegment(camera, clock.utc(), 10_000);
  }
  const trust = await openClockTrust({ clock, state: store.state, service: async () => 'synced', floor: 0 });
  const looked: string[] = [];
  const swept: Swept[] = [];
  const retention = openRetention({
    store,
    clock,
    files: full,
    trust,
    retentionMs: week,
    reserve: 0.05,
    // As soon as another camera is looked at, an extraction reserves what had been found of the first.
    kept: (camera, start) => {
      looked.push(camera);
      return start === starts['cam-1'] && looked.includes('cam-2');
    },
    onSwept: async (one) => void swept.push(one),
    log: silent,
  });
  const end = new AbortController();
  const life = retention.run(end.signal);
  await eventually('the sweep', () => clock.pending() === 1);
  end.abort();
  await life;
  assert.ok(looked.includes('cam-2'));
  const { segments } = store.overlapping('cam-1', 0, clock.utc() - hour);
  assert.equal(
    segments.map(({ start }) => start),
    [starts['cam-1']],
  );
  assert.ok(segments.every((row) => existsSync(store.path('cam-1', row)!)));
  assert.not.ok(swept.some(({ camera }) => camera === 'cam-1'));
  await store.close();
});

test('a clock that jumped a year ahead deletes nothing, until the hub agrees', async () => {
  using folder = temporaryFolder();
  const year = 365 * 24 * hour;
  const { camera, clock, trust, stop, period } = await rig(folder.path, {
    files: roomy,
    fill: async (camera, now) => void (await sealSegment(camera, now - hour, 10_000)),
  });
  clock.stepUtc(year);
  assert.is(trust.state(), 'stepped');
  await period();
  assert.is(camera.count(), 1);
  trust.hubSaid(clock.utc() - year, clock.monotonic());
  await period();
  assert.is(camera.count(), 1, 'the hub says another year');
  trust.hubSaid(clock.utc() - 60_000, clock.monotonic());
  assert.is(trust.state(), 'synced');
  await period();
  assert.is(camera.count(), 0);
  await stop();
});

test('an agent that starts anew after a jump still waits for the hub; the next boot begins afresh', async () => {
  using folder = temporaryFolder();
  const clock = fakeClock();
  const options = { clock, service: 'unknown' as const, files: roomy };
  const first = await rig(folder.path, {
    ...options,
    fill: async (camera) => void (await sealSegment(camera, clock.utc(), 10_000)),
  });
  clock.stepUtc(8 * 24 * hour);
  await first.period();
  assert.equal([first.trust.state(), first.swept.length], ['stepped', 0]);
  await first.stop();

  const second = await rig(folder.path, options);
  await second.period();
  assert.equal([second.trust.state(), second.swept.length], ['stepped', 0]);
  second.trust.hubSaid(clock.utc(), clock.monotonic());
  assert.is(second.trust.state(), 'unknown');
  clock.stepUtc(-3 * hour);
  assert.is(second.trust.state(), 'stepped');
  await second.stop();

  const third = await rig(folder.path, { ...options, boot: 'boot-2' });
  assert.is(third.trust.state(), 'unknown');
  await third.stop();
});

test('under a clock nobody can trust powered time alone deletes, across restarts', async () => {
  using folder = temporaryFolder();
  const clock = fakeClock(Date.UTC(2020, 0, 1));
  const life = (fill?: (camera: CameraStore, now: number) => Promise<void>) =>
    rig(folder.path, {
      clock,
      files: roomy,
      service: 'unsynchronised',
      ...(fill ? { fill } : {}),
    });
  const first = await life();
  await sealSegment(first.camera, clock.utc(), 10_000, { clock: 'unsynchronised' });
  await first.period(100 * hour);
  await first.stop();
  clock.stepUtc(-90 * hour); // The battery is dead: it comes back with another wrong time.
  const second = await life();
  await second.period(67 * hour);
  assert.is(second.camera.count(), 1, 'after 167 powered hours');
  await second.period(2 * hour);
  assert.is(second.camera.count(), 0, 'after 169');
  await second.stop();
});

test('an unknown clock behind its own ledger is not trusted; one ahead of it is', async () => {
  using folder = temporaryFolder();
  const clock = fakeClock();
  const { trust, stop } = await rig(folder.path, {
    clock,
    files: roomy,
    service: 'unknown',
    floor: clock.utc() + hour,
  });
  assert.is(trust.state(), 'unsynchronised');
  assert.not.ok(trust.trusted());
  clock.stepUtc(60_000);
  await clock.advance(hour);
  assert.is(trust.state(), 'unknown');
  assert.ok(trust.trusted());
  await stop();
});

test('when time arrives what was recorded gets its right start, and keeps its name', async () => {
  using folder = temporaryFolder();
  const life = await rig(folder.path, {
    clock: fakeClock(Date.UTC(2020, 0, 1)),
    files: roomy,
    service: 'unsynchronised',
  });
  const { clock, camera, service, trust, store } = life;
  await clock.advance(5000);
  const row = await sealNow(life);
  await life.period(600_000);
  const shift = Date.UTC(2026, 0, 15) - Date.UTC(2020, 0, 1);
  clock.stepUtc(shift);
  service.answer = 'synced';
  trust.hubSaid(clock.utc(), clock.monotonic());
  await life.period();
  const right = camera.oldest()!;
  assert.equal(startsOf(camera), [[row.file, row.start + shift, 'synced']]);
  await life.stop();
  const again = await openStore(storeParts(folder.path, clock));
  assert.equal(again.overlapping('cam-1', right.start, right.start + 1).segments, [right]);
  await again.close();
  assert.ok(existsSync(store.path('cam-1', right)!));
});

test('a step of half a minute moves what was recorded before it, and not what came after', async () => {
  using folder = temporaryFolder();
  const life = await rig(folder.path, { files: roomy, service: 'unsynchronised' });
  const before = await sealNow(life);
  await life.period(600_000);
  life.clock.stepUtc(30_000);
  // The time service is asked once a minute: until then nobody knows that the clock is right.
  const after = await sealNow(life);
  life.service.answer = 'synced';
  await life.period();
  assert.equal(startsOf(life.camera), [
    [before.file, before.start + 30_000, 'synced'],
    [after.file, after.start, 'synced'],
  ]);
  await life.stop();
});

test('what a run goes on through is no reason to move its labels', async () => {
  using folder = temporaryFolder();
  const life = await rig(folder.path, { files: roomy, service: 'unsynchronised' });
  const row = await sealNow(life);
  life.clock.stepUtc(1200);
  life.service.answer = 'synced';
  await life.period();
  assert.equal(startsOf(life.camera), [[row.file, row.start, 'synced']]);
  await life.stop();
});

test('killed before the time came: the next life of the same boot corrects, and segments of a run still touch', async () => {
  using folder = temporaryFolder();
  const clock = fakeClock(Date.UTC(2020, 0, 1));
  // A clock that shows whole milliseconds, read at any moment of them.
  const utc = clock.utc;
  const finer = { ...clock, utc: () => Math.floor(utc()) as ReturnType<typeof utc> };
  const first = await rig(folder.path, { clock: finer, files: roomy, service: 'unsynchronised' });
  const label = finer.utc();
  const at = clock.monotonic();
  const named: string[] = [];
  for (let i = 0; i < 40; i++) {
    const worth = first.trust.labelled({ camera: 'cam-1', label, at });
    const start = label + i * 10_000;
    named.push(
      (await sealSegment(first.camera, start, 10_000, { clock: worth, run: label, bytes: 300 })).file,
    );
    await clock.advance(10_000.3);
  }
  // As a kill leaves it, but for the lock of this process.
  const { state } = first.store;
  await first.stop();
  await state.update((value) => {
    value.clean = false;
  });
  await clock.advance(90_000.7);
  const shift = Date.UTC(2026, 0, 15) - Date.UTC(2020, 0, 1);
  clock.stepUtc(shift);
  const second = await rig(folder.path, { clock: finer, files: roomy, service: 'synced' });
  const lines = second.camera.select(() => true);
  assert.equal(
    lines.map(({ file, clock: worth }) => [file, worth]),
    named.map((file) => [file, 'synced']),
  );
  assert.ok(Math.abs(lines[0]!.start - (label + shift)) <= 1, `${lines[0]!.start - label - shift} ms`);
  for (const [i, line] of lines.slice(1).entries()) assert.is(line.start, lines[i]!.end);
  await second.stop();
  const { findings } = await verifyStore(systemFiles, folder.path, { full: true, now: clock.utc() });
  assert.equal(findings, []);
});

test('what another boot recorded in the same hour of 1970 is not taken for this one’s', async () => {
  using folder = temporaryFolder();
  const first = await rig(folder.path, { clock: fakeClock(30_000), files: roomy, service: 'unsynchronised' });
  await first.clock.advance(60_000);
  const old = await sealNow(first);
  await first.period(hour);
  await first.stop();
  const life = await rig(folder.path, {
    clock: fakeClock(30_000),
    files: roomy,
    service: 'unsynchronised',
    boot: 'boot-2',
  });
  await life.clock.advance(90_000);
  const row = await sealNow(life);
  await life.period(hour);
  const shift = Date.UTC(2026, 0, 15) - life.clock.utc();
  life.clock.stepUtc(shift);
  life.service.answer = 'synced';
  life.trust.hubSaid(life.clock.utc(), life.clock.monotonic());
  await life.period();
  assert.equal(startsOf(life.camera), [
    [old.file, old.start, 'unsynchronised'],
    [row.file, row.start + shift, 'synced'],
  ]);
  await life.stop();
});

test('what a kill tore of the first segment of a run under a wrong clock is corrected with its run', async () => {
  using folder = temporaryFolder();
  // Ahead by a day: nothing else tells that the label is wrong.
  const clock = fakeClock(Date.UTC(2026, 0, 16, 12));
  const first = await rig(folder.path, { clock, files: roomy, service: 'unsynchronised' });
  const row = await sealNow(first, 200_000);
  const path = first.camera.path(row);
  await first.stop();
  renameSync(path, path.replace(/-10000\.mp4\.age$/, '.mp4.age.part'));
  rmSync(join(folder.path, 'segments/cam-1/ledger.jsonl'));
  await clock.advance(10_000);
  clock.stepUtc(-24 * hour);
  const second = await rig(folder.path, { clock, files: roomy, service: 'synced' });
  const [torn] = second.camera.select(() => true);
  assert.equal([torn?.torn, torn?.start, torn?.clock], [true, row.start - 24 * hour, 'synced']);
  await second.stop();
});

test('powered time counts on between two lives of one boot', async () => {
  using folder = temporaryFolder();
  const clock = fakeClock();
  for (const [boot, counted] of [
    ['boot-1', 0],
    ['boot-1', 3 * hour],
    ['boot-2', 4 * hour],
  ] as const) {
    const life = await rig(folder.path, { clock, files: roomy, boot });
    assert.is(life.trust.poweredMs(), counted);
    await life.period(hour);
    await life.stop();
    await clock.advance(2 * hour);
  }
});

test('a time service that was not synchronised and is slow to answer is not trusted for it', async () => {
  using folder = temporaryFolder();
  const { trust, service, period, stop } = await rig(folder.path, {
    files: roomy,
    service: 'unsynchronised',
  });
  service.answer = 'unknown';
  await period();
  assert.is(trust.state(), 'unsynchronised');
  await period(600_000);
  await period();
  assert.is(trust.state(), 'unknown', 'somebody switched it off');
  service.answer = 'unsynchronised';
  await period();
  service.answer = 'synced';
  await period();
  assert.is(trust.state(), 'synced');
  await stop();
});

test('a dead RTC battery: the box wakes in 1970, deletes nothing, and is right again when time arrives', async () => {
  using folder = temporaryFolder();
  const now = Date.UTC(2026, 0, 15);
  const first = await rig(folder.path, {
    clock: fakeClock(now),
    files: roomy,
    fill: async (camera, at) => {
      for (const age of [week - hour, 50 * hour, hour]) await sealSegment(camera, at - age, 10_000);
    },
  });
  await first.stop();

  const clock = fakeClock(Date.UTC(1970, 0, 1, 0, 0, 30));
  const life = await rig(folder.path, { clock, files: roomy, service: 'unknown', floor: now });
  assert.is(life.trust.state(), 'unsynchronised');
  const row = await sealNow(life);
  await life.period(2 * hour);
  assert.equal(life.swept, []);
  assert.is(life.camera.count(), 4);

  const shift = now + 3 * hour - clock.utc();
  clock.stepUtc(shift);
  life.service.answer = 'synced';
  life.trust.hubSaid(clock.utc(), clock.monotonic());
  await life.period();
  assert.equal(
    life.swept.map(({ cause, count, from }) => [cause, count, from]),
    [['age', 1, now - week + hour]],
  );
  assert.is(life.camera.newest()?.file, row.file);
  assert.is(life.camera.newest()?.start, row.start + shift);
  await life.stop();
});

for (const [season, change] of [
  ['spring', Date.UTC(2026, 2, 29, 1)],
  ['autumn', Date.UTC(2026, 9, 25, 1)],
] as const)
  test(`the clock change of ${season}: no segment missing, doubled, early or late`, async () => {
    using folder = temporaryFolder();
    const zone = process.env['TZ'];
    process.env['TZ'] = 'Europe/Rome';
    try {
      const offsets = [change - 1, change].map((at) => new Date(at).getTimezoneOffset());
      assert.is.not(offsets[0], offsets[1], 'the zone of this test changes its clock then');
      const clock = fakeClock(change + hour);
      const starts = Array.from({ length: 6 }, (_, i) => change + (i - 3) * 600_000);
      const { camera, period, stop, swept } = await rig(folder.path, {
        clock,
        files: roomy,
        fill: async (filled) => {
          for (const start of starts) await sealSegment(filled, start, 600_000);
        },
      });
      const { segments } = camera.overlapping(change - hour, change + hour);
      assert.equal(
        segments.map(({ start, end }) => [start, end]),
        starts.map((start) => [start, start + 600_000]),
      );
      for (const [i, start] of starts.entries()) {
        await period(start + week - 60_000 - clock.utc());
        assert.is(camera.count(), starts.length - i, 'a minute before its hour');
        await period(180_000);
        assert.is(camera.count(), starts.length - i - 1, 'two minutes after it');
      }
      assert.equal(
        swept.map(({ count }) => count),
        starts.map(() => 1),
      );
      await stop();
    } finally {
      if (zone === undefined) delete process.env['TZ'];
      else process.env['TZ'] = zone;
    }
  });

test('a disk without room for a byte is freed all the same, whatever its own books and the log refuse', async () => {
  const clock = fakeClock();
  const disk = memoryDisk(() => clock.utc());
  const store = await openStore({ ...storeParts('/store', clock, { files: disk.files }), locks: freeLocks });
  const camera = await store.camera('cam-1');
  for (const age of [week + hour, 20 * hour, 10 * hour]) await sealSegment(camera, clock.utc() - age, 10_000);
  const trust = await openClockTrust({ clock, state: store.state, service: async () => 'synced', floor: 0 });
  disk.refuse((what) =>
    what === 'create' || what === 'write' ? Object.assign(new Error('full'), { code: 'ENOSPC' }) : undefined,
  );
  const log = Promise.withResolvers<void>();
  const retention = openRetention({
    store,
    clock,
    files: {
      ...disk.files,
      space: async () => ({ freeBytes: 0, totalBytes: 40_000, freeInodes: 1, totalInodes: 1 }),
    },
    trust,
    retentionMs: week,
    reserve: 0.05,
    kept: () => false,
    onSwept: () => log.promise, // Waits for room, as the sweep would for it.
    log: silent,
  });
  const end = new AbortController();
  const life = retention.run(end.signal);
  await clock.advance(30_000);
  assert.equal(
    [...disk.contents().keys()].filter((path) => path.endsWith('.age')).length,
    1,
    'the newest is within its hour',
  );
  disk.refuse(() => undefined);
  log.resolve();
  await clock.advance(60_000);
  end.abort();
  await life;
  await store.close();
  const { findings } = await verifyStore(disk.files, '/store', { full: true, now: clock.utc() });
  assert.equal(findings, []);
});

test('where no time service can be asked, an absence of whatever length is swept at once', async () => {
  using folder = temporaryFolder();
  const { camera, trust, retention, stop } = await rig(folder.path, {
    files: roomy,
    service: 'unknown',
    fill: async (camera, now) => {
      for (let i = 1; i <= 8; i++) await sealSegment(camera, now - week - i * hour, 10_000);
    },
  });
  assert.is(trust.state(), 'unknown');
  assert.is(camera.count(), 0);
  assert.is(retention.status().heldBack, undefined);
  await stop();
});

test('an unknown clock that the hub says is days ahead deletes no more than the usual, and asks; the hub’s word lets it', async () => {
  using folder = temporaryFolder();
  const clock = fakeClock();
  const { camera, trust, retention, stop, period } = await rig(folder.path, {
    clock,
    files: roomy,
    service: 'unknown',
    fill: async (camera, now) => {
      for (let i = 1; i <= 8; i++) await sealSegment(camera, now - week + i * hour, 10_000);
      for (let i = 1; i <= 8; i++) await sealSegment(camera, now - i * hour, 10_000);
    },
  });
  trust.hubSaid(clock.utc() - 3 * 86_400_000, clock.monotonic());
  assert.is(trust.state(), 'unknown');
  await clock.advance(9 * hour);
  await period();
  assert.is(camera.count(), 16);
  assert.equal(retention.status().heldBack, { segments: 8, percent: 50 });
  trust.hubSaid(clock.utc() + 60_000, clock.monotonic());
  await period();
  assert.is(camera.count(), 8);
  assert.is(retention.status().heldBack, undefined);
  await stop();
});

test('an unknown clock deletes what the minutes bring', async () => {
  using folder = temporaryFolder();
  const { camera, retention, stop } = await rig(folder.path, {
    files: roomy,
    service: 'unknown',
    fill: async (camera, now) => {
      await sealSegment(camera, now - week - hour, 10_000);
      for (let i = 1; i <= 8; i++) await sealSegment(camera, now - i * hour, 10_000);
    },
  });
  assert.is(camera.count(), 8);
  assert.is(retention.status().heldBack, undefined);
  await stop();
});
