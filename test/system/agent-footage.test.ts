import { closeSync, mkdirSync, openSync, readdirSync, readSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { run } from '#agent/platform/process.ts';
import { clearPictures } from '../../deploy/demo/frames.ts';
import { walkers } from '../simulator/camera.ts';
import { readVideoTrack, splitNals } from '../simulator/mp4.ts';
import { startSimulator } from '../simulator/simulator.ts';
import { ledgerOf, segmentPath, startAgent, startHub } from '../support/agent-child.ts';
import { embeddedBroker } from '../support/brokers.ts';
import { eventually } from '../support/eventually.ts';
import { findProgram } from '../support/real-parts.ts';
import { suite } from '../support/suite.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { makeTown } from '../support/town.ts';

const test = suite('what the agent leaves on disk', { timeoutMs: 240_000 });
const age = findProgram('age');
const ffprobe = findProgram('ffprobe');
const cameras = ['cam-1', 'cam-2'];
const bounds = { timeoutMs: 30_000, maxBytes: 64 * 1024 * 1024 };
const needleBytes = 32;

/** Pieces out of the middle of every coded picture that the simulated cameras show: in whatever wrapping, a frame. */
function needlesOf(file: string): Buffer[] {
  const { samples, lengthSize } = readVideoTrack(file);
  return samples.flatMap((sample, index) => {
    const [largest] = splitNals(sample.bytes, lengthSize).sort((a, b) => b.length - a.length);
    if (largest === undefined || largest.length < 4 * needleBytes || index % 5 !== 0) return [];
    const middle = largest.length >> 1;
    return [largest.subarray(middle, middle + needleBytes)];
  });
}

/** Files below `folder` that hold one of the needles, read to their end. */
function holding(folder: string, needles: readonly Buffer[]): string[] {
  const found: string[] = [];
  const piece = Buffer.alloc(4 * 1024 * 1024);
  for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    const path = join(folder, name);
    if (!statSync(path, { throwIfNoEntry: false })?.isFile()) continue;
    const file = openSync(path, 'r');
    for (let at = 0; ; at += piece.length - needleBytes) {
      const bytes = piece.subarray(0, readSync(file, piece, 0, piece.length, at));
      if (needles.some((needle) => bytes.includes(needle))) {
        found.push(path);
        break;
      }
      if (bytes.length < piece.length) break;
    }
    closeSync(file);
  }
  return found;
}

test('the search finds a picture in any wrapping', () => {
  using folder = temporaryFolder();
  const needles = needlesOf(walkers);
  assert.ok(needles.length >= 50, `${needles.length}`);
  assert.equal(holding(folder.path, needles), []);
  const { samples } = readVideoTrack(walkers);
  writeFileSync(
    join(folder.path, 'one-frame'),
    Buffer.concat([Buffer.alloc(5_000_000), samples[20]?.bytes as Buffer]),
  );
  assert.equal(holding(folder.path, needles), [join(folder.path, 'one-frame')]);
});

const title =
  'age opens every segment to one H.264 track, and nothing else below store, folder or TMPDIR is a picture';
if (age === undefined || ffprobe === undefined) test.skip(title, 'age or ffprobe is not installed');
else
  test(title, async () => {
    using folder = temporaryFolder();
    // Everything that any program of the site might leave behind lands below the one folder that is searched.
    const temporary = join(folder.path, 'tmp');
    mkdirSync(temporary);
    await using opened = new AsyncDisposableStack();
    const broker = await embeddedBroker();
    opened.defer(() => broker.close());
    await using simulator = await startSimulator({
      // The clip passes by in 7.5 s, with audio that nobody may take.
      cameras: cameras.map((id) => ({ path: `/${id}`, frameRate: 40, audio: true })),
    });
    const town = await makeTown(folder.path, {
      mqtt: broker.url,
      cameras: cameras.map((id) => ({ id, rtsp: simulator.url(`/${id}`) })),
    });
    const env = { TMPDIR: temporary, TEMP: temporary, TMP: temporary };
    await using _hub = await startHub(town, env);
    await using agent = startAgent(town, [], env);
    await eventually(
      'the whole clip to have passed',
      () => cameras.every((id) => ledgerOf(town, id).length >= 6),
      60_000,
    );
    // While it records: open segments, sockets and queues as they are.
    const needles = needlesOf(walkers);
    assert.equal(holding(folder.path, needles), []);
    assert.equal(clearPictures(folder.path), []);
    assert.equal(await agent.stop(), { code: 0, signal: null });
    assert.equal(holding(folder.path, needles), []);
    assert.equal(clearPictures(folder.path), []);

    let frames = 0;
    for (const camera of cameras) {
      assert.is(simulator.camera(`/${camera}`).counters().audioSetUps, 0);
      for (const line of ledgerOf(town, camera).filter(({ kind }) => kind === 'segment')) {
        for (const who of ['officer', 'escrow']) {
          const identity = join(town.hub, 'identities', `${who}.age`);
          const clear = await run(age, ['-d', '-i', identity, segmentPath(town, camera, line)], bounds);
          assert.is(clear.code, 0, clear.stderr);
          if (who === 'escrow') continue;
          const entries =
            'stream=codec_type,codec_name,nb_read_packets,width,height:format=nb_streams,format_name';
          const args = [
            '-v',
            'error',
            '-count_packets',
            '-show_entries',
            entries,
            '-of',
            'json',
            '-i',
            'pipe:0',
          ];
          const probed = await run(ffprobe, args, { ...bounds, input: clear.stdout });
          assert.is(probed.stderr, '');
          const { streams, format } = JSON.parse(probed.stdout.toString());
          assert.is(format.nb_streams, 1);
          assert.match(format.format_name, 'mp4');
          const [{ codec_type, codec_name, width, height, nb_read_packets }] = streams;
          assert.equal([codec_type, codec_name, width, height], ['video', 'h264', 768, 576]);
          frames += Number(nb_read_packets);
          // The ledger's length is what is in the file.
          assert.ok(
            Math.abs(line.end - line.start - Number(nb_read_packets) * 25) <= 300,
            JSON.stringify(line),
          );
        }
      }
    }
    // What was sought for in vain is what was recorded: the test could have found it.
    const [first] = ledgerOf(town, 'cam-1').filter(({ kind }) => kind === 'segment');
    const identity = join(town.hub, 'identities', 'officer.age');
    const clear = await run(age, ['-d', '-i', identity, segmentPath(town, 'cam-1', first!)], bounds);
    const shown = join(folder.path, 'shown');
    mkdirSync(shown);
    writeFileSync(join(shown, 'clear.mp4'), clear.stdout);
    assert.is(holding(shown, needles).length, 1);
    assert.ok(clearPictures(shown).length > 0);
    assert.ok(frames >= 600, `${frames}`);
  });
