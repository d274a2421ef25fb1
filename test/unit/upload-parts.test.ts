import * as assert from 'uvu/assert';
import { chunkSize } from '#agent/upload/chunk-size.ts';
import { tokenBucket } from '#agent/upload/token-bucket.ts';
import { fakeClock } from '../support/fake-clock.ts';
import { suite } from '../support/suite.ts';

const test = suite('upload parts');
const never = new AbortController().signal;

test('the bucket lets its rate through on average, and a quarter of a second at once', async () => {
  const clock = fakeClock();
  const bucket = tokenBucket(clock, 800_000); // 100 bytes a millisecond.
  let passed = 0;
  const asking = (async () => {
    for (let i = 0; i < 100; i++) {
      await bucket.take(10_000, never);
      passed += 10_000;
    }
  })();
  await clock.advance(0);
  assert.ok(passed <= 35_000, `${passed} at once`);
  for (let second = 1; second <= 5; second++) {
    for (let i = 0; i < 20; i++) await clock.advance(50);
    assert.ok(passed <= 25_000 + second * 100_000 + 10_000, `${passed} after ${second} s`);
    assert.ok(passed >= second * 100_000 - 20_000, `${passed} after ${second} s`);
  }
  for (let i = 0; i < 200; i++) await clock.advance(50);
  await asking;
});

test('a rest does not save up more than the burst', async () => {
  const clock = fakeClock();
  const bucket = tokenBucket(clock, 800_000);
  await clock.advance(3_600_000);
  let passed = 0;
  const asking = (async () => {
    for (let i = 0; i < 10; i++) {
      await bucket.take(10_000, never);
      passed += 10_000;
    }
  })();
  await clock.advance(0);
  assert.ok(passed <= 35_000, `${passed} at once`);
  await clock.advance(2000);
  await asking;
});

test('who no longer waits is told so, and holds nobody up', async () => {
  const clock = fakeClock();
  const bucket = tokenBucket(clock, 8000);
  const first = bucket.take(10_000, never);
  const stop = new AbortController();
  const waits = bucket.take(1000, stop.signal).catch((error: Error) => error.message);
  stop.abort(new Error('closing'));
  await clock.advance(20_000);
  await first;
  assert.is(await waits, 'closing');
});

test('a chunk takes two seconds at the rate the link shows, within its bounds', () => {
  const chunks = chunkSize();
  for (let i = 0; i < 20; i++) chunks.took(chunks.bytes(), chunks.bytes() / 500); // 4 Mbit/s.
  assert.is(chunks.bytes(), 1_000_000);
  for (let i = 0; i < 20; i++) chunks.took(chunks.bytes(), 1);
  assert.is(chunks.bytes(), 4 * 1024 * 1024);
  for (let i = 0; i < 20; i++) chunks.took(chunks.bytes(), chunks.bytes());
  assert.is(chunks.bytes(), 64 * 1024);
  // The last piece of a file says little.
  for (let i = 0; i < 20; i++) chunks.took(chunks.bytes(), 100);
  const before = chunks.bytes();
  chunks.took(100, 1000);
  assert.is(chunks.bytes(), before);
  chunks.lost();
  assert.is(chunks.bytes(), before / 2);
});
