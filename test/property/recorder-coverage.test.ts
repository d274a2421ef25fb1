// Whatever a camera, the clock and the agent do: segments and gaps together cover all time since the first start.
import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { systemRandom } from '#agent/platform/random.ts';
import { openRecorder } from '#agent/recorder/recorder.ts';
import { type Coverage, openStore, verifyStore } from '#agent/store/store.ts';
import { type FakeClock, fakeClock } from '../support/fake-clock.ts';
import { freeLocks, type MemoryDisk, memoryDisk } from '../support/memory-disk.ts';
import { type Step, scriptedIngest } from '../support/scripted-ingest.ts';
import { recipients, silent, storeParts } from '../support/store-parts.ts';
import { suite } from '../support/suite.ts';

const test = suite('recorder coverage', { timeoutMs: 240_000 });

/** Histories tried; `PEIO_RUNS` multiplies them. One takes a second: shrinking would pass the limit, and tell nothing. */
const runs = (usual: number): number => usual * Number(process.env['PEIO_RUNS'] ?? 1);

/** One life of the agent: what the camera does in it, how long it lasts, how it ends, how long nobody is there. */
interface Life {
  sessions: Step[][];
  lastsMs: number;
  ends: 'stopped' | 'killed';
  absentMs: number;
}

async function pass(clock: FakeClock, ms: number): Promise<void> {
  for (let left = ms; left > 0; left -= 250) {
    await clock.advance(Math.min(250, left));
    // Heads of seals are made by threads: real time.
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
}

async function live(first: MemoryDisk, clock: FakeClock, lives: Life[]): Promise<MemoryDisk> {
  let disk = first;
  for (const life of lives) {
    const store = await openStore({
      ...storeParts('/store', clock, { files: disk.files }),
      locks: freeLocks,
    });
    const camera = await store.camera('cam-1');
    const recorder = openRecorder({
      store,
      camera,
      ingest: scriptedIngest(clock, life.sessions),
      recipients: () => recipients,
      clock,
      random: systemRandom,
      clockState: () => 'unknown',
      segmentMs: 5000,
      onSegment: () => {},
      onGap: () => {},
      log: silent,
    });
    const end = new AbortController();
    const running = recorder.run(end.signal);
    await pass(clock, life.lastsMs);
    const killed = life.ends === 'killed' ? disk.fork() : undefined;
    end.abort();
    await running;
    await store.close();
    if (killed !== undefined) disk = killed;
    await clock.advance(life.absentMs);
  }
  return disk;
}

async function coverageOf(disk: MemoryDisk, clock: FakeClock): Promise<Coverage> {
  const store = await openStore({ ...storeParts('/store', clock, { files: disk.files }), locks: freeLocks });
  const coverage = (await store.camera('cam-1')) && store.overlapping('cam-1', 0, Number.MAX_SAFE_INTEGER);
  await store.close();
  const { findings } = await verifyStore(disk.files, '/store', { full: true, now: clock.utc() });
  assert.equal(
    findings.filter(({ severity }) => severity !== 'notice'),
    [],
  );
  return coverage;
}

const codes = fc.constantFrom(
  'no-connection',
  'auth-failed',
  'no-data',
  'no-keyframe',
  'stream-error',
  'odd',
);
const quiet: fc.Arbitrary<Step>[] = [
  fc.record({
    do: fc.constant('send' as const),
    count: fc.integer({ min: 1, max: 12 }),
    gopMs: fc.constantFrom(500, 1000, 2000),
  }),
  fc.record({
    do: fc.constant('send' as const),
    count: fc.constant(1),
    gopMs: fc.constant(1000),
    keyframe: fc.constant(false),
  }),
  fc.record({ do: fc.constant('wait' as const), ms: fc.integer({ min: 0, max: 3000 }) }),
  fc.record({ do: fc.constant('track' as const), width: fc.integer({ min: 100, max: 999 }) }),
  fc.record({ do: fc.constant('fail' as const), code: codes }),
];

const lives = (steps: fc.Arbitrary<Step>[]) =>
  fc.array(
    fc.record({
      sessions: fc.array(fc.array(fc.oneof(...steps), { maxLength: 5 }), { maxLength: 4 }),
      lastsMs: fc.integer({ min: 1000, max: 40_000 }),
      ends: fc.constantFrom('stopped' as const, 'killed' as const),
      absentMs: fc.integer({ min: 1, max: 100_000 }),
    }),
    { minLength: 1, maxLength: 4 },
  );

/** So that what the life before left open is told. */
const lastLife: Life = {
  sessions: [[{ do: 'send', count: 3, gopMs: 1000 }]],
  lastsMs: 4000,
  ends: 'stopped',
  absentMs: 1,
};

/** What of `[from, to)` neither a segment nor a gap covers. */
function holes({ segments, gaps }: Coverage, from: number, to: number): string[] {
  const found: string[] = [];
  let until = from;
  for (const { start, end } of [...segments, ...gaps].sort((a, b) => a.start - b.start)) {
    if (start > until && until < to) found.push(`${until} to ${start}`);
    until = Math.max(until, end);
  }
  if (until < to) found.push(`${until} to ${to}`);
  return found;
}

test('with a steady clock every moment is in exactly one segment or gap, and runs touch', async () => {
  await fc.assert(
    fc.asyncProperty(lives(quiet), async (script) => {
      const clock = fakeClock();
      const begun = clock.utc();
      const disk = await live(
        memoryDisk(() => clock.utc()),
        clock,
        script,
      );
      const coverage = await coverageOf(disk, clock);
      const all = [...coverage.segments, ...coverage.gaps].sort((a, b) => a.start - b.start);
      if (all.length === 0) return;
      assert.ok(Math.abs(all[0]!.start - begun) < 5, 'from the first start on');
      for (const [i, { start }] of all.entries())
        if (i > 0) assert.is(start, all[i - 1]!.end, JSON.stringify(all, undefined, 1));
      const seen = new Set<number>();
      for (const [i, row] of coverage.segments.entries()) {
        const before = coverage.segments[i - 1];
        if (before?.run === row.run) assert.is(before.end, row.start);
        else assert.not.ok(seen.has(row.run), 'a run that was left is not taken up again');
        seen.add(row.run);
      }
      for (const [i, gap] of coverage.gaps.entries()) {
        const before = coverage.gaps[i - 1];
        // Two crashes in a row, with no frame in between, are two interruptions.
        if (before?.end === gap.start && gap.reason !== 'agent-crashed')
          assert.is.not(before.reason, gap.reason, 'one gap per interruption');
      }
    }),
    { numRuns: runs(48), endOnFailure: true },
  );
});

test('after a clock that stepped either way every moment is covered again', async () => {
  let clock = fakeClock();
  let steady = 0;
  const stepping: fc.Arbitrary<Step> = fc
    .constantFrom(-3_600_000, -5000, -500, 500, 4000, 86_400_000)
    .map((ms) => ({
      do: 'call' as const,
      run() {
        clock.stepUtc(ms);
        steady = clock.utc();
      },
    }));
  await fc.assert(
    fc.asyncProperty(lives([...quiet, stepping, stepping]), lives(quiet), async (before, after) => {
      clock = fakeClock();
      steady = 0;
      let disk = await live(
        memoryDisk(() => clock.utc()),
        clock,
        before.map((life) => ({ ...life, ends: 'stopped' as const })),
      );
      steady = Math.max(steady, clock.utc() - before.at(-1)!.absentMs);
      disk = await live(disk, clock, [...after, lastLife]);
      const coverage = await coverageOf(disk, clock);
      // A run keeps its labels through a step that is not worth a new one.
      const slackMs = 1600;
      const end = coverage.segments.reduce((latest, row) => Math.max(latest, row.end), 0);
      assert.equal(holes(coverage, steady + slackMs, Math.min(end, clock.utc()) - slackMs), []);
    }),
    { numRuns: runs(24), endOnFailure: true },
  );
});
