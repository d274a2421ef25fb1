import { getEventListeners } from 'node:events';
import * as assert from 'uvu/assert';
import { inRounds } from '../../deploy/hub/rounds.ts';
import { fakeClock } from '../support/fake-clock.ts';
import { suite } from '../support/suite.ts';

const test = suite('what the hub does in rounds');

test('now, then each time, with one listener after a year of them; not once more when it ends', async () => {
  const clock = fakeClock();
  const ending = new AbortController();
  let done = 0;
  inRounds(clock, 60_000, ending.signal, () => {
    done++;
  });
  assert.is(done, 1);
  for (let round = 0; round < 100; round++) await clock.advance(60_000);
  assert.is(done, 101);
  assert.is(getEventListeners(ending.signal, 'abort').length, 1);
  ending.abort();
  await clock.advance(600_000);
  assert.is(done, 101);
});

test('work that ends it is the last', async () => {
  const clock = fakeClock();
  const ending = new AbortController();
  let done = 0;
  inRounds(clock, 1000, ending.signal, () => {
    if (++done === 2) ending.abort();
  });
  await clock.advance(10_000);
  assert.is(done, 2);
});
