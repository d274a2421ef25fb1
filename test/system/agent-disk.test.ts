import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { startSimulator } from '../simulator/simulator.ts';
import { type AgentChild, ledgerOf, logOf, startAgent, verifyTown } from '../support/agent-child.ts';
import { eventually } from '../support/eventually.ts';
import { smallDisk, whyNoMounts } from '../support/small-disk.ts';
import { suite } from '../support/suite.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { makeTown, type Town } from '../support/town.ts';

const suiteOf = suite('an agent whose disk fails', { timeoutMs: 240_000 });
const why = whyNoMounts();
const test: typeof suiteOf = Object.assign(
  (title: string, body: () => void | Promise<void>) =>
    why === undefined ? suiteOf(title, body) : suiteOf.skip(title, why),
  suiteOf,
);
const cameras = ['cam-1', 'cam-2'];
const frameRate = 40;
const patienceMs = 40_000;
/** What the agent may grow by while the disk refuses: 16 MiB of footage a camera, and what the allocator keeps. */
const growthBound = 64 * 2 ** 20;

async function townOn(folder: string, disk: string, mbit = 2): Promise<Town & AsyncDisposable> {
  const simulator = await startSimulator({
    cameras: cameras.map((id, index) => ({ path: `/${id}`, frameRate, mbit, startAtSeconds: index })),
  });
  const store = join(disk, 'store');
  const town = await makeTown(folder, {
    cameras: cameras.map((id) => ({ id, rtsp: simulator.url(`/${id}`) })),
    agent: { store: { path: store, mount: disk, segment: '1s' } },
  });
  return { ...town, store, [Symbol.asyncDispose]: () => simulator.close() };
}

const residentBytes = (pid: number): number =>
  Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024;

/** As much as the disk takes, a block at a time at the end. */
function fill(path: string): void {
  for (const [i, bytes] of [1 << 20, 4096].entries())
    for (let n = 0; ; n++) {
      const { status } = spawnSync(
        'dd',
        ['if=/dev/zero', `of=${path}-${i}-${n}`, `bs=${bytes}`, 'count=4096'],
        {
          stdio: 'ignore',
        },
      );
      if (status !== 0) break;
    }
}

const sealed = (town: Town, camera: string): number =>
  ledgerOf(town, camera).filter(({ kind }) => kind === 'segment').length;

/** Waits until both cameras have sealed three segments more. */
async function goesOn(town: Town, of = cameras): Promise<void> {
  const before = of.map((camera) => sealed(town, camera));
  await eventually(
    'segments to be sealed',
    () => of.every((camera, i) => sealed(town, camera) >= before[i]! + 3),
    patienceMs,
  );
}

const failedFor = async (agent: AgentChild, camera: string, reason: string): Promise<boolean> =>
  ((await agent.status())?.health.cameras ?? []).some(
    (one) => one.id === camera && one.state === 'failed' && one.reason === reason,
  );
const alerted = async (agent: AgentChild): Promise<boolean> =>
  ((await agent.status())?.alerts ?? []).some(
    ({ key, state }) => key.startsWith('disk-error') && state === 'raised',
  );

test('full to the last byte: told, bounded, and recorded to again when there is room', async () => {
  using folder = temporaryFolder();
  using disk = smallDisk({ megabytes: 96 });
  await using town = await townOn(folder.path, disk.path);
  await using agent = startAgent(town);
  await agent.recording();
  await goesOn(town);
  const before = residentBytes(agent.pid);
  fill(join(disk.path, 'somebody-else'));
  for (const camera of cameras)
    await eventually('the camera to fail', () => failedFor(agent, camera, 'disk-full'), patienceMs);
  await eventually('the alert', () => alerted(agent), patienceMs);
  // As long as nothing can be written, cameras send on: some 3 MB of them, and the ledger waits.
  let most = 0;
  const until = performance.now() + 6000;
  await eventually(
    'it to stay what it is',
    () => {
      assert.is(agent.ended(), undefined, agent.err().slice(-2000));
      most = Math.max(most, residentBytes(agent.pid));
      return performance.now() > until;
    },
    patienceMs,
  );
  assert.ok(most - before < growthBound, `grew by ${(most - before) / 2 ** 20} MiB`);

  for (const name of readdirSync(disk.path))
    if (name.startsWith('somebody-else')) rmSync(join(disk.path, name));
  await agent.recording(cameras, patienceMs);
  await goesOn(town);
  assert.equal(await agent.stop(), { code: 0, signal: null });
  const verified = await verifyTown(town);
  assert.is(verified.code, 0, JSON.stringify(verified.findings));
  for (const camera of cameras) {
    const lines = ledgerOf(town, camera);
    const gaps = lines.filter(({ kind, reason }) => kind === 'gap' && reason === 'disk-full');
    assert.ok(gaps.length >= 1 && gaps.length <= 3, `${gaps.length} gaps`);
    for (const [i, line] of lines.slice(1).entries()) assert.is(line.start, lines[i]!.end, camera);
    // What could not be logged when it happened is logged when there is room.
    assert.ok(logOf(town).some((line) => line.kind === 'gap' && line['camera'] === camera));
  }
});

