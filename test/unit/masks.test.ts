import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { instantText } from '#protocol/time.ts';
import { maskViewing } from '../../deploy/hub/masks/mask-viewing.ts';
import { instantAt } from '../../deploy/hub/masks/masked-film.ts';
import { type Masks, parseMasks, rectanglesAt } from '../../deploy/hub/masks/masks.ts';
import { blockOf } from '../../deploy/hub/masks/mosaic.ts';
import { frameBytes, openPainter, unionArea } from '../../deploy/hub/masks/paint.ts';
import { codeThrown } from '../support/code-thrown.ts';
import { suite } from '../support/suite.ts';

const test = suite('masks');

const start = Date.UTC(2026, 0, 15, 10);
const size = { width: 192, height: 128 };
const key = (atMs: number, x: number, y: number, width = 40, height = 60) => ({
  at: instantText(start + atMs),
  x,
  y,
  width,
  height,
});

function masksOf(change: Record<string, unknown> = {}): Masks {
  const document = {
    version: 1,
    picture: size,
    mode: 'except',
    style: 'solid',
    regions: [{ name: 'richiedente', keys: [key(0, 10, 20), key(1000, 50, 20)] }],
    ...change,
  };
  return parseMasks(Buffer.from(JSON.stringify(document))).masks;
}

/** A picture whose every sample says where it is and which of several it is. */
function pictureOf(seed: number): Buffer {
  const frame = Buffer.alloc(frameBytes(size));
  for (let at = 0; at < frame.length; at++)
    frame[at] = ((at * 37 + seed * 101 + (at >> 7)) & 127) + (at % size.width > 90 ? 100 : 0);
  return frame;
}

/** Whether a sample of any plane lies in one of the rectangles. */
function inside(at: number, rectangles: ReturnType<typeof rectanglesAt>): boolean {
  const luma = size.width * size.height;
  const half = at < luma ? 1 : 2;
  const within = at < luma ? at : (at - luma) % (luma / 4);
  const x = (within % (size.width / half)) * half;
  const y = Math.floor(within / (size.width / half)) * half;
  return rectangles.some((one) => x >= one.left && x < one.right && y >= one.top && y < one.bottom);
}

test('a region moves in a straight line between its keys, and is nowhere before and after', () => {
  const masks = masksOf();
  const at = (ms: number) => rectanglesAt(masks, start + ms, size);
  assert.equal(at(0), [{ left: 10, top: 20, right: 50, bottom: 80 }]);
  assert.equal(at(500), [{ left: 30, top: 20, right: 70, bottom: 80 }]);
  assert.equal(at(1000), [{ left: 50, top: 20, right: 90, bottom: 80 }]);
  assert.equal(at(-1), []);
  assert.equal(at(1001), []);
  const resting = masksOf({
    regions: [{ from: instantText(start), to: instantText(start + 5000), keys: [key(2000, 10, 20)] }],
  });
  assert.is(rectanglesAt(resting, start, size).length, 1);
  assert.is(rectanglesAt(resting, start + 5000, size).length, 1);
});

test('what is left to be seen shrinks to even edges, what is masked grows to them', () => {
  const odd = { regions: [{ keys: [key(0, 11, 21, 39, 59), key(1000, 11, 21, 39, 59)] }] };
  assert.equal(rectanglesAt(masksOf(odd), start, size), [{ left: 12, top: 22, right: 50, bottom: 80 }]);
  const masked = masksOf({ ...odd, mode: 'at' });
  assert.equal(rectanglesAt(masked, start, size), [{ left: 10, top: 20, right: 50, bottom: 80 }]);
});

test('a picture of another size has its regions in the same places', () => {
  const [one] = rectanglesAt(masksOf(), start, { width: 384, height: 256 });
  assert.equal(one, { left: 20, top: 40, right: 100, bottom: 160 });
});

for (const mode of ['except', 'at'] as const)
  test(`${mode}: what is seen is the picture, what is masked says nothing of it`, () => {
    const masks = masksOf({ mode });
    const at = start + 300;
    const rectangles = rectanglesAt(masks, at, size);
    const [one, other] = [pictureOf(1), pictureOf(2)];
    const masked = [one, other].map((frame) => openPainter(masks, size)(frame, at));
    for (let sample = 0; sample < one.length; sample++) {
      const seen = inside(sample, rectangles) === (mode === 'except');
      if (seen) assert.is(masked[0]?.[sample], one[sample]);
      else assert.is(masked[0]?.[sample], masked[1]?.[sample]);
    }
    assert.not.equal(masked[0], masked[1]);
  });

test('where no region is, and where the instant is not sure, everything is masked, in both modes', () => {
  for (const mode of ['except', 'at']) {
    const paint = openPainter(masksOf({ mode }), size);
    for (const at of [start - 1, start + 1001, undefined])
      assert.equal(new Set(paint(pictureOf(1), at)), new Set([16, 128]));
  }
});

