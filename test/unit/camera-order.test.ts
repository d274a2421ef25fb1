import * as assert from 'uvu/assert';
import { PictureLog } from '#agent/camera/ffmpeg/picture-log.ts';
import { openGates } from '#agent/camera/gates.ts';
import { Reorder } from '#agent/camera/reorder.ts';
import type { MonotonicMs } from '#agent/platform/clock.ts';
import { fakeClock } from '../support/fake-clock.ts';
import { suite } from '../support/suite.ts';

const test = suite('order of packets, pictures and sessions');
const ms = (value: number): MonotonicMs => value as MonotonicMs;

function reordering() {
  const given: number[] = [];
  const reorder = new Reorder((packet) => given.push(packet.readUInt16BE(2)));
  const push = (at: number, ...sequences: number[]): void => {
    for (const sequence of sequences) {
      const packet = Buffer.alloc(12);
      packet.writeUInt16BE(sequence & 0xffff, 2);
      reorder.push(packet, ms(at));
    }
  };
  return { given, reorder, push };
}

test('packets in order pass at once', () => {
  const { given, push } = reordering();
  push(0, 65_534, 65_535, 0, 1);
  assert.equal(given, [65_534, 65_535, 0, 1]);
});

test('an early packet waits for those before it, over the wrap too', () => {
  const { given, push } = reordering();
  push(0, 65_534, 0, 1);
  assert.equal(given, [65_534]);
  push(10, 65_535);
  assert.equal(given, [65_534, 65_535, 0, 1]);
});

test('one that never comes is waited for 200 ms, and no longer', () => {
  const { given, push, reorder } = reordering();
  push(0, 10, 12);
  push(199, 13);
  assert.equal(given, [10]);
  reorder.tick(ms(200));
  assert.equal(given, [10, 12, 13]);
  push(300, 14, 11);
  assert.equal(given, [10, 12, 13, 14, 11], 'too late: for whoever counts');
});

test('a second hole has its own time', () => {
  const { given, push, reorder } = reordering();
  push(0, 10, 12);
  push(150, 14);
  reorder.tick(ms(200));
  assert.equal(given, [10, 12]);
  reorder.tick(ms(399));
  assert.equal(given, [10, 12]);
  reorder.tick(ms(400));
  assert.equal(given, [10, 12, 14]);
});

test('holds a bounded number, and gives all of it up at a new beginning or at the end', () => {
  const { given, push, reorder } = reordering();
  push(0, 0);
  for (let i = 2; i < 131; i++) push(1, i);
  assert.is(given.length, 130, 'the 129th early packet ends the wait');
  push(2, 140);
  push(3, 30_000);
  assert.equal(given.slice(-2), [140, 30_000]);
  push(4, 30_002);
  reorder.flush();
  assert.is(given.at(-1), 30_002);
});

test('pictures come back by their tokens with the camera’s own times', () => {
  const log = new PictureLog();
  const a = log.begin(4_294_967_000, ms(100), false);
  const b = log.begin(2000, ms(140), true);
  log.lose(3);
  const c = log.begin(2000, ms(140), false);
  assert.is(b - a, 3600, 'at the pace of arrival');
  assert.is(c, b + 1, 'and always more');
  assert.equal({ ...log.take(a) }, { timestamp: 4_294_967_000, arrivedAt: 100, lost: 0, interrupted: false });
  assert.equal({ ...log.take(c) }, { timestamp: 2000, arrivedAt: 140, lost: 3, interrupted: true });
});

test('tokens that were never given are taken in order; too many of them are none', () => {
  const log = new PictureLog();
  const tokens = [0, 1, 2, 3].map((i) => log.begin(i, ms(i * 40), false));
  assert.is(log.take(0)?.timestamp, 0);
  assert.is(log.take(tokens[3]! + 77)?.timestamp, 1, 'guesses, as a build of 2018 makes');
  assert.is(log.take(tokens[3]!)?.timestamp, 3);
  let found = 0;
  for (let i = 0; i < 100; i++) {
    log.begin(i, ms(1000 + i), false);
    if (log.take(7)) found += 1;
  }
  assert.is(found, 64);
});

test('guesses that count up over the token of a later picture do not stand for it', () => {
  const log = new PictureLog();
  const tokens = Array.from({ length: 60 }, (_, i) => log.begin(i, ms(i * 50), false));
  // As the build of 2018 did with intra refresh: 25 guesses from a little before the 25th picture on.
  const told = [...tokens.keys()].map((i) => (i < 25 ? tokens[24]! - 11 + i : tokens[i]!));
  assert.equal(
    told.map((token) => log.take(token)?.timestamp),
    [...tokens.keys()],
  );
});

test('forgets the oldest of too many pictures, but not what was lost in them', () => {
  const log = new PictureLog();
  log.begin(0, ms(0), true);
  log.lose(5);
  let last = 0;
  for (let i = 1; i <= 8192; i++) last = log.begin(i, ms(i), false);
  assert.equal({ ...log.take(last) }, { timestamp: 8192, arrivedAt: 8192, lost: 5, interrupted: true });
});

test('knows whether the newest picture lacks its end', () => {
  const log = new PictureLog();
  const a = log.begin(1, ms(0), false);
  log.take(a);
  assert.is(log.takenIsCut, true);
  log.complete();
  assert.is(log.takenIsCut, false);
  log.begin(2, ms(1), false);
  assert.is(log.takenIsCut, false, 'another one is');
});

test('sessions with one address begin four at a time and apart; others do not wait', async () => {
  const clock = fakeClock();
  const gates = openGates(clock);
  const never = new AbortController().signal;
  const began: string[] = [];
  const leave: (() => void)[] = [];
  const enter = (name: string, address: string): void => {
    void gates.enter(address, never).then((left) => {
      began.push(name);
      leave.push(left);
    });
  };
  for (let i = 1; i <= 6; i++) enter(`nvr ${i}`, '10.0.0.1 554');
  enter('alone', '10.0.0.2 554');
  await clock.advance(0);
  assert.equal(began, ['nvr 1', 'alone']);
  await clock.advance(99);
  assert.is(began.length, 2);
  await clock.advance(1000);
  assert.equal(began, ['nvr 1', 'alone', 'nvr 2', 'nvr 3', 'nvr 4']);
  leave[0]?.();
  leave[0]?.();
  await clock.advance(1000);
  assert.equal(began.slice(5), ['nvr 5'], 'leaving twice makes no second room');
  leave[2]?.();
  await clock.advance(0);
  assert.equal(began.slice(6), ['nvr 6']);
  for (const each of leave) each();
  enter('later', '10.0.0.1 554');
  await clock.advance(100);
  assert.is(began.at(-1), 'later');
  assert.is(clock.pending(), 0);
});

test('one that gives up waiting lets the next in', async () => {
  const clock = fakeClock();
  const gates = openGates(clock);
  const never = new AbortController().signal;
  const entering = [0, 1, 2, 3].map(() => gates.enter('a', never));
  await clock.advance(1000);
  const held = await Promise.all(entering);
  const impatient = new AbortController();
  const gaveUp = gates.enter('a', impatient.signal);
  let in6 = false;
  void gates.enter('a', never).then(() => {
    in6 = true;
  });
  impatient.abort();
  const leaveUnentered = await gaveUp;
  leaveUnentered();
  await clock.advance(1000);
  assert.is(in6, false, 'four are inside');
  held[0]?.();
  await clock.advance(1000);
  assert.is(in6, true);
});
