import * as assert from 'uvu/assert';
import { type Judgement, openPictureJudge } from '#agent/picture/judge.ts';
import { grayBytes, grayCells, measure } from '#agent/picture/measure.ts';
import { outlinedCells } from '#agent/picture/reference.ts';
import type { MonotonicMs } from '#agent/platform/clock.ts';
import { type Drawn, drawView } from '../support/drawn-view.ts';
import { suite } from '../support/suite.ts';

const test = suite('pictures judged');
const minute = 60_000;

/** A camera whose pictures a test draws, a minute apart, each with a noise of its own. */
function camera(options: { ptz?: boolean } = {}) {
  const judge = openPictureJudge({ ptz: options.ptz ?? false });
  let at = 0;
  let now = 0;
  const raw = (gray: Uint8Array, more: { mark?: number; repeated?: boolean } = {}): Judgement => {
    at += 1;
    now += paceMs;
    return judge.take({ gray, mark: at, repeated: false, ...more }, now as MonotonicMs);
  };
  const see = (drawn: Drawn = {}): Judgement => raw(drawView({ seed: at + 1, ...drawn }));
  const many = (count: number, drawn: (i: number) => Drawn = () => ({})): string[] =>
    Array.from({ length: count }, (_, i) => see(drawn(i)).state);
  let paceMs = minute;
  const pace = (ms: number): void => {
    paceMs = ms;
  };
  return { raw, see, many, pace };
}
const flat = (level: number): Uint8Array => new Uint8Array(grayBytes).fill(level);

test('a view in order is unknown until it is known, then in order', () => {
  assert.equal(camera().many(5), ['unknown', 'unknown', 'ok', 'ok', 'ok']);
});

test('each fault is believed at its third picture, and taken back at the second that is in order', () => {
  const faults: [Drawn, string][] = [
    [{ gain: 0, lift: 2, noise: 1 }, 'black'],
    [{ gain: 0, lift: 255, noise: 1 }, 'blinded'],
    [{ blur: 5 }, 'blurred'],
    [{ gain: 0, lift: 120, noise: 1 }, 'blurred'],
    [{ aside: 16 }, 'moved'],
    [{ elsewhere: true }, 'moved'],
    [{ seed: 7 }, 'frozen'],
  ];
  for (const [drawn, fault] of faults) {
    const { many } = camera();
    many(6);
    assert.equal(
      many(4, () => drawn),
      ['ok', 'ok', fault, fault],
      fault,
    );
    assert.equal(many(2), [fault, 'ok'], `${fault} taken back`);
  }
});

test('a shift is measured; what is covered is told from what is out of focus', () => {
  const seen = (drawn: Drawn): Judgement | undefined => {
    const { many, see } = camera();
    many(6);
    many(2, () => drawn);
    return see(drawn);
  };
  const shifted = seen({ aside: 16 });
  assert.is(shifted?.state === 'moved' && shifted.reason, 'shifted');
  assert.ok(shifted?.state === 'moved' && Math.abs(shifted.percent - 5) <= 1, JSON.stringify(shifted));
  assert.equal(seen({ elsewhere: true }), { state: 'moved', reason: 'elsewhere', percent: 100 });
  assert.equal(seen({ blur: 5 }), { state: 'blurred', reason: 'defocused' });
  assert.equal(seen({ gain: 0, lift: 120, noise: 1 }), { state: 'blurred', reason: 'covered' });
});

test('two bad pictures, ten times over, are nothing; nor is a fault between good ones', () => {
  const { many } = camera();
  many(6);
  const found = many(30, (i) => (i % 3 === 2 ? {} : { elsewhere: true }));
  assert.equal([...new Set(found)], ['ok']);
});

test('half a view behind a lorry, half the light, twice the noise and a nudge of the wind are in order', () => {
  for (const harmless of [
    { hidden: 0.5 },
    { gain: 0.5 },
    { gain: 1.3, lift: 20 },
    { noise: 12 },
    { aside: 2 },
  ]) {
    const { many } = camera();
    many(6);
    assert.equal([...new Set(many(8, () => harmless))], ['ok'], JSON.stringify(harmless));
  }
});

test('light that comes and goes over a day is in order, and night without light is unknown', () => {
  const { many } = camera();
  const daylight = (i: number): Drawn => ({ gain: 0.55 + 0.45 * Math.cos((i * 2 * Math.PI) / 100) });
  assert.equal([...new Set(many(200, daylight).slice(2))], ['ok']);
  const falling = many(60, (i) => ({ gain: 0.9 ** i, noise: 1 }));
  assert.equal([...new Set(falling)], ['ok', 'unknown']);
  assert.equal([...new Set(many(30, () => ({ gain: 0.002, noise: 1 })))], ['unknown']);
  assert.equal([...new Set(many(40, (i) => ({ gain: Math.min(1, 0.9 ** (60 - 2 * i)) })).slice(-5))], ['ok']);
});

