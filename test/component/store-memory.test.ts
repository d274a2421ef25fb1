import { getHeapSnapshot } from 'node:v8';
import * as assert from 'uvu/assert';
import { systemClock } from '#agent/platform/clock.ts';
import { openStore } from '#agent/store/store.ts';
import { fillStore } from '../bench/filled-store.ts';
import { storeParts } from '../support/store-parts.ts';
import { suite } from '../support/suite.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const test = suite('store memory', { timeoutMs: 120_000 });

const segments = 1000;

/** How many different strings in use hold the end of a segment's name, or more of them where one holds several. */
async function namesInMemory(): Promise<number> {
  const end = '.mp4.age';
  let found = 0;
  let tail = '';
  for await (const chunk of getHeapSnapshot()) {
    const text = tail + String(chunk);
    found += text.split(end).length - 1;
    // Too short to be counted twice.
    tail = text.slice(1 - end.length);
  }
  return found;
}

test('an open store keeps none of the names and lines that it was read from', async () => {
  using folder = temporaryFolder();
  fillStore(folder.path, ['cam-1'], segments, Date.UTC(2026, 0, 15, 12));
  const store = await openStore(storeParts(folder.path, systemClock));
  try {
    assert.is(store.cameras()[0]?.count(), segments);
    // Names that are in use, to know that such are found.
    const inUse = Array.from({ length: segments / 20 }, (_, i) => Buffer.from(`${i}.mp4.age`).toString());
    const found = await namesInMemory();
    assert.ok(found >= inUse.length, `${found} of the ${inUse.length} names in use`);
    assert.ok(found < segments / 10, `${found} names, of ${segments} segments`);
    assert.is(store.cameras()[0]?.count(), segments);
  } finally {
    await store.close();
  }
});
