import { dirname, join } from 'node:path';
import type { Clock } from '#agent/platform/clock.ts';
import { diskFailure } from '#agent/platform/disk-failure.ts';
import type { Files } from '#agent/platform/files.ts';
import type { Locks } from '#agent/platform/lock.ts';
import { codeOf, Failure } from '#protocol/failure.ts';
import type { GapReason } from '#protocol/gap.ts';
import { cameraId } from '#protocol/ids.ts';
import { type CameraStore, type Coverage, openCameraStore } from './camera-store.ts';
import { type Document, openDocument } from './document.ts';
import type { SegmentRow } from './ledger-line.ts';
import { filesAt, markPlace, requireMounted } from './place.ts';
import type { Recovered } from './recover.ts';
import { firstState, type StoreState, storeStateSchema, untimedOf } from './state.ts';

export type { CameraStore, Coverage, SegmentBegin } from './camera-store.ts';
export { type Document, openDocument } from './document.ts';
export type { GapRow, SegmentRow } from './ledger-line.ts';
export type { OpenSegment } from './open-segment.ts';
export type { Recovered } from './recover.ts';
export { maxStretches, maxUntimedRuns, type StoreState } from './state.ts';
export { type Finding, verifyStore } from './verify.ts';

export interface Absence {
  reason: Extract<GapReason, 'agent-stopped' | 'agent-crashed' | 'power-lost'>;
  /** UTC at which the last life was last seen alive. */
  aliveAt: number;
}

export interface Store {
  readonly dir: string;
  /** Why nobody recorded before this life; undefined for a new store. */
  readonly absence: Absence | undefined;
  /** How the boot before this one ended, over restarts of the agent; undefined where no life of this store saw it. */
  readonly bootBefore: 'orderly' | 'cut' | undefined;
  readonly recovered: readonly Recovered[];
  readonly state: Document<StoreState>;
  /** Makes its folder when it is new. */
  camera(id: string): Promise<CameraStore>;
  /** Every camera with a folder, configured or not. */
  cameras(): CameraStore[];
  /** Nothing for a camera that has no folder. */
  overlapping(camera: string, from: number, to: number): Coverage;
  path(camera: string, row: SegmentRow): string | undefined;
  /**
   * An orderly end: the next absence is `agent-stopped`. Recorders are to have ended before. Throws `disk-full` or
   * `disk-error` when that cannot be written; the store is free all the same.
   */
  close(): Promise<void>;
}

export interface StoreParts {
  files: Files;
  locks: Locks;
  clock: Clock;
  dir: string;
  bootId: string;
  /** Where a file system has to be mounted before anything is written; what fstab says counts anyway. */
  mount?: string | undefined;
  /** Configured length of a segment: what a torn one is taken for when nothing better is known. */
  segmentMs: number;
}

/**
 * Opens the store at `dir`, alone, and puts right what a crash left. Throws `unavailable` `store-busy` when another
 * process has it open or `store-not-mounted` when its disk is away, `disk-full` or `disk-error` when the disk refuses.
 */
export async function openStore(parts: StoreParts): Promise<Store> {
  try {
    return await open(parts);
  } catch (error) {
    throw diskFailure(error, `the store ${parts.dir}`);
  }
}

async function open(parts: StoreParts): Promise<Store> {
  const { clock, dir, bootId, segmentMs } = parts;
  await requireMounted(parts.files, dir, parts.mount);
  await parts.files.makeFolder(dir);
  await markPlace(parts.files, dir, clock.utc());
  const files = filesAt(parts.files, dir);
  const segments = join(dir, 'segments');
  await files.makeFolder(segments);
  // Even when they were there: a life that was killed may have made them and synced nothing.
  await files.syncFolder(dir);
  await files.syncFolder(dirname(dir));
  const lock = await parts.locks.hold(dir);
  if (lock === undefined) throw new Failure('unavailable', 'store-busy', `another agent has ${dir} open`);
  const opened = new Map<string, Promise<CameraStore>>();
  const ready = new Map<string, CameraStore>();
  const recovered: Recovered[] = [];
  let untimedRuns: StoreState['untimedRuns'] = [];
  const openCamera = (id: string): Promise<CameraStore> => {
    const already = opened.get(id);
    if (already !== undefined) return already;
    const camera = { id, folder: join(segments, id), segmentMs };
    const untimed = untimedOf(untimedRuns, id);
    const opening = openCameraStore(files, clock, camera, untimed).then((found) => {
      recovered.push(...found.recovered);
      ready.set(id, found.store);
      return found.store;
    });
    opened.set(id, opening);
    return opening;
  };
  try {
    const statePath = join(dir, 'state.json');
    const state = await openDocument(files, statePath, storeStateSchema, firstState(bootId, clock.utc()));
    const last = state.value;
    untimedRuns = last.untimedRuns;
    if (state.origin === 'damaged') recovered.push({ camera: '', code: 'state-damaged', path: statePath });
    const absence: Absence | undefined =
      state.origin === 'kept'
        ? {
            reason: last.clean ? 'agent-stopped' : last.bootId === bootId ? 'agent-crashed' : 'power-lost',
            aliveAt: last.aliveAt,
          }
        : undefined;
    const ended = last.clean ? ('orderly' as const) : ('cut' as const);
    const bootBefore = state.origin === 'kept' && last.bootId !== bootId ? ended : last.bootBefore;
    for (const { name, directory } of await files.list(segments))
      if (directory && cameraId.safeParse(name).success) await openCamera(name);
    const begun = state.update((value) => {
      value.clean = false;
      value.bootId = bootId;
      if (bootBefore !== undefined) value.bootBefore = bootBefore;
    });
    await begun.catch((error: unknown) => {
      // A full disk is freed by the sweep, which needs an open store; the next update writes all of it.
      if (codeOf(error) !== 'ENOSPC' && codeOf(error) !== 'EDQUOT') throw error;
      recovered.push({ camera: '', code: 'state-unwritten', path: statePath });
    });
    return {
      dir,
      absence,
      bootBefore,
      recovered,
      state,
      camera: openCamera,
      cameras: () => [...ready.values()],
      overlapping: (camera, from, to) =>
        ready.get(camera)?.overlapping(from, to) ?? { segments: [], gaps: [] },
      path: (camera, row) => ready.get(camera)?.path(row),
      async close() {
        try {
          await Promise.all([...ready.values()].map((camera) => camera.close()));
          await state.update((value) => {
            value.clean = true;
            value.aliveAt = clock.utc();
          });
        } catch (error) {
          throw diskFailure(error, `the end of the store ${dir}`);
        } finally {
          await lock.release();
        }
      },
    };
  } catch (error) {
    for (const camera of ready.values()) await camera.close();
    await lock.release();
    throw error;
  }
}
