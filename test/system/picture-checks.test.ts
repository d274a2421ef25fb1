import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { openGrayDecoder } from '#agent/camera/ffmpeg/gray.ts';
import type { FindFfmpeg } from '#agent/camera/ffmpeg/program.ts';
import { type KeyframeFilm, openKeyframeTap } from '#agent/camera/keyframe-tap.ts';
import { openIngest } from '#agent/camera/open-ingest.ts';
import { systemParts } from '#agent/camera/system-parts.ts';
import { grayBytes, grayHeight, grayWidth, measure } from '#agent/picture/measure.ts';
import { outlinedCells } from '#agent/picture/reference.ts';
import { systemClock } from '#agent/platform/clock.ts';
import { systemRandom } from '#agent/platform/random.ts';
import { startSimulator } from '../simulator/simulator.ts';
import { codeThrown } from '../support/code-thrown.ts';
import { embeddedFfmpeg } from '../support/embedded-ffmpeg.ts';
import { quietLog } from '../support/log.ts';
import { judgeCase, pictureCases } from '../support/picture-set.ts';
import { findProgram } from '../support/real-parts.ts';
import { suite } from '../support/suite.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const test = suite('pictures of real footage judged', { timeoutMs: 240_000 });
const path = findProgram('ffmpeg');
const never = new AbortController().signal;
const size = { width: grayWidth, height: grayHeight };
const fixture = (name: string): string => join(import.meta.dirname, '..', 'fixtures', name);
const parts = systemParts(systemClock, systemRandom, quietLog, { readPaceMs: 20, ffmpeg: undefined });

/** The next keyframes of a running stream. */
async function keyframes(file: string, ingest: 'auto' | 'ffmpeg', count = 1): Promise<KeyframeFilm[]> {
  await using simulator = await startSimulator({ cameras: [{ path: '/cam-1', file }] });
  const tap = openKeyframeTap(systemClock);
  const stop = new AbortController();
  const url = simulator.url('/cam-1');
  const session = openIngest({ url, ingest, transport: 'tcp' }, parts)();
  const running = tap.over(session).run({ track() {}, fragment() {} }, stop.signal);
  const found: KeyframeFilm[] = [];
  while (found.length < count) found.push(await tap.next(30_000, never));
  stop.abort();
  await running;
  return found;
}

