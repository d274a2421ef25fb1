import * as assert from 'uvu/assert';
import { z } from 'zod';
import { systemRandom } from '#agent/platform/random.ts';
import { ledgerText, parseLedgerLine } from '#agent/store/ledger-line.ts';
import { firstState, storeStateSchema } from '#agent/store/state.ts';
import { openDocument } from '#agent/store/store.ts';
import { isFrozen, memoryDisk } from '../support/memory-disk.ts';
import { suite } from '../support/suite.ts';

const test = suite('store document');
const schema = z.strictObject({ count: z.int() });
const path = '/store/count.json';

async function disk() {
  const made = memoryDisk(() => 0);
  await made.files.makeFolder('/store');
  await made.files.syncFolder('/');
  return made;
}

test('updates are kept in their order and read again', async () => {
  const { files, contents } = await disk();
  const first = await openDocument(files, path, schema, { count: 0 });
  assert.is(first.origin, 'absent');
  await Promise.all(
    [1, 2, 3].map((n) =>
      first.update((value) => {
        value.count = value.count * 10 + n;
      }),
    ),
  );
  const second = await openDocument(files, path, schema, { count: 0 });
  assert.is(second.origin, 'kept');
  assert.is(second.value.count, 123);
  assert.is(JSON.parse(contents().get(path)!.toString()).data.count, 123);
});

test('a power cut at any step leaves the value before or the value after', async () => {
  for (const cut of ['kill', 'cut'] as const)
    for (let at = 1; at < 60; at++) {
      const made = await disk();
      const document = await openDocument(made.files, path, schema, { count: 0 });
      let promised = 0;
      let begun = 0;
      made.freezeAt(made.steps() + at);
      try {
        for (let n = 1; n <= 6; n++) {
          begun = n;
          await document.update((value) => {
            value.count = n;
          });
          promised = n;
        }
      } catch (error) {
        if (!isFrozen(error)) throw error;
      }
      made.crash(cut, systemRandom.fraction);
      const again = await openDocument(made.files, path, schema, { count: 0 });
      assert.ok(
        again.value.count === promised || again.value.count === begun,
        `step ${at}: ${again.value.count}`,
      );
      assert.is.not(again.origin, 'damaged');
    }
});

test('a changed copy is not believed: the one before is', async () => {
  const made = await disk();
  const document = await openDocument(made.files, path, schema, { count: 0 });
  for (const n of [1, 2])
    await document.update((value) => {
      value.count = n;
    });
  const bytes = made.contents().get(path)!;
  bytes[bytes.length - 4] = 0x39;
  const again = await openDocument(made.files, path, schema, { count: 0 });
  assert.is(again.value.count, 1);
  assert.is(again.origin, 'kept');
});

test('what a newer version wrote is not half believed', async () => {
  const made = await disk();
  const newer = await openDocument(made.files, path, z.any(), { count: 0 });
  await newer.update((value) => {
    value.more = true;
  });
  const again = await openDocument(made.files, path, schema, { count: 7 });
  assert.is(again.origin, 'damaged');
  assert.is(again.value.count, 7);
});

test('what a later version added to the state and to a ledger is read past', async () => {
  const { files } = await disk();
  const state = firstState('a boot', 1);
  const later = z.object({ ...storeStateSchema.shape, colour: z.string() });
  const newer = await openDocument(files, path, later, { ...state, colour: 'red' });
  await newer.update((value) => {
    value.poweredMs = 7;
  });
  const older = await openDocument(files, path, storeStateSchema, state);
  assert.is(older.origin, 'kept');
  assert.is(older.value.poweredMs, 7);
  const gap = { kind: 'gap', start: 0, end: 1000, reason: 'no-data' } as const;
  const line = JSON.stringify({ ...JSON.parse(ledgerText(gap)), colour: 'red' });
  assert.equal(parseLedgerLine(line), gap);
});
