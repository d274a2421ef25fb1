import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { sha256 } from '#protocol/envelope.ts';
import { instantText } from '#protocol/time.ts';
import { maskViewing } from '../../deploy/hub/masks/mask-viewing.ts';
import { maskedStills } from '../../deploy/hub/masks/masked-still.ts';
import { type MaskFile, parseMasks, rectanglesAt } from '../../deploy/hub/masks/masks.ts';
import type { Viewing } from '../../deploy/hub/viewing/clear.ts';
import { joinSegments } from '../../deploy/hub/viewing/join.ts';
import { start } from '../support/hub-case.ts';
import { cutClip, ffmpeg } from '../support/hub-segments.ts';
import { findProgram } from '../support/real-parts.ts';
import { suite } from '../support/suite.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { fileOutput } from '../support/viewing.ts';

const test = suite('masked films, decoded again', { timeoutMs: 240_000 });

const size = { width: 320, height: 240 };
const seconds = 3;
const secret = 'Rossi-Mario-via-Roma-1';

function make(args: string[]): void {
  const { status, stderr } = spawnSync(ffmpeg, ['-v', 'error', ...args]);
  assert.is(status, 0, String(stderr));
}

/** The region that is left: it moves, so that keys and the film's own times matter. */
const key = (atMs: number, x: number) => ({
  at: instantText(start + atMs),
  x,
  y: 60,
  width: 80,
  height: 120,
});
const masksOf = (change: Record<string, unknown> = {}): MaskFile =>
  parseMasks(
    Buffer.from(
      JSON.stringify({
        version: 1,
        picture: size,
        mode: 'except',
        style: 'solid',
        regions: [{ keys: [key(0, 20), key(seconds * 1000, 200)] }],
        ...change,
      }),
    ),
  );

/**
 * Two films, lossless: the same within `keep`, everywhere else two pictures that have nothing in common; the second one
 * names somebody in its metadata and in its stream.
 */
function twoFilms(folder: string, masks: MaskFile, keepMasked: boolean): [string, string] {
  const frames = seconds * 10;
  const bytes = (size.width * size.height * 3) / 2;
  const raw = [Buffer.alloc(frames * bytes), Buffer.alloc(frames * bytes)] as const;
  for (let frame = 0; frame < frames; frame++) {
    const rectangles = rectanglesAt(masks.masks, start + frame * 100, size);
    const luma = size.width * size.height;
    for (let at = 0; at < bytes; at++) {
      const half = at < luma ? 1 : 2;
      const within = at < luma ? at : (at - luma) % (luma / 4);
      const x = (within % (size.width / half)) * half;
      const y = Math.floor(within / (size.width / half)) * half;
      // A picture more on each side: the film's times and the painter's may differ by less than one.
      const inside = rectangles.some(
        (one) => x >= one.left - 8 && x < one.right + 8 && y >= one.top - 8 && y < one.bottom + 8,
      );
      const common = 32 + ((x * 3 + y * 5 + frame * 2) % 160);
      const same = keepMasked ? !inside : inside;
      raw[0][frame * bytes + at] = same ? common : 20 + ((x ^ y) & 63);
      raw[1][frame * bytes + at] = same ? common : 230 - (((x * y) >> 3) & 127);
    }
  }
  const made = raw.map((pixels, index) => {
    const from = join(folder, `${index}.yuv`);
    const to = join(folder, `${index}.mp4`);
    writeFileSync(from, pixels);
    const input = ['-f', 'rawvideo', '-pix_fmt', 'yuv420p', '-video_size', `${size.width}x${size.height}`];
    const named = index === 1 ? ['-metadata', `title=${secret}`, '-metadata', `comment=${secret}`] : [];
    const stream =
      index === 1
        ? ['-bsf:v', `h264_metadata=sei_user_data=086f3693-b7b3-4f2c-9653-21492feee5b8+${secret}`]
        : [];
    make([
      ...[...input, '-framerate', '10', '-i', from, '-c:v', 'libx264', '-qp', '0', '-preset', 'ultrafast'],
      ...['-pix_fmt', 'yuv420p', '-g', '10', ...named, ...stream, to],
    ]);
    return to;
  });
  return made as [string, string];
}