test('a disk of one camera alone: the others lose nothing', async () => {
  using folder = temporaryFolder();
  using disk = smallDisk({ megabytes: 96 });
  await using town = await townOn(folder.path, disk.path);
  const own = join(town.store, 'segments', 'cam-2');
  mkdirSync(own, { recursive: true, mode: 0o700 });
  assert.is(spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'none', own]).status, 0);
  try {
    await using agent = startAgent(town);
    await agent.recording();
    const begun = Date.now();
    fill(join(own, 'others'));
    await eventually('the camera to fail', () => failedFor(agent, 'cam-2', 'disk-full'), patienceMs);
    await eventually('the alert', () => alerted(agent), patienceMs);
    await goesOn(town, ['cam-1']);
    for (const name of readdirSync(own)) if (name.startsWith('others')) rmSync(join(own, name));
    await eventually(
      'it to be recorded again',
      () => ledgerOf(town, 'cam-2').some(({ reason }) => reason === 'disk-full'),
      patienceMs,
    );
    assert.equal(await agent.stop(), { code: 0, signal: null });
    const gaps = ledgerOf(town, 'cam-1').filter(
      ({ kind, start, reason }) => kind === 'gap' && start > begun && reason !== 'agent-stopped',
    );
    assert.equal(gaps, []);
  } finally {
    spawnSync('umount', ['-l', own]);
  }
});

test('a disk that hangs under one camera: the others lose nothing, what waits is bounded, the rest is one gap', async () => {
  using folder = temporaryFolder();
  using disk = smallDisk({ megabytes: 96 });
  using own = smallDisk({ megabytes: 96 });
  // 16 MiB fill in some six seconds.
  await using town = await townOn(folder.path, disk.path, 24);
  const place = join(town.store, 'segments', 'cam-2');
  mkdirSync(place, { recursive: true, mode: 0o700 });
  assert.is(spawnSync('mount', ['--bind', own.path, place]).status, 0);
  // Every write to it waits, as on a disk that is being taken over by another or dies slowly.
  const hang = (): void => assert.is(spawnSync('fsfreeze', ['--freeze', place]).status, 0);
  const goOn = () => spawnSync('fsfreeze', ['--unfreeze', place]);
  try {
    await using agent = startAgent(town);
    await agent.recording();
    await goesOn(town);
    const begun = Date.now();
    const before = residentBytes(agent.pid);
    hang();
    await eventually('the camera to fail', () => failedFor(agent, 'cam-2', 'disk-slow'), patienceMs);
    await goesOn(town, ['cam-1']);
    const grown = residentBytes(agent.pid) - before;
    assert.ok(grown < growthBound, `grew by ${grown / 2 ** 20} MiB`);
    assert.is(goOn().status, 0);
    await eventually(
      'it to be recorded again',
      () => ledgerOf(town, 'cam-2').some(({ reason }) => reason === 'disk-slow'),
      patienceMs,
    );
    assert.equal(await agent.stop(), { code: 0, signal: null });
    const gapsOf = (camera: string) =>
      ledgerOf(town, camera)
        .filter(({ kind, start, reason }) => kind === 'gap' && start > begun && reason !== 'agent-stopped')
        .map(({ reason }) => reason);
    assert.equal(gapsOf('cam-1'), []);
    assert.equal(gapsOf('cam-2'), ['disk-slow']);
  } finally {
    goOn();
    spawnSync('umount', ['-l', place]);
  }
});

test('read-only by the kernel: told, ended in order, and recorded to again once mended', async () => {
  using folder = temporaryFolder();
  using disk = smallDisk({ megabytes: 96 });
  await using town = await townOn(folder.path, disk.path);
  {
    await using agent = startAgent(town);
    await agent.recording();
    await goesOn(town);
    disk.fault();
    for (const camera of cameras)
      await eventually('the camera to fail', () => failedFor(agent, camera, 'disk-error'), patienceMs);
    await eventually('the alert', () => alerted(agent), patienceMs);
    assert.is(agent.ended(), undefined);
    const { signal } = await agent.stop();
    assert.is(signal, null, 'it ends by itself');
  }
  disk.mend();
  await using again = startAgent(town);
  await again.recording();
  await goesOn(town);
  assert.equal(await again.stop(), { code: 0, signal: null });
  const verified = await verifyTown(town);
  assert.is(verified.code, 0, JSON.stringify(verified.findings));
  for (const camera of cameras) {
    const lines = ledgerOf(town, camera);
    for (const [i, line] of lines.slice(1).entries()) assert.is(line.start, lines[i]!.end, camera);
  }
});

test('away when it starts: exit 69, and not a byte below the mount point', async () => {
  using folder = temporaryFolder();
  const mount = join(folder.path, 'disk');
  mkdirSync(mount);
  await using town = await townOn(folder.path, mount);
  await using agent = startAgent(town);
  assert.equal(await agent.exit, { code: 69, signal: null });
  assert.ok(agent.err().includes(`not mounted at ${mount}`), agent.err().slice(-500));
  assert.equal(readdirSync(mount), []);
});
