import type { Files } from '#agent/platform/files.ts';
import { systemRandom } from '#agent/platform/random.ts';
import { openRecorder, type Recorder } from '#agent/recorder/recorder.ts';
import type { ClockTrust } from '#agent/retention/retention.ts';
import { type GapRow, openStore, type SegmentRow, type Store } from '#agent/store/store.ts';
import { eventually } from './eventually.ts';
import { type FakeClock, fakeClock } from './fake-clock.ts';
import { freeLocks, type MemoryDisk, memoryDisk } from './memory-disk.ts';
import { type Step, scriptedIngest } from './scripted-ingest.ts';
import { recipients, silent, storeParts } from './store-parts.ts';

export interface CameraRig {
  recorder: Recorder;
  segments: SegmentRow[];
  gaps: GapRow[];
}

export interface RecorderRig extends CameraRig {
  clock: FakeClock;
  disk: MemoryDisk;
  store: Store;
  /** Every camera, the first one included. */
  cameras: CameraRig[];
  /** Lets `ms` pass in steps of 100 ms, each with time for what threads do. */
  pass(ms: number): Promise<void>;
  stop(): Promise<void>;
}

/** A recorder for each list of sessions, cameras `cam-1` on, over one store in memory; segments of 10 s. */
export async function recorderRig(
  cameras: ((clock: FakeClock) => Step[][])[],
  more: {
    clock?: FakeClock;
    disk?: MemoryDisk;
    files?: (files: Files) => Files;
    /** Synced when absent. */
    trust?: (store: Store) => Promise<ClockTrust>;
  } = {},
): Promise<RecorderRig> {
  const clock = more.clock ?? fakeClock();
  const disk = more.disk ?? memoryDisk(() => clock.utc());
  const files = more.files?.(disk.files) ?? disk.files;
  const store = await openStore({ ...storeParts('/store', clock, { files }), locks: freeLocks });
  const trust = await more.trust?.(store);
  const end = new AbortController();
  const lives: Promise<void>[] = [];
  const rigs: CameraRig[] = [];
  for (const [i, sessions] of cameras.entries()) {
    const id = `cam-${i + 1}`;
    const segments: SegmentRow[] = [];
    const gaps: GapRow[] = [];
    const recorder = openRecorder({
      store,
      camera: await store.camera(id),
      ingest: scriptedIngest(clock, sessions(clock)),
      recipients: () => recipients,
      clock,
      random: systemRandom,
      clockState: (run) => trust?.labelled({ camera: id, ...run }) ?? 'synced',
      segmentMs: 10_000,
      onSegment: (row) => segments.push(row),
      onGap: (row) => gaps.push(row),
      log: silent,
    });
    lives.push(recorder.run(end.signal));
    rigs.push({ recorder, segments, gaps });
  }
  // The first heads of seals are made in real time.
  await eventually('the first sessions', async () => {
    await clock.advance(0);
    return clock.pending() >= cameras.length;
  });
  return {
    ...rigs[0]!,
    clock,
    disk,
    store,
    cameras: rigs,
    async pass(ms) {
      for (let left = ms; left > 0; left -= 100) {
        await clock.advance(Math.min(100, left));
        await new Promise((resolve) => setTimeout(resolve, 0));
      }
    },
    async stop() {
      end.abort();
      await Promise.all(lives);
      await store.close();
    },
  };
}