async function viewingOf(folder: string, film: string): Promise<Viewing> {
  const pieces = cutClip(join(folder, 'cut'), 1, film);
  let at = start;
  const segments = pieces.map(({ clear, durationMs }) => {
    const segment = {
      start: at,
      async *chunks() {
        yield clear;
      },
    };
    at += durationMs;
    return segment;
  });
  const joined = await joinSegments(segments, { from: start, to: at }, fileOutput(folder));
  const files = joined.map((one) => {
    const path = join(folder, one.name);
    return { ...one, path, sha256: sha256(readFileSync(path)) };
  });
  return { files, incomplete: [] };
}

/** Every picture of a film. */
function decoded(film: string): Buffer[] {
  const { stdout, status, stderr } = spawnSync(
    ffmpeg,
    ['-v', 'error', '-i', film, '-pix_fmt', 'yuv420p', '-f', 'rawvideo', '-'],
    { maxBuffer: 1 << 28 },
  );
  assert.is(status, 0, String(stderr));
  const bytes = (size.width * size.height * 3) / 2;
  assert.is(stdout.length % bytes, 0);
  return Array.from({ length: stdout.length / bytes }, (_, index) =>
    stdout.subarray(index * bytes, (index + 1) * bytes),
  );
}

async function masked(
  folder: string,
  film: string,
  masks: MaskFile,
): Promise<{ film: Buffer; still: Buffer; path: string }> {
  mkdirSync(folder);
  const clear = await viewingOf(folder, film);
  const { files } = await maskViewing(clear, masks, { path: folder }, true);
  const [one] = files;
  assert.is(one?.derived?.from, clear.files[0]?.sha256);
  assert.is(one?.derived?.masks, masks.sha256);
  const still = await maskedStills(clear, masks.masks)(start + 1500, { format: 'png' });
  return { film: readFileSync(one?.path ?? ''), still: still.bytes, path: one?.path ?? '' };
}

for (const mode of ['except', 'at'] as const)
  test(`${mode}: from two sources that differ under the mask alone come the same bytes, film and still`, async () => {
    using folder = temporaryFolder();
    const masks = masksOf({ mode });
    // In mode "at" what is inside differs: there the wider edge of what is kept has to be part of the mask.
    const wide =
      mode === 'at'
        ? masksOf({
            mode,
            regions: [
              {
                keys: [key(0, 20), key(seconds * 1000, 200)].map((one) => ({
                  ...one,
                  x: one.x - 24,
                  y: one.y - 24,
                  width: one.width + 48,
                  height: one.height + 48,
                })),
              },
            ],
          })
        : masks;
    const [one, other] = twoFilms(folder.path, masks, mode === 'at');
    const first = await masked(join(folder.path, 'a'), one, wide);
    const second = await masked(join(folder.path, 'b'), other, wide);
    const sources = [one, other].map((film) => decoded(film));
    assert.ok(sources[0]?.some((frame, index) => !frame.equals(sources[1]?.[index] as Buffer)));
    assert.is(sha256(first.film), sha256(second.film));
    assert.is(sha256(first.still), sha256(second.still));
    assert.not(second.film.includes(secret), 'a name of the source');
    assert.ok(readFileSync(other).includes(secret), 'which the source has');
  });

test('mosaic: a film says no more of what is masked than a few levels a block', async () => {
  using folder = temporaryFolder();
  const masks = masksOf({ style: 'mosaic' });
  const [film] = twoFilms(folder.path, masks, false);
  const { path } = await masked(join(folder.path, 'a'), film, masks);
  const frames = decoded(path);
  assert.ok(frames.length >= seconds * 10 - 2);
  // Far from the region; codecs smear edges by a pixel or two.
  const frame = frames[5] as Buffer;
  for (let top = 0; top + 32 <= 48; top += 32)
    for (let left = 0; left + 32 <= size.width; left += 32) {
      let [low, high] = [255, 0];
      for (let y = top + 3; y < top + 29; y++)
        for (let x = left + 3; x < left + 29; x++) {
          const value = frame[y * size.width + x] as number;
          low = Math.min(low, value);
          high = Math.max(high, value);
        }
      assert.ok(high - low <= 6, `block ${left},${top} spans ${high - low}`);
    }
});

