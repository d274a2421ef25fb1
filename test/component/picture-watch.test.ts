import * as assert from 'uvu/assert';
import { openPictureWatch, type PictureCamera } from '#agent/picture/watch.ts';
import { Failure } from '#protocol/failure.ts';
import { toldConditions } from '../support/conditions.ts';
import { type Drawn, drawView } from '../support/drawn-view.ts';
import { fakeClock } from '../support/fake-clock.ts';
import { suite } from '../support/suite.ts';

const test = suite('pictures of all cameras watched');
const everyMs = 60_000;

/** Cameras whose pictures a test draws; a picture that is decoded says so. */
async function watched(
  count: number,
  body: (world: Awaited<ReturnType<typeof open>>) => Promise<void>,
  together = 1,
) {
  const world = await open(count, together);
  const ending = new AbortController();
  const running = world.watch.run(ending.signal);
  await body(world);
  ending.abort();
  await world.clock.advance(1000);
  await running;
  assert.is(world.clock.pending(), 0);
}

async function open(count: number, together: number) {
  const clock = fakeClock();
  const told = await toldConditions(clock);
  const world = {
    clock,
    ...told,
    shown: {} as Record<string, Drawn>,
    fails: {} as Record<string, string>,
    hangs: new Set<string>(),
    decoded: [] as { id: string; at: number }[],
  };
  let seed = 0;
  const cameras = Array.from({ length: count }, (_, index): PictureCamera => {
    const id = `cam-${index + 1}`;
    return {
      id,
      ptz: false,
      async keyframe() {
        if (world.fails[id]) throw new Failure('transient', world.fails[id], 'no picture');
        if (world.hangs.has(id)) await new Promise(() => {});
        seed += 1;
        return { bytes: Buffer.from(id), mark: seed, repeated: false };
      },
      async decode(film) {
        await new Promise((done) => clock.after(200, () => done(undefined)));
        world.decoded.push({ id: film.toString(), at: clock.monotonic() });
        return drawView({ seed, ...world.shown[id] });
      },
    };
  });
  return {
    ...world,
    world,
    watch: openPictureWatch({ cameras, everyMs, together, conditions: told.conditions, clock }),
  };
}

test('a picture a minute of each camera, spread over the minute', async () => {
  await watched(14, async ({ world, watch }) => {
    assert.is(watch.reading('cam-1'), 'unknown');
    await world.clock.advance(10_000 + 10 * everyMs);
    for (let index = 1; index <= 14; index++) {
      const mine = world.decoded.filter(({ id }) => id === `cam-${index}`);
      assert.ok(mine.length >= 9 && mine.length <= 11, `${mine.length} pictures of camera ${index}`);
      assert.is(watch.reading(`cam-${index}`), 'ok');
    }
    const second = world.decoded.map(({ at }) => Math.floor(at / 1000));
    assert.ok(new Set(second).size > 0.9 * second.length, 'two in one second are rare');
    assert.equal(world.said, []);
  });
});

test('with several together, each moment of the minute belongs to one group of them', async () => {
  await watched(
    14,
    async ({ world }) => {
      await world.clock.advance(10_000 + 3 * everyMs);
      const moments = new Map<number, string[]>();
      for (const { id, at } of world.decoded) moments.set(at, [...(moments.get(at) ?? []), id]);
      const groups = [...moments.values()].map((ids) => ids.sort().join(' '));
      assert.is(new Set(groups).size, 4);
      for (const ids of moments.values()) assert.ok(ids.length === 3 || ids.length === 4, ids.join(' '));
    },
    4,
  );
});

test('a fault is told of its camera within three minutes, the graver one instead of the lesser, and taken back', async () => {
  await watched(2, async ({ world, watch }) => {
    await world.clock.advance(6 * everyMs);
    world.shown['cam-2'] = { elsewhere: true };
    await world.clock.advance(3 * everyMs);
    assert.equal(world.said, ['camera-picture-moved.cam-2 raised elsewhere']);
    assert.equal([watch.reading('cam-1'), watch.reading('cam-2')], ['ok', 'moved']);
    world.shown['cam-2'] = { gain: 0, lift: 2, noise: 1 };
    await world.clock.advance(3 * everyMs);
    assert.equal(world.said.slice(1), [
      'camera-picture-black.cam-2 raised black',
      'camera-picture-moved.cam-2 cleared',
    ]);
    world.shown['cam-2'] = {};
    await world.clock.advance(2 * everyMs);
    assert.equal(world.said.slice(3), ['camera-picture-black.cam-2 cleared']);
    assert.is(watch.reading('cam-2'), 'ok');
    world.shown['cam-1'] = { aside: 16 };
    await world.clock.advance(3 * everyMs);
    assert.equal(world.said.slice(4), ['camera-picture-moved.cam-1 raised shifted']);
    assert.ok(/[456] %/.test(world.details.at(-1) ?? ''), world.details.at(-1));
  });
});

test('without a picture, or without ffmpeg, nothing is known, and what was raised stays so', async () => {
  await watched(2, async ({ world, watch }) => {
    await world.clock.advance(5 * everyMs);
    world.shown['cam-1'] = { blur: 5 };
    await world.clock.advance(3 * everyMs);
    assert.equal(world.said, ['camera-picture-blurred.cam-1 raised defocused']);
    world.fails = Object.assign(world.fails, { 'cam-1': 'no-picture', 'cam-2': 'no-ffmpeg' });
    await world.clock.advance(10 * everyMs);
    assert.equal([watch.reading('cam-1'), watch.reading('cam-2')], ['unknown', 'unknown']);
    assert.is(world.said.length, 1);
  });
});

test('a camera whose picture hangs is told, and holds no other up', async () => {
  await watched(2, async ({ world, watch }) => {
    await world.clock.advance(4 * everyMs);
    world.hangs.add('cam-1');
    await world.clock.advance(5 * everyMs);
    assert.equal(world.said, ['probe-stuck.picture raised hanging']);
    assert.equal([watch.reading('cam-1'), watch.reading('cam-2')], ['unknown', 'ok']);
    assert.ok(world.decoded.filter(({ id }) => id === 'cam-2').length >= 8);
  });
});