if (path === undefined) test.skip('pictures of real footage', 'no ffmpeg');
else {
  const system: FindFfmpeg = async () => ({ path, formatMajor: 59 });
  const decoder = (ffmpeg: FindFfmpeg, together: number) =>
    openGrayDecoder({ ffmpeg, size, together, gatherMs: 100, clock: systemClock });
  const gray = (film: Buffer, ffmpeg = system): Promise<Buffer> => decoder(ffmpeg, 1).decode(film, never);

  test('a keyframe of every codec, in process and through ffmpeg, by either ffmpeg, becomes a small picture', async () => {
    const rows: [string, 'auto' | 'ffmpeg'][] = [
      ['walkers.mp4', 'auto'],
      ['walkers.mp4', 'ffmpeg'],
      ['walkers-bframes.mp4', 'auto'],
      ['walkers-h265.mp4', 'auto'],
      ['walkers-mjpeg.mp4', 'auto'],
      ['walkers-mpeg4.mp4', 'auto'],
      ['walkers-intra-refresh.mp4', 'auto'],
    ];
    for (const [name, ingest] of rows) {
      const [film] = await keyframes(fixture(name), ingest);
      const small = await gray(film!.bytes);
      assert.is(small.length, grayBytes, name);
      const view = measure(small);
      assert.ok(outlinedCells(view).length > 40, `${name}: the square is seen`);
      const old = measure(await gray(film!.bytes, async () => embeddedFfmpeg));
      const apart = view.means.map((mean, cell) => Math.abs(mean - old.means[cell]!));
      assert.ok(Math.max(...apart) < 4, `${name}: ${Math.max(...apart)} levels between two ffmpegs`);
    }
  });

  test('keyframes that differ are told from those that repeat', async () => {
    using folder = temporaryFolder();
    const still = join(folder.path, 'still.mp4');
    // One group of pictures, sent again and again.
    const held = ['-frames:v', '10'];
    const coded = ['-c:v', 'libx264', '-g', '10', '-bf', '0', '-pix_fmt', 'yuv420p', still];
    assert.is(spawnSync(path, ['-v', 'error', '-i', fixture('walkers.mp4'), ...held, ...coded]).status, 0);
    const [one, two] = await keyframes(fixture('walkers.mp4'), 'auto', 2);
    assert.is.not(one!.mark, two!.mark);
    assert.not(two!.repeated);
    const films = await keyframes(still, 'auto', 2);
    assert.is(films[0]!.mark, films[1]!.mark);
  });

  test('what is no film, is cut short, or nobody can decode is no picture, within its time', async () => {
    const [film] = await keyframes(fixture('walkers.mp4'), 'auto');
    const { bytes } = film!;
    const wrong = [
      Buffer.alloc(0),
      Buffer.alloc(100_000, 0xa5),
      bytes.subarray(0, 1200),
      Buffer.concat([bytes.subarray(0, 400), Buffer.alloc(20_000)]),
    ];
    for (const each of wrong) assert.is(await codeThrown(() => gray(each)), 'no-picture');
    assert.is(await codeThrown(() => gray(bytes, async () => undefined)), 'no-ffmpeg');
    const missing = { path: '/nowhere/ffmpeg', formatMajor: 59 };
    assert.is(await codeThrown(() => gray(bytes, async () => missing)), 'no-picture');
  });

  test('one process makes the pictures of several cameras; one that cannot be decoded costs no other its own', async () => {
    const names = ['walkers.mp4', 'walkers-h265.mp4', 'walkers-mjpeg.mp4', 'walkers-mpeg4.mp4'];
    const films: Buffer[] = [];
    for (const name of names) films.push((await keyframes(fixture(name), 'auto'))[0]!.bytes);
    const alone: Buffer[] = [];
    for (const film of films) alone.push(await gray(film));
    let asked = 0;
    const counted: FindFfmpeg = () => {
      asked += 1;
      return system();
    };
    const all = decoder(counted, 4);
    assert.equal(await Promise.all(films.map((film) => all.decode(film, never))), alone);
    assert.is(asked, 1, 'one process');

    const torn = Buffer.concat([films[0]!.subarray(0, 2000), Buffer.alloc(20_000, 0xa5)]);
    for (const broken of [Buffer.alloc(0), Buffer.alloc(100_000, 0xa5), torn]) {
      const told = await Promise.allSettled(
        [films[1]!, broken, films[2]!].map((film) => all.decode(film, never)),
      );
      assert.equal(told[0], { status: 'fulfilled', value: alone[1] });
      assert.equal(told[2], { status: 'fulfilled', value: alone[2] });
      assert.is(told[1]!.status === 'rejected' && told[1]!.reason.code, 'no-picture');
    }

    // One that nobody waits for any more ends alone; a lone one does not wait for long.
    const leaving = new AbortController();
    const gone = all.decode(films[0]!, leaving.signal).catch((why: unknown) => why);
    const stays = all.decode(films[1]!, never);
    leaving.abort(new Error('left'));
    assert.is(((await gone) as Error).message, 'left');
    assert.equal(await stays, alone[1]);
  });

  // A third of the set in one of its scenes; `npm run bench -- image` judges all.
  const chosen = [
    'lens cap',
    'lens cap, with a written clock',
    'a lamp into the lens',
    'frozen',
    'out of focus',
    'a grey cloth',
    'pushed aside by a sixteenth',
    'turned away',
    'night at once, infrared',
    'nightfall to black',
    'headlights, near',
    'heavy snowfall',
    'a parked lorry, near',
    'a still view at a low bitrate',
  ];
  test('faults are found by their third picture; night, headlights, snowfall and a lorry are none', () => {
    for (const name of chosen) {
      const each = pictureCases.find((one) => one.name === name);
      assert.ok(each, name);
      const { right, before, after } = judgeCase('whole', each!);
      assert.ok(right, `${name}: ${before.join(' ')} | ${after.join(' ')}`);
    }
  });
}
