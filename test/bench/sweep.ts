import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { systemClock } from '#agent/platform/clock.ts';
import { systemFiles } from '#agent/platform/files.ts';
import { openClockTrust, openRetention, type RetentionParts } from '#agent/retention/retention.ts';
import { maxStretches, openStore } from '#agent/store/store.ts';
import { eventually } from '../support/eventually.ts';
import { silent, storeParts } from '../support/store-parts.ts';
import { fillStore } from './filled-store.ts';
import { median, table } from './table.ts';

interface Figure {
  what: string;
  /** Milliseconds; of queries the median of many. */
  ms: number;
  /** Segments deleted, listed or opened. */
  segments: number;
  /** The longest the event loop stood still meanwhile. */
  stallMs: number;
}

export interface SweepResult {
  bench: 'sweep';
  cameras: number;
  segments: number;
  node: string;
  figures: Figure[];
  bars: { stallMs: { bar: number; met: boolean; worst: number } };
}

const stallBarMs = 100;
const dayMs = 86_400_000;
const queries = 200;
const stallResolutionMs = 2;

/** What opening, asking and sweeping a store of a week cost, in this process; files are sparse. */
export async function sweep(options: {
  cameras: number;
  segments: number;
  folder: string;
  say(text: string): void;
}): Promise<SweepResult> {
  const { cameras, segments, folder, say } = options;
  const dir = join(folder, 'store');
  mkdirSync(dir);
  const names = Array.from({ length: cameras }, (_, i) => `cam-${i + 1}`);
  const until = Date.now() - 60_000;
  const first = until - Math.ceil(segments / cameras) * 60_000;
  say(`filling the store with ${segments} segments\n`);
  fillStore(dir, names, segments, until);
  const figures: Figure[] = [];
  const measure = async (what: string, work: () => Promise<number>): Promise<void> => {
    const delay = monitorEventLoopDelay({ resolution: stallResolutionMs });
    delay.enable();
    await new Promise((resolve) => setTimeout(resolve, 20));
    delay.reset();
    const begun = performance.now();
    const count = await work();
    const ms = performance.now() - begun;
    await new Promise((resolve) => setTimeout(resolve, 20));
    delay.disable();
    figures.push({ what, ms, segments: count, stallMs: Math.max(0, delay.max / 1e6 - stallResolutionMs) });
    say(`${what}: ${ms.toFixed(1)} ms\n`);
  };

  const opening: { store?: Awaited<ReturnType<typeof openStore>> } = {};
  await measure('open', async () => {
    opening.store = await openStore(storeParts(dir, systemClock));
    return opening.store.cameras().reduce((sum, camera) => sum + camera.count(), 0);
  });
  const store = opening.store!;
  if (figures[0]!.segments < segments) throw new Error(`the store knows ${figures[0]!.segments} segments`);
  for (const [what, lengthMs] of [
    ['an hour of a camera', dayMs / 24],
    ['a day of a camera', dayMs],
  ] as const) {
    const took: number[] = [];
    let found = 0;
    await measure(what, async () => {
      for (let i = 0; i < queries; i++) {
        const from = first + ((until - first - lengthMs) * i) / queries;
        const begun = performance.now();
        found = store.overlapping(names[i % cameras]!, from, from + lengthMs).segments.length;
        took.push(performance.now() - begun);
        await new Promise((resolve) => setImmediate(resolve));
      }
      return found;
    });
    figures.at(-1)!.ms = median(took);
  }
  const sweepOnce = (
    what: string,
    parts: Pick<RetentionParts, 'retentionMs' | 'reserve' | 'kept'> & { service?: 'synced' | 'unknown' },
  ): Promise<void> =>
    measure(what, async () => {
      const { service = 'synced', ...rest } = parts;
      const { state } = store;
      const trust = await openClockTrust({
        clock: systemClock,
        state,
        service: async () => service,
        floor: 0,
      });
      let count = 0;
      const end = new AbortController();
      const retention = openRetention({
        store,
        clock: systemClock,
        files: systemFiles,
        trust,
        ...rest,
        onSwept: async (swept) => {
          count += swept.count;
        },
        log: silent,
      });
      const life = retention.run(end.signal);
      await eventually('the sweep', () => retention.status().sweptAt !== undefined, 120_000);
      end.abort();
      await life;
      return count;
    });
  /** Deletes what starts within the day and belongs to `whose`: everything else is kept. */
  const sweepDay = (
    what: string,
    day: number,
    whose: (camera: string) => boolean,
    service?: 'synced' | 'unknown',
  ): Promise<void> => {
    const from = first + day * dayMs;
    return sweepOnce(what, {
      retentionMs: Date.now() - (from + dayMs),
      reserve: 0,
      kept: (camera, start) => !whose(camera) || start < from,
      ...(service && { service }),
    });
  };
  await sweepDay('sweep of a camera-day', 0, (camera) => camera === names[0]);
  await sweepDay(`sweep of a day of ${cameras} cameras`, 1, () => true);
  // A box that was restarted every hour: powered time is counted in as many stretches.
  await store.state.update((value) => {
    value.poweredMs = 10 * dayMs;
    value.clockStretches = Array.from({ length: maxStretches - 10 }, (_, i) => ({
      label: first + (i * (until - first)) / maxStretches,
      poweredMs: (i * 10 * dayMs) / maxStretches,
    }));
  });
  await sweepDay('the same, restarted hourly, no time service', 2, () => true, 'unknown');
  await sweepOnce('no room, and all of it held', {
    retentionMs: 30 * dayMs,
    reserve: 0.999,
    kept: () => true,
  });
  await store.close();
  const worst = Math.max(...figures.map(({ stallMs }) => stallMs));
  return {
    bench: 'sweep',
    cameras,
    segments,
    node: process.version,
    figures,
    bars: { stallMs: { bar: stallBarMs, met: worst <= stallBarMs, worst } },
  };
}

export function sweepTable({ cameras, segments, figures, bars, node }: SweepResult): string {
  const { bar, met, worst } = bars.stallMs;
  return (
    `${cameras} cameras, ${segments} segments; Node ${node}\n\n` +
    table([
      ['', 'time', 'segments', 'longest stall'],
      ...figures.map(({ what, ms, segments: count, stallMs }) => [
        what,
        `${ms.toFixed(ms < 10 ? 2 : 0)} ms`,
        String(count),
        `${stallMs.toFixed(0)} ms`,
      ]),
      ['bar', '', '', `${met ? 'met' : 'MISSED'} (${bar} ms, ${worst.toFixed(0)})`],
    ])
  );
}
