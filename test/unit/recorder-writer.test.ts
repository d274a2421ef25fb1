import * as assert from 'uvu/assert';
import { openWriter } from '#agent/recorder/segment-writer.ts';
import type { OpenSegment } from '#agent/store/store.ts';
import type { Sealer } from '#protocol/seal/seal.ts';
import { eventually } from '../support/eventually.ts';
import { fakeClock } from '../support/fake-clock.ts';
import { suite } from '../support/suite.ts';

const test = suite('writer of a segment');

test('what comes while a disk syncs slowly is written meanwhile: in memory a kill would take it', async () => {
  let written = 0;
  let syncs = 0;
  const slow = Promise.withResolvers<void>();
  const open = {
    write: async (pieces: readonly Uint8Array[]) => {
      for (const piece of pieces) written += piece.length;
    },
    sync: () => {
      syncs += 1;
      return slow.promise;
    },
    seal: async () => ({}),
  } as unknown as OpenSegment;
  const sealer = {
    update: (bytes: Uint8Array) => [Buffer.from(bytes)],
    final: () => [],
  } as unknown as Sealer;
  const clock = fakeClock();
  const writer = openWriter(clock, Promise.resolve(open), sealer, { failed() {}, safe() {} });
  writer.take(new Uint8Array(1000));
  await eventually('the sync to begin', () => syncs === 1);
  writer.take(new Uint8Array(2000));
  await eventually('what came meanwhile to be written', () => written === 3000);
  assert.is(writer.inFlightBytes, 0);
  assert.is(syncs, 1, 'one sync at a time');
  writer.last();
  let finished = false;
  const finish = writer.finish(1).then(() => {
    finished = true;
  });
  await new Promise((resolve) => setImmediate(resolve));
  assert.is(finished, false, 'sealed only once it is synced');
  slow.resolve();
  await finish;
});
