import { join } from 'node:path';
import type { Clock } from '#agent/platform/clock.ts';
import { diskFailure } from '#agent/platform/disk-failure.ts';
import type { Files } from '#agent/platform/files.ts';
import type { Locks } from '#agent/platform/lock.ts';
import { Failure } from '#protocol/failure.ts';
import { cameraId } from '#protocol/ids.ts';
import { openCameraStore } from './camera-store.ts';
import { openDocument } from './document.ts';
import type { Recovered } from './recover.ts';
import { firstState, storeStateSchema, untimedOf } from './state.ts';

/** What a torn segment is taken for when neither its name nor its times tell: the default of the configuration. */
const segmentMs = 60_000;

/**
 * Does to the store at `dir` what the next start of its agent would do, and nothing else: cuts a torn last line, keeps a
 * `.part` as far as its last whole chunk, enters a sealed file that no line names. Deletes no footage, changes no hash,
 * leaves `state.json` alone. Gives what it did. Throws `unavailable` `store-busy` while an agent has the store open.
 */
export async function repairStore(parts: {
  files: Files;
  locks: Locks;
  clock: Clock;
  dir: string;
}): Promise<Recovered[]> {
  const { files, clock, dir } = parts;
  const lock = await parts.locks.hold(dir);
  if (lock === undefined) throw new Failure('unavailable', 'store-busy', `an agent has ${dir} open`);
  const done: Recovered[] = [];
  try {
    const segments = join(dir, 'segments');
    const initial = firstState('', clock.utc());
    const state = await openDocument(files, join(dir, 'state.json'), storeStateSchema, initial);
    for (const { name, directory } of await files.list(segments)) {
      if (!directory || !cameraId.safeParse(name).success) continue;
      const camera = { id: name, folder: join(segments, name), segmentMs };
      const untimed = untimedOf(state.value.untimedRuns, name);
      const { store, recovered } = await openCameraStore(files, clock, camera, untimed);
      await store.close();
      // What no line can be made of stays, and stays a problem.
      done.push(...recovered.filter(({ code }) => code !== 'ledger-malformed'));
    }
    return done;
  } catch (error) {
    throw diskFailure(error, `the store ${dir}`);
  } finally {
    await lock.release();
  }
}
