import * as assert from 'uvu/assert';
import { cameraRetries } from '#agent/recorder/retries.ts';
import { Failure } from '#protocol/failure.ts';
import { suite } from '../support/suite.ts';

const test = suite('when a camera is asked again');
const latest = { bytes: Buffer.alloc, fraction: () => 1 };
const earliest = { bytes: Buffer.alloc, fraction: () => 0 };
const failure = (code: string): Failure => new Failure('transient', code, '');

test('soon, then within a quarter of a minute for ever', () => {
  const waits = cameraRetries(latest);
  const eight = Array.from({ length: 8 }, () => waits.next(failure('no-connection')));
  assert.equal(eight, [500, 1000, 2000, 4000, 8000, 15_000, 15_000, 15_000]);
});

test('a refused password is tried four times in the first minute at most, then every few minutes', () => {
  const waits = cameraRetries(earliest);
  const tries = [0];
  for (let i = 0; i < 9; i++) tries.push((tries.at(-1) as number) + waits.next(failure('auth-failed')));
  assert.is(tries.filter((ms) => ms < 60_000).length, 4);
  assert.is((tries[9] as number) - (tries[8] as number), 150_000);
  // What has nothing to do with the password waits as usual, and a success forgets both.
  assert.is(waits.next(failure('no-data')), 250);
  waits.reset();
  assert.is(waits.next(failure('auth-failed')), 7500);
  assert.is(waits.next(undefined), 250);
});
