import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { run } from '#agent/platform/process.ts';
import { indexInLoop, overlap, splitAnnexB } from '../simulator/annex-b.ts';
import { readVideoTrack, splitNals } from '../simulator/mp4.ts';
import { startSimulator } from '../simulator/simulator.ts';
import { nalsOfMp4, parseFragmentedMp4 } from '../support/fragmented-mp4.ts';
import { findProgram } from '../support/real-parts.ts';
import { recordIngest } from '../support/record-ingest.ts';
import { suite } from '../support/suite.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const test = suite('recording from the simulated camera', { timeoutMs: 240_000 });
const ffmpeg = findProgram('ffmpeg');
const ffprobe = findProgram('ffprobe');
const bounds = { timeoutMs: 50_000, maxBytes: 64 * 1024 * 1024 };
const account = { user: 'osd', password: 'sesto-grado' };
const fixture = (name: string): string => new URL(`../fixtures/${name}`, import.meta.url).pathname;

for (const name of ['walkers.mp4', 'walkers-bframes.mp4']) {
  const title = `records what ffmpeg copies and what the file holds: ${name}`;
  if (!ffmpeg || !ffprobe) {
    test.skip(title, 'no ffmpeg');
    continue;
  }
  test(title, async () => {
    await using simulator = await startSimulator({
      cameras: [{ path: '/cam-1', file: fixture(name), audio: true, ...account }],
    });
    const url = simulator.url('/cam-1');
    const withPassword = url.replace('//', `//${account.user}:${account.password}@`);
    // Video alone is asked of ffmpeg too: what it sets up is counted below.
    const input = [
      '-v',
      'error',
      '-rtsp_transport',
      'tcp',
      '-allowed_media_types',
      'video',
      '-i',
      withPassword,
    ];
    const [reference, { tracks, stats }] = await Promise.all([
      run(ffmpeg, [...input, '-t', '9', '-c', 'copy', '-f', 'h264', 'pipe:1'], bounds),
      recordIngest({ url, credentials: account }, ([first]) => (first?.fragments ?? 0) >= 4),
    ]);
    assert.is(reference.code, 0, reference.stderr);
    assert.is(tracks.length, 1);
    assert.is(stats.lostPackets, 0);
    assert.equal(stats.offered, ['audio/PCMA']);
    assert.is(simulator.camera('/cam-1').counters().audioSetUps, 0);

    const { mp4 } = tracks[0] as { mp4: Buffer };
    const nals = nalsOfMp4(parseFragmentedMp4(mp4));
    assert.ok(overlap(nals, splitAnnexB(reference.stdout)) >= 40);
    const source = readVideoTrack(fixture(name));
    const sent = source.samples.flatMap((sample) => [
      ...(sample.sync ? source.parameterSets : []),
      ...splitNals(sample.bytes, source.lengthSize),
    ]);
    assert.is.not(indexInLoop(sent, nals), -1);

    using folder = temporaryFolder();
    const file = join(folder.path, 'recorded.mp4');
    writeFileSync(file, mp4);
    const entries = 'stream=codec_type,codec_name:packet=pts,dts,flags:format=nb_streams';
    const args = ['-v', 'error', '-show_entries', entries, '-show_packets', '-of', 'json', file];
    const probed = await run(ffprobe, args, bounds);
    assert.is(probed.stderr, '');
    const { streams, packets } = JSON.parse(probed.stdout.toString());
    assert.is(streams.length, 1);
    assert.is(streams[0].codec_name, 'h264');
    const shown = packets.map((packet: { pts: number }) => packet.pts).sort((a: number, b: number) => a - b);
    const steps = new Set(shown.slice(1).map((pts: number, index: number) => pts - shown[index]));
    assert.equal([...steps], [9000]);
    const keyframes = packets.flatMap((packet: { flags: string }, index: number) =>
      packet.flags.startsWith('K') ? [index] : [],
    );
    assert.equal(keyframes.slice(0, 4), [0, 20, 40, 60]);
    const decoded = await run(ffmpeg, ['-v', 'error', '-xerror', '-i', file, '-f', 'null', '-'], bounds);
    assert.is(decoded.stderr, '');
    assert.is(decoded.code, 0);
  });
}

const gradual = 'intra refresh: what was recorded without an IDR plays, and its picture builds up';
if (!ffmpeg) test.skip(gradual, 'no ffmpeg');
else
  test(gradual, async () => {
    await using simulator = await startSimulator({
      cameras: [
        { path: '/cam-1', file: fixture('walkers-intra-refresh.mp4'), neverIdr: true, frameRate: 30 },
      ],
    });
    const { tracks } = await recordIngest(
      { url: simulator.url('/cam-1') },
      ([first]) => (first?.fragments ?? 0) >= 5,
    );
    using folder = temporaryFolder();
    const file = join(folder.path, 'recorded.mp4');
    writeFileSync(file, tracks[0]!.mp4);
    // As a player does it: pictures before the recovery are not held back, so the count is of all but the first ones.
    const args = ['-v', 'error', '-i', file, '-f', 'rawvideo', '-pix_fmt', 'gray', 'pipe:1'];
    const shown = await run(ffmpeg, args, bounds);
    assert.is(shown.code, 0, shown.stderr);
    const pictureBytes = 384 * 288;
    const pictures = shown.stdout.length / pictureBytes;
    assert.ok(pictures >= 60, `${pictures} of some 100 pictures shown`);
    const last = shown.stdout.subarray(shown.stdout.length - pictureBytes);
    assert.ok(new Set(last).size > 50, 'the last picture shows something');
  });
