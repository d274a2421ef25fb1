import { join } from 'node:path';
import { generateX25519Identity, identityToRecipient } from 'age-encryption';
import * as assert from 'uvu/assert';
import type { AcceptedCommand } from '#agent/command/runner.ts';
import { type Delivery, openExtractions } from '#agent/extract/extraction.ts';
import { openSnapshots, type SnapshotCommand } from '#agent/extract/snapshot.ts';
import { type Files, systemFiles } from '#agent/platform/files.ts';
import { systemRandom } from '#agent/platform/random.ts';
import { type ExtractCommand, parseCommand } from '#protocol/command.ts';
import { eventually } from '../support/eventually.ts';
import { fakeClock } from '../support/fake-clock.ts';
import { fakeFootage } from '../support/fake-footage.ts';
import { quietLog } from '../support/log.ts';
import { memoryDisk } from '../support/memory-disk.ts';
import { signedWorld } from '../support/signed-world.ts';
import { suite } from '../support/suite.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const test = suite('what is extracted, and the disk');
const world = signedWorld();
const recipient = async (): Promise<string> => identityToRecipient(await generateX25519Identity());
const recipients = [await recipient(), await recipient()];

function deliveryTo(delivered: string[]): Delivery {
  return {
    async deliver({ items }) {
      delivered.push(...items.map(({ file }) => file));
    },
    forget: async () => {},
    known: async () => [],
  };
}

test('a picture waits for a disk that is full, and ends no agent', async () => {
  const clock = fakeClock();
  const disk = memoryDisk(() => clock.utc());
  const delivered: string[] = [];
  const delivery = deliveryTo(delivered);
  let pictures = 0;
  const snapshots = await openSnapshots({
    files: disk.files,
    clock,
    random: systemRandom,
    log: quietLog,
    folder: '/store/snapshots',
    node: 'site-09',
    key: world.keys.node,
    recipients: () => recipients,
    clockState: () => 'synced',
    knows: () => true,
    async picture() {
      pictures += 1;
      return { jpeg: Buffer.alloc(1000), at: clock.utc() };
    },
    delivery,
    copies: delivery,
    whenCosigned: async () => {},
    stands: () => true,
  });
  const command = parseCommand(Buffer.from(JSON.stringify(world.snapshot())));
  const accepted = { command, auditSeq: 1, acceptedAt: clock.utc(), origin: 'mqtt' };
  disk.capacity(500);
  const running = snapshots.run(
    accepted as unknown as AcceptedCommand<SnapshotCommand>,
    () => {},
    new AbortController().signal,
  );
  await eventually('it to wait for the disk', () => pictures === 1 && clock.pending() === 1);
  disk.capacity(1e6);
  await clock.advance(5000);
  assert.is((await running).progress, 1);
  assert.equal([delivered.length, delivered[0], pictures], [2, 'manifest.dsse.json', 1]);
});

test('an extraction waits for a disk that does not give its manifest back, and ends no agent', async () => {
  using folder = temporaryFolder();
  const clock = fakeClock();
  const footage = fakeFootage(join(folder.path, 'footage'));
  footage.add(clock.utc() - 700_000, clock.utc() - 200_000);
  let broken = true;
  const files: Files = {
    ...systemFiles,
    async read(path, maxBytes) {
      if (broken && path.endsWith('.manifest.dsse.json'))
        throw Object.assign(new Error('a bad sector'), { code: 'EIO' });
      return await systemFiles.read(path, maxBytes);
    },
  };
  const delivered: string[] = [];
  const { runner } = await openExtractions({
    files,
    clock,
    log: quietLog,
    folder: join(folder.path, 'extract'),
    node: 'site-09',
    key: world.keys.node,
    retentionMs: 168 * 3_600_000,
    footage,
    delivery: deliveryTo(delivered),
    whenCosigned: async () => {},
    stands: () => true,
  });
  const command = parseCommand(Buffer.from(JSON.stringify(world.extract())));
  const accepted = { command, auditSeq: 1, acceptedAt: clock.utc(), origin: 'mqtt' };
  const running = runner.run(
    accepted as unknown as AcceptedCommand<ExtractCommand>,
    () => {},
    new AbortController().signal,
  );
  // The end of its reservation, and the next try.
  await eventually('it to wait for the disk', () => clock.pending() === 2);
  broken = false;
  await clock.advance(5000);
  assert.is((await running).segments, 1);
  assert.is(delivered.length, 2);
});
