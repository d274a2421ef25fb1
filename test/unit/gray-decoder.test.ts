import * as assert from 'uvu/assert';
import { openGrayDecoder } from '#agent/camera/ffmpeg/gray.ts';
import { codeThrown } from '../support/code-thrown.ts';
import { fakeClock } from '../support/fake-clock.ts';
import { suite } from '../support/suite.ts';

const test = suite('pictures of several cameras gathered for one process');
const never = new AbortController().signal;

function decoder(together: number) {
  const clock = fakeClock();
  const world = { clock, asked: 0 };
  const size = { width: 4, height: 3 };
  const ffmpeg = async () => {
    world.asked += 1;
    return undefined;
  };
  return { ...openGrayDecoder({ ffmpeg, size, together, gatherMs: 5000, clock }), world };
}

test('the last of them begins it; fewer wait no longer than they are told to', async () => {
  const { decode, world } = decoder(2);
  const both = [decode(Buffer.alloc(9), never), decode(Buffer.alloc(9), never)];
  for (const one of both) assert.is(await codeThrown(() => one), 'no-ffmpeg');
  assert.is(world.clock.pending(), 0);
  const lone = codeThrown(() => decode(Buffer.alloc(9), never));
  const before = world.asked;
  await world.clock.advance(4999);
  assert.is(world.asked, before);
  await world.clock.advance(1);
  assert.is(await lone, 'no-ffmpeg');
});

test('when nobody waits any more, nothing is begun and no time is waited for', async () => {
  const { decode, world } = decoder(3);
  const stop = new AbortController();
  const gone = [decode(Buffer.alloc(9), stop.signal), decode(Buffer.alloc(9), stop.signal)];
  stop.abort(new Error('the agent stops'));
  for (const one of await Promise.allSettled(gone)) assert.is(one.status, 'rejected');
  assert.is(world.clock.pending(), 0);
  assert.is(world.asked, 0);
});
