import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { run } from '#agent/platform/process.ts';
import { overlap, splitAnnexB } from '../simulator/annex-b.ts';
import { walkers } from '../simulator/camera.ts';
import { nalsOfMp4, parseFragmentedMp4 } from '../support/fragmented-mp4.ts';
import { gstreamerPython, startGstreamer } from '../support/gstreamer.ts';
import { findProgram } from '../support/real-parts.ts';
import { recordIngest } from '../support/record-ingest.ts';
import { suite } from '../support/suite.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const test = suite('recording from GStreamer', { timeoutMs: 240_000 });
const ffmpeg = findProgram('ffmpeg');
const ffprobe = findProgram('ffprobe');
const bounds = { timeoutMs: 50_000, maxBytes: 64 * 1024 * 1024 };

const title = 'records the bitstream that ffmpeg copies, as one H.264 video track';
if (!gstreamerPython || !ffmpeg || !ffprobe)
  test.skip(title, 'no ffmpeg, or no GStreamer RTSP server for Python');
else {
  const python = gstreamerPython;
  test(title, async () => {
    await using server = await startGstreamer(python, walkers);
    const copy = ['-v', 'error', '-rtsp_transport', 'tcp', '-i', server.url, '-t', '10', '-c', 'copy'];
    const [reference, recorded] = await Promise.all([
      run(ffmpeg, [...copy, '-f', 'h264', 'pipe:1'], bounds),
      recordIngest({ url: server.url }, ([first]) => (first?.fragments ?? 0) >= 4),
    ]);
    assert.is(reference.code, 0, reference.stderr);
    assert.is(recorded.tracks.length, 1);
    assert.is(recorded.stats.lostPackets, 0);
    const { mp4 } = recorded.tracks[0] as { mp4: Buffer };
    const common = overlap(nalsOfMp4(parseFragmentedMp4(mp4)), splitAnnexB(reference.stdout));
    // Eight seconds were recorded; ffmpeg may have begun up to four later.
    assert.ok(common >= 40, `${common} NAL units in common`);

    using folder = temporaryFolder();
    const file = join(folder.path, 'recorded.mp4');
    writeFileSync(file, mp4);
    const entries = 'stream=codec_type,codec_name,width,height,nb_read_frames';
    const args = ['-v', 'error', '-count_frames', '-show_entries', entries, '-of', 'json', file];
    const probed = await run(ffprobe, args, bounds);
    assert.is(probed.stderr, '');
    const { streams } = JSON.parse(probed.stdout.toString());
    assert.equal(
      streams.map(({ codec_type, codec_name, width, height }: Record<string, unknown>) => [
        codec_type,
        codec_name,
        width,
        height,
      ]),
      [['video', 'h264', 768, 576]],
    );
    assert.ok(Number(streams[0].nb_read_frames) >= 60);
  });
}
