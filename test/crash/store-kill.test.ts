import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { systemClock } from '#agent/platform/clock.ts';
import { systemFiles } from '#agent/platform/files.ts';
import { systemRandom } from '#agent/platform/random.ts';
import { openRecorder } from '#agent/recorder/recorder.ts';
import { openStore, type SegmentRow, type Store, verifyStore } from '#agent/store/store.ts';
import { eventually } from '../support/eventually.ts';
import { scriptedIngest } from '../support/scripted-ingest.ts';
import { opened, recipients, silent, storeParts } from '../support/store-parts.ts';
import { suite } from '../support/suite.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const crashes = Number(process.env['PEIO_STORE_CRASHES'] ?? 20);
const test = suite('store, killed while it records', { timeoutMs: 60_000 + crashes * 3000 });

/**
 * Records until it is killed, `lifeMs` after it said that it begins, or, to be `seen`, after it began a file, which on a
 * busy machine is later than any life; gives the rows it told as sealed.
 */
async function recordAndDie(
  dir: string,
  syncMs: number,
  lifeMs: number,
  seen: boolean,
): Promise<SegmentRow[]> {
  const child = spawn(
    process.execPath,
    [join(import.meta.dirname, '../support/recording-child.ts'), dir, `${syncMs}`, ...recipients],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  let output = '';
  const said = Promise.withResolvers<void>();
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString();
    said.resolve();
  });
  const closed = once(child, 'close');
  await Promise.race([said.promise, closed]);
  const before = new Set(filesIn(dir));
  if (seen) await eventually('a file begun', () => filesIn(dir).some((path) => !before.has(path)), 60_000);
  setTimeout(() => child.kill('SIGKILL'), lifeMs);
  const [code, signal] = await closed;
  assert.is(signal, 'SIGKILL', `ended by itself: ${code}`);
  // A line that the kill cut short was not told.
  const lines = output.split('\n').slice(1, -1);
  return lines.map((line) => JSON.parse(line) as SegmentRow);
}

function filesIn(dir: string): string[] {
  const all = readdirSync(dir, { recursive: true }) as string[];
  return all.filter((path) => path.startsWith('segments/') && /\/\d{4}-\d\d-\d\d\/./.test(path));
}

/** Stores that are recorded to side by side, and how much longer each of their syncs takes: a child waits most of its life. */
const chains = [0, 0, 20, 40];

test(`${crashes} kills: nothing sealed is lost, the store verifies, torn files open to their last whole chunk`, async () => {
  const each = Math.ceil(crashes / chains.length);
  const torn = await Promise.all(chains.map((syncMs) => killed(each, syncMs)));
  const sum = torn.reduce((a, b) => a + b);
  assert.ok(sum >= crashes / 4, `${sum} torn`);
});

/** A life of the recorder that records nothing: it enters what the last kill left between two segments. */
async function lookAfter(store: Store): Promise<void> {
  const recorder = openRecorder({
    store,
    camera: await store.camera('cam-1'),
    ingest: scriptedIngest(systemClock, []),
    recipients: () => recipients,
    clock: systemClock,
    random: systemRandom,
    clockState: () => 'unknown',
    segmentMs: 400,
    onSegment: () => {},
    onGap: () => {},
    log: silent,
  });
  await recorder.run(AbortSignal.abort());
}

/** Kills whoever records to one store `times`, and looks after each at what is left; gives how many files were torn. */
async function killed(times: number, syncMs: number): Promise<number> {
  using folder = temporaryFolder();
  const dir = join(folder.path, 'store');
  mkdirSync(dir);
  const told: SegmentRow[] = [];
  for (let i = 0; i < times; i++) {
    told.push(...(await recordAndDie(dir, syncMs, 50 + Math.random() * 900, i % 2 === 0)));
    const verified = await verifyStore(systemFiles, dir, { full: true, now: Date.now() });
    assert.equal(
      verified.findings.filter(({ severity }) => severity === 'problem'),
      [],
    );
  }
  const store = await openStore(storeParts(dir, systemClock));
  await lookAfter(store);
  const { segments, gaps } = store.overlapping('cam-1', 0, Number.MAX_SAFE_INTEGER);
  for (const row of told)
    assert.equal(
      segments.find(({ file }) => file === row.file),
      row,
    );
  const torn = segments.filter((row) => row.torn);
  for (const row of torn) {
    const { plain, end } = await opened(store.path('cam-1', row)!);
    assert.is(end, 'torn');
    assert.is(plain.length % 65_536, 0);
    assert.is(plain.toString('latin1', 4, 12), 'ftypINIT');
  }
  assert.ok(gaps.every(({ reason }) => reason === 'agent-crashed' || reason === 'no-connection'));
  // From the first frame on every moment is in one segment or in one gap.
  const covered = [...segments, ...gaps].sort((a, b) => a.start - b.start);
  for (const [i, line] of covered.slice(1).entries())
    assert.is(line.start, covered[i]?.end, JSON.stringify([covered[i], line]));
  await store.close();
  const after = await verifyStore(systemFiles, dir, { full: true, now: Date.now() });
  assert.equal(after.findings, []);
  return torn.length;
}
