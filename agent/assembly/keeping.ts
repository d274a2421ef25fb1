import { join } from 'node:path';
import { signersStand } from '#protocol/command.ts';
import { Failure } from '#protocol/failure.ts';
import { longestHoldMs } from '#protocol/policy.ts';
import { instantText } from '#protocol/time.ts';
import type { Runner } from '../command/runner.ts';
import { type Copies, openCopies } from '../extract/copies.ts';
import { type Extractions, openExtractions } from '../extract/extraction.ts';
import type { Footage } from '../extract/footage.ts';
import { type Holds, openHolds } from '../extract/holds.ts';
import { openSnapshots, type SnapshotCommand } from '../extract/snapshot.ts';
import { openStatements } from '../nightly/statements.ts';
import { pause } from '../platform/clock.ts';
import { openNightly } from '../platform/nightly.ts';
import { openRetention, type Retention } from '../retention/retention.ts';
import { openUploads } from '../upload/uploads.ts';
import type { Memory } from './memory.ts';
import { guarded, type Life } from './node.ts';
import { type Camera, silenceOf } from './recording.ts';

/** What is kept and what goes: for whom footage stays, and the sweep that takes the rest. */
export interface Keeping {
  extractions: Extractions;
  holds: Holds;
  copies: Copies;
  snapshots: Runner<SnapshotCommand>;
  retention: Retention;
  retentionMs: number;
}

const clockCheckMs = 60_000;
const dayMs = 86_400_000;
const nightlyLimitMs = 600_000;

/** Opens reservations and holds, which are in force before the first sweep, then starts sweep, clock and nights. */
export async function openKeeping(life: Life, memory: Memory, cameras: readonly Camera[]): Promise<Keeping> {
  const { files, clock, random, log, config, scope } = life;
  const { dir, store, audit, policy, trust, record } = memory;
  const { node, signingKey } = config;
  const { retentionCeilingHours } = policy.current().policy;
  const retentionMs = Math.min(config.store.retentionMs, retentionCeilingHours * 3_600_000);
  const footage = footageOf(memory, cameras);
  const uploads =
    config.upload &&
    (await openUploads({ files, clock, random, log, folder: join(dir, 'uploads'), ...config.upload }));
  if (uploads) scope.defer(() => uploads.close());
  const copies = openCopies(files);
  const extractions = await openExtractions({
    files,
    clock,
    log,
    folder: join(dir, 'reservations'),
    node,
    key: signingKey,
    retentionMs,
    footage,
    delivery: uploads,
    copies,
    whenCosigned: audit.whenCosigned,
    stands: (command) => signersStand(command, policy.current().policy),
  });
  const snapshots = await openSnapshots({
    files,
    clock,
    random,
    log,
    folder: join(dir, 'snapshots'),
    node,
    key: signingKey,
    recipients: policy.recipients,
    clockState: trust.state,
    knows: (id) => cameras.some((camera) => camera.id === id),
    async picture(id, signal) {
      const camera = cameras.find((one) => one.id === id);
      if (camera === undefined) throw new Failure('denied', 'no-picture', `no camera ${id} is recorded here`);
      return camera.picture(signal);
    },
    delivery: uploads,
    copies,
    whenCosigned: audit.whenCosigned,
    stands: (command) => signersStand(command, policy.current().policy),
  });
  const holds = await openHolds({
    files,
    clock,
    log,
    folder: join(dir, 'holds'),
    retentionMs,
    footage,
    clockTrusted: trust.trusted,
    latestEnd: (utcMs) => utcMs + longestHoldMs(policy.current().policy),
    note: audit.append,
    // Not an alert of the node's: those are the maintainer's to see, and holds are not (Art. 6 c. 4). The hub
    // raises one for operators and officers.
    releasing: ({ id }, at) => record('hold-releasing', { hold: id, ends: instantText(at) }),
  });
  scope.defer(() => holds.close());

  const statements = await openStatements({
    files,
    path: join(dir, 'statements.json'),
    store,
    nowUtc: clock.utc(),
    note: audit.append,
  });
  const retention = openRetention({
    store,
    clock,
    files,
    trust,
    retentionMs,
    reserve: config.store.reserve,
    kept: (...what) => extractions.reserved(...what) || holds.held(...what),
    async onSwept({ from, to, ...swept }) {
      await audit.append('sweep', { ...swept, from: instantText(from), to: instantText(to) });
      await statements.swept(swept.camera, swept.count);
    },
    log,
  });
  const nightly = openNightly(
    [
      {
        name: 'statements',
        at: '00:05',
        limitMs: nightlyLimitMs,
        async run() {
          if (trust.trusted()) await statements.upToDate(clock.utc());
        },
      },
      {
        name: 'log retention',
        at: '03:15',
        limitMs: nightlyLimitMs,
        async run() {
          if (!trust.trusted()) return;
          const before = clock.utc() - policy.current().policy.logRetentionDays * dayMs;
          const months = await audit.expire(before);
          if (months.length > 0) record('log-expired', { months });
          // One after the other: each rewrites a file of some 10 MB.
          for (const camera of store.cameras()) await camera.pruneLedger(before);
        },
      },
    ],
    (name, err) => log.error({ err, name }, 'a nightly job failed'),
  );
  scope.defer(() => nightly.close());
  nightly.now('statements');
  const watchClock = async (): Promise<void> => {
    let before = trust.state();
    while (!life.ending.signal.aborted) {
      await trust.check();
      const now = trust.state();
      if (now !== before) {
        record('clock', { before, now });
        before = now;
        nightly.clockStepped();
      }
      await pause(clock, clockCheckMs, life.ending.signal);
    }
  };
  const working = guarded(life, Promise.all([watchClock(), retention.run(life.ending.signal)]));
  scope.defer(async () => {
    life.ending.abort();
    await working;
  });
  return { extractions, holds, copies, snapshots, retention, retentionMs };
}

/** Store and recorders as an extraction sees them. */
function footageOf({ store }: Memory, cameras: readonly Camera[]): Footage {
  const known = (id: string) => store.cameras().find((camera) => camera.id === id);
  const live = (id: string) => cameras.find((camera) => camera.id === id);
  return {
    knows: (camera) => known(camera) !== undefined,
    overlapping: store.overlapping,
    path(camera, { start, end, file }) {
      const row = store.overlapping(camera, start, end).segments.find((one) => one.file === file);
      return row && store.path(camera, row);
    },
    coveredTo: (camera) => known(camera)?.coveredTo(),
    cutNow: async (camera) => live(camera)?.recorder.cutNow(),
    silence: (camera) => silenceOf(live(camera)),
  };
}
