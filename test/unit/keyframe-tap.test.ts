import * as assert from 'uvu/assert';
import type { Fragment, Ingest, Track } from '#agent/camera/ingest.ts';
import { type KeyframeFilm, openKeyframeTap } from '#agent/camera/keyframe-tap.ts';
import { headBytes, writeHead } from '#agent/camera/moof.ts';
import { codeThrown } from '../support/code-thrown.ts';
import { fakeClock } from '../support/fake-clock.ts';
import { suite } from '../support/suite.ts';

const test = suite('keyframes tapped from a running stream');
const never = new AbortController().signal;

/** A fragment of two samples, the first of these bytes. */
function fragmentOf(keyframe: Buffer): Buffer {
  const head = headBytes(2, false);
  const bytes = Buffer.concat([Buffer.alloc(head), keyframe, Buffer.alloc(300, 9)]);
  const samples = {
    count: 2,
    keyframe: true,
    intra: false,
    durations: Uint32Array.of(1, 1),
    sizes: Uint32Array.of(keyframe.length, 300),
    offsets: new Int32Array(2),
    reordered: false,
  };
  writeHead(bytes, head, bytes.length, 1, 0, samples);
  return bytes;
}

/** A session that sends what the test says, when it says so. */
function tapped() {
  const clock = fakeClock();
  const tap = openKeyframeTap(clock);
  let send: (keyframe: Buffer, isKey?: boolean, standsAlone?: boolean) => void = () => {};
  const ingest = {
    stats: () => ({}),
    async run(sink: { track(track: Track): void; fragment(fragment: Fragment): void }) {
      sink.track({ initSegment: Buffer.from('head') } as unknown as Track);
      send = (keyframe, isKey = true, standsAlone = false) =>
        sink.fragment({
          bytes: fragmentOf(keyframe),
          keyframe: isKey,
          standsAlone,
          arrivedAt: clock.monotonic(),
        } as Fragment);
    },
  };
  void tap.over(ingest as unknown as Ingest).run({ track() {}, fragment() {} }, never);
  const take = async (...pictures: Buffer[]): Promise<KeyframeFilm> => {
    const next = tap.next(1000, never);
    for (const picture of pictures) send(picture);
    return await next;
  };
  return { clock, tap, take, send: (...sent: Parameters<typeof send>) => send(...sent) };
}
const picture = (seed: number): Buffer =>
  Buffer.from(Array.from({ length: 4000 }, (_, i) => (i * seed) % 251));

test('the film is the head and the whole group of pictures, as they passed', async () => {
  const { take } = tapped();
  const { bytes } = await take(picture(7));
  assert.equal(bytes, Buffer.concat([Buffer.from('head'), fragmentOf(picture(7))]));
});

test('a keyframe that stands alone is the film, broken off behind it', async () => {
  const { tap, send } = tapped();
  const next = tap.next(1000, never);
  send(picture(7), true, true);
  const whole = Buffer.concat([Buffer.from('head'), fragmentOf(picture(7))]);
  assert.equal((await next).bytes, whole.subarray(0, -300));
});

test('repeated: only when at least two passed, and all of them had the bytes of the one before', async () => {
  const { take, send } = tapped();
  assert.not((await take(picture(7))).repeated, 'nothing came before it');
  assert.not((await take(picture(7))).repeated, 'one alone is no proof');
  send(picture(7));
  assert.ok((await take(picture(7))).repeated);
  send(picture(8));
  assert.not((await take(picture(7))).repeated, 'another in between: a film that loops');
  send(picture(7), false);
  send(picture(7));
  assert.ok((await take(picture(7))).repeated, 'what is no keyframe does not count');
});

test('the time in front of a picture is no other picture; one pixel anywhere behind it is', async () => {
  const { take } = tapped();
  const one = picture(7);
  const stamped = Buffer.from(one);
  stamped.write('2026-01-15T12:00:00Z', 30);
  const changed = Buffer.from(one);
  changed[1500]! ^= 1;
  const marks = [await take(one), await take(stamped), await take(changed)].map(({ mark }) => mark);
  assert.is(marks[0], marks[1]);
  assert.is.not(marks[0], marks[2]);
  // One of few bytes has nothing to spare.
  const small = [await take(Buffer.alloc(100, 1)), await take(Buffer.alloc(100, 2))].map(({ mark }) => mark);
  assert.is.not(small[0], small[1]);
});

test('no picture within its time is said, and nobody waits on', async () => {
  const { clock, tap } = tapped();
  const waiting = codeThrown(() => tap.next(1000, never));
  await clock.advance(1001);
  assert.is(await waiting, 'no-picture');
  const stop = new AbortController();
  const stopped = tap.next(1000, stop.signal).then(
    () => 'came',
    () => 'stopped',
  );
  stop.abort();
  assert.is(await stopped, 'stopped');
  assert.is(clock.pending(), 0);
});