test('darkness by degrees is a fault after the longest night', () => {
  const { many, pace } = camera();
  many(6);
  many(60, (i) => ({ gain: 0.9 ** i, noise: 1 }));
  pace(30 * minute);
  const dark = many(19 * 2, () => ({ gain: 0.002, noise: 1 }));
  assert.equal([dark[17 * 2], dark.at(-1)], ['unknown', 'black']);
});

test('a camera that begins in the dark is unknown', () => {
  assert.equal([...new Set(camera().many(30, () => ({ gain: 0, lift: 1, noise: 1 })))], ['unknown']);
});

test('a view that was meant is the new one after a day', () => {
  const { many, pace } = camera();
  many(6);
  pace(30 * minute);
  const moved = many(29 * 2, () => ({ elsewhere: true }));
  assert.equal([moved[2], moved[23 * 2], moved.at(-1)], ['moved', 'moved', 'ok']);
  assert.equal([...new Set(many(6).slice(2))], ['moved'], 'and the old one is elsewhere then');
});

test('frozen: by the bytes that repeat, by pictures alike down to the noise; not by a film that loops', () => {
  const one = camera();
  one.many(6);
  const states = (repeated: boolean, mark: (i: number) => number): string[] =>
    [1, 2, 3].map(
      (i) => one.raw(drawView({ seed: repeated ? 60 + i : 50 }), { repeated, mark: mark(i) }).state,
    );
  assert.equal(
    states(true, () => 1),
    ['ok', 'frozen', 'frozen'],
  );
  one.many(2);
  assert.equal(
    states(false, (i) => 500 + i),
    ['ok', 'ok', 'frozen'],
  );
  one.many(2);
  assert.equal(
    states(false, () => 600),
    ['ok', 'ok', 'ok'],
  );
});

test('frozen: by parts that come back to the last bit, however the rest is coded anew; not where a poor coder flattens noise', () => {
  const first = drawView({ seed: 50 });
  const { fine } = measure(first);
  const plainFirst = outlinedCells(measure(first)).sort((a, b) => fine[a]! - fine[b]!);
  const spread = plainFirst.filter((_, i) => i % 4 === 0);
  assert.ok(plainFirst.length >= 24 && spread.length >= 8, 'enough to be seen');
  /** Pictures in which only these cells come back. */
  const states = (cells: readonly number[], marks: number): string[] => {
    const one = camera();
    one.many(6);
    return [0, 1, 2].map((i) => {
      const gray = drawView({ seed: 70 + i }).map((level, at) =>
        cells.includes(grayCells[at]!) ? first[at]! : level,
      );
      return one.raw(gray, { mark: marks + i }).state;
    });
  };
  assert.equal(states(spread, 700), ['ok', 'ok', 'frozen'], 'a quarter, of every kind');
  assert.equal(states(spread.slice(0, 5), 710), ['ok', 'ok', 'ok'], 'a few');
  assert.equal(
    states(plainFirst.slice(0, plainFirst.length / 2), 720),
    ['ok', 'ok', 'ok'],
    'half of the view, and nothing of what has detail',
  );
  // A thing without grain in front of a view that lives, as a mask that the camera draws: its edges repeat, too.
  const masked = camera();
  masked.many(6);
  const drawn = (at: number): boolean => Math.floor(at / 320) < 150 && at % 320 < 240;
  const bars = (at: number): number => (Math.floor((at % 320) / 20) % 2 === 0 ? 60 : 180);
  const seen = [0, 1, 2].map((i) => {
    const gray = drawView({ seed: 80 + i }).map((level, at) => (drawn(at) ? bars(at) : level));
    return masked.raw(gray, { mark: 730 + i }).state;
  });
  assert.not(seen.includes('frozen'), seen.join(' '));
});

test('what turns is judged by itself alone', () => {
  const { many } = camera({ ptz: true });
  many(6);
  assert.equal([...new Set(many(6, (i) => ({ elsewhere: i % 2 === 0 })))], ['ok']);
  assert.equal(many(3, () => ({ gain: 0, lift: 2, noise: 1 })).at(-1), 'black');
});

test('a camera that only ever shows one level says nothing about it but at both ends', () => {
  const end = (level: number): string => {
    const { raw } = camera();
    return Array.from({ length: 6 }, () => raw(flat(level)).state).at(-1) as string;
  };
  assert.equal([0, 60, 128, 200, 255].map(end), ['unknown', 'unknown', 'unknown', 'unknown', 'blinded']);
});