test('a mosaic says of a block its mean, in sixteen steps, and of a second one picture', () => {
  const masks = masksOf({ style: 'mosaic' });
  const at = start + 300;
  const frame = pictureOf(1);
  const shuffled = Buffer.from(frame);
  const block = blockOf(size);
  const seen = rectanglesAt(masks, at, size);
  // The same samples of every block in another order: another picture with the same means.
  for (let top = 0; top < size.height; top += block)
    for (let left = 0; left < size.width; left += block) {
      const places: number[] = [];
      for (let y = top; y < Math.min(size.height, top + block); y++)
        for (let x = left; x < Math.min(size.width, left + block); x++)
          if (!inside(y * size.width + x, seen)) places.push(y * size.width + x);
      const values = places.map((place) => frame[place] as number).reverse();
      for (const [index, place] of places.entries()) shuffled[place] = values[index] as number;
    }
  assert.not.equal(shuffled, frame);
  const masked = openPainter(masks, size)(frame, at);
  assert.equal(openPainter(masks, size)(shuffled, at), masked);
  const hidden = [...masked].filter((_, sample) => !inside(sample, seen));
  assert.ok(hidden.every((value) => value % 16 === 0));
  assert.ok(new Set(hidden).size > 1, 'it is no plain colour');
  const paint = openPainter(masks, size);
  const first = paint(pictureOf(1), start + 300);
  const later = paint(pictureOf(7), start + 900);
  for (let sample = 0; sample < first.length; sample++)
    if (
      !inside(sample, rectanglesAt(masks, start + 300, size)) &&
      !inside(sample, rectanglesAt(masks, start + 900, size))
    )
      assert.is(later[sample], first[sample]);
});

test('a block is a twelfth of the height and never below 32 pixels', () => {
  assert.is(blockOf({ width: 768, height: 576 }), 48);
  assert.is(blockOf({ width: 1920, height: 1080 }), 90);
  assert.is(blockOf({ width: 320, height: 240 }), 32);
});

test('masks that leave as good as everything to be seen are refused', async () => {
  const whole = { regions: [{ keys: [key(0, -5, -5, 300, 300), key(1000, -5, -5, 300, 300)] }] };
  const tiny = { mode: 'at', regions: [{ keys: [key(0, 0, 0, 4, 4), key(1000, 0, 0, 4, 4)] }] };
  for (const change of [whole, tiny])
    assert.is(
      await codeThrown(async () => openPainter(masksOf(change), size)(pictureOf(1), start)),
      'masks-open',
    );
});

test('the area of rectangles counts what several cover once', () => {
  const rectangle = fc
    .tuple(fc.nat(20), fc.nat(20), fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 20 }))
    .map(([left, top, width, height]) => ({ left, top, right: left + width, bottom: top + height }));
  fc.assert(
    fc.property(fc.array(rectangle, { minLength: 1, maxLength: 8 }), (all) => {
      let counted = 0;
      for (let x = 0; x < 40; x++)
        for (let y = 0; y < 40; y++)
          if (all.some((one) => x >= one.left && x < one.right && y >= one.top && y < one.bottom)) counted++;
      assert.is(unionArea(all), counted);
    }),
  );
});

test('a film’s pictures beside a break belong to no sure instant', () => {
  const film = {
    name: 'viewing.mp4',
    durationMs: 4000,
    stretches: [
      { atMs: 0, start, end: start + 2000 },
      { atMs: 2000, start: start + 60_000, end: start + 62_000 },
    ],
  };
  assert.is(instantAt(film, 0, 40), start);
  assert.is(instantAt(film, 1920, 40), start + 1920);
  assert.is(instantAt(film, 1960, 40), undefined);
  assert.is(instantAt(film, 2000, 40), undefined);
  assert.is(instantAt(film, 2040, 40), start + 60_040);
});

test('every problem of the document is said, with its place', () => {
  const broken = {
    version: 1,
    picture: size,
    mode: 'beside',
    colour: 'red',
    regions: [
      { keys: [key(0, 0, 0), { ...key(1000, 0, 0), x: 'left' }] },
      { keys: [key(1000, 0, 0), key(0, 0, 0)] },
      { keys: [key(0, 0, 0)] },
    ],
  };
  let said = '';
  try {
    parseMasks(Buffer.from(JSON.stringify(broken)), 'a.json');
  } catch (error) {
    said = (error as Error).message;
  }
  for (const place of [
    'a.json: ',
    'mode: ',
    'colour',
    'regions[0].keys[1].x: ',
    'regions[1].keys[1].at: ',
    'regions[2].to: ',
  ])
    assert.ok(said.includes(place), `${place} in ${said}`);
  for (const text of ['', '[]', '{', `{"version":1,"regions":[]}`])
    assert.throws(() => parseMasks(Buffer.from(text)), /masks.json/);
});

test('regions of another day are refused before anything is decoded', async () => {
  const viewing = {
    files: [
      {
        name: 'viewing.mp4',
        path: '/nowhere',
        sha256: '0'.repeat(64),
        durationMs: 1000,
        stretches: [{ atMs: 0, start: start + 86_400_000, end: start + 86_401_000 }],
      },
    ],
    incomplete: [],
  };
  const masks = { masks: masksOf(), sha256: '0'.repeat(64) };
  assert.is(
    await codeThrown(() => maskViewing(viewing, masks, { path: '/nowhere' }, true)),
    'masks-elsewhere',
  );
});