test('what is seen in the region is what was filmed there then, and the rest is black', async () => {
  using folder = temporaryFolder();
  const masks = masksOf();
  const [film] = twoFilms(folder.path, masks, false);
  const { path } = await masked(join(folder.path, 'a'), film, masks);
  const [source, out] = [decoded(film), decoded(path)];
  for (const frame of [0, 10, 20, 29]) {
    const [seen] = rectanglesAt(masks.masks, start + frame * 100, size);
    if (!seen) throw new Error('no region');
    let [sum, count, lit] = [0, 0, 0];
    for (let y = 0; y < size.height; y++)
      for (let x = 0; x < size.width; x++) {
        const at = y * size.width + x;
        const value = out[frame]?.[at] as number;
        if (x >= seen.left + 8 && x < seen.right - 8 && y >= seen.top + 8 && y < seen.bottom - 8) {
          sum += Math.abs(value - (source[frame]?.[at] as number));
          count++;
        } else if (x < seen.left - 8 || x >= seen.right + 8 || y < seen.top - 8 || y >= seen.bottom + 8)
          lit += value > 24 ? 1 : 0;
      }
    assert.ok(sum / count < 12, `picture ${frame} differs by ${sum / count}`);
    assert.is(lit, 0);
  }
});

if (!findProgram('ffprobe')) test.skip('pixels that are not square', 'ffprobe is missing');
else
  test('pixels that are not square are shown as wide as they were filmed', async () => {
    using folder = temporaryFolder();
    const masks = masksOf();
    const [film] = twoFilms(folder.path, masks, false);
    const wide = join(folder.path, 'wide.mp4');
    make(['-i', film, '-c', 'copy', '-bsf:v', 'h264_metadata=sample_aspect_ratio=16/11', wide]);
    const shapes = [];
    for (const [index, source] of [film, wide].entries()) {
      const { path } = await masked(join(folder.path, `masked-${index}`), source, masks);
      const { stdout } = spawnSync('ffprobe', [
        ...[
          '-v',
          'error',
          '-show_entries',
          'stream=width,height,sample_aspect_ratio',
          '-of',
          'csv=p=0',
          path,
        ],
      ]);
      shapes.push(stdout.toString().trim());
    }
    assert.is(shapes[1], '320,240,16:11');
    assert.match(shapes[0] as string, /^320,240,(1:1|N\/A)$/);
  });

if (!findProgram('ffprobe')) test.skip('what the file says of itself', 'ffprobe is missing');
else
  test('the file says of itself what an encoder says, and nothing of its source', async () => {
    using folder = temporaryFolder();
    const masks = masksOf();
    const [, film] = twoFilms(folder.path, masks, false);
    const { path } = await masked(join(folder.path, 'a'), film, masks);
    const facts = spawnSync('ffprobe', [
      '-v',
      'error',
      '-show_entries',
      'format_tags:stream_tags:chapter_tags',
      '-of',
      'json',
      path,
    ]);
    const { format, streams, chapters = [] } = JSON.parse(facts.stdout.toString());
    const tags = { ...(format?.tags ?? {}), ...(streams?.[0]?.tags ?? {}) };
    assert.equal(chapters, []);
    assert.match(tags.encoder ?? 'Lavc', /^Lav[cf][\w. ]*$/);
    assert.equal(
      Object.keys(tags).filter(
        (name) =>
          ![
            'encoder',
            'major_brand',
            'minor_version',
            'compatible_brands',
            'language',
            'handler_name',
            'vendor_id',
          ].includes(name),
      ),
      [],
    );
  });
