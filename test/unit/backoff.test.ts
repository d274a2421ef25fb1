import * as assert from 'uvu/assert';
import { backoff } from '#agent/lifecycle/backoff.ts';
import { suite } from '../support/suite.ts';

const test = suite('backoff');

test('doubles to its ceiling and starts over', () => {
  const waits = backoff({ bytes: Buffer.alloc, fraction: () => 1 }, 1000, 5000);
  assert.equal(
    [waits.next(), waits.next(), waits.next(), waits.next(), waits.next()],
    [1000, 2000, 4000, 5000, 5000],
  );
  waits.reset();
  assert.is(waits.next(), 1000);
});

test('draws from the upper half', () => {
  const waits = backoff({ bytes: Buffer.alloc, fraction: () => 0 }, 1000, 5000);
  assert.is(waits.next(), 500);
});
