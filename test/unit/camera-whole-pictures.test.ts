import * as assert from 'uvu/assert';
import { PictureLog } from '#agent/camera/ffmpeg/picture-log.ts';
import { tokenOrigin } from '#agent/camera/ffmpeg/relay.ts';
import { SampleMuxer } from '#agent/camera/ffmpeg/sample-muxer.ts';
import { mjpeg, scanOf } from '#agent/camera/mjpeg.ts';
import { mpeg4, pictureOf } from '#agent/camera/mpeg4.ts';
import type { Codec } from '#agent/camera/nal.ts';
import { retime } from '#agent/camera/retime.ts';
import { usualBounds } from '#agent/camera/rtsp-ingest.ts';
import type { MonotonicMs } from '#agent/platform/clock.ts';
import { box, keepingSink, readFragment } from '../fixtures/camera/keep.ts';
import { child, readVideoTrack, sampleEntry } from '../simulator/mp4.ts';
import { suite } from '../support/suite.ts';

const test = suite('codecs whose pictures come in one piece');
const fixture = (name: string) => readVideoTrack(new URL(`../fixtures/${name}`, import.meta.url).pathname);
const jpegs = fixture('walkers-mjpeg.mp4').samples.map(({ bytes }) => bytes);
const mpeg4Clip = fixture('walkers-mpeg4.mp4');
const header = mpeg4Clip.parameterSets[0]!;
const [intra, inter] = [mpeg4Clip.samples[0]!.bytes, mpeg4Clip.samples[1]!.bytes];

function mux(codec: Codec) {
  const sink = keepingSink();
  const pictures = new PictureLog();
  const muxer = new SampleMuxer(codec, 90_000, pictures, usualBounds, sink);
  return {
    files: sink.files,
    send(bytes: Buffer, atMs: number) {
      const token = pictures.begin(Math.round(atMs * 90), atMs as MonotonicMs, false);
      pictures.complete();
      muxer.sample(token - tokenOrigin, true, bytes, 0, bytes.length);
    },
    end() {
      muxer.muxer.finish();
      return sink.files;
    },
  };
}

/** The same picture with another size in its frame header. */
function resized(jpeg: Buffer, width: number, height: number): Buffer {
  const bytes = Buffer.from(jpeg);
  const at = bytes.indexOf(Buffer.from([0xff, 0xc0]));
  bytes.writeUInt16BE(height, at + 5);
  bytes.writeUInt16BE(width, at + 7);
  return bytes;
}

test('pictures of M-JPEG share a fragment of a second, each a keyframe, and none is changed', () => {
  const rig = mux(mjpeg());
  for (let i = 0; i < 12; i++) rig.send(jpegs[i % jpegs.length]!, i * 200);
  const [file, ...others] = rig.end();
  assert.is(others.length, 0);
  const { track, fragments } = file!;
  assert.equal([track.codec, track.codecString, track.width, track.height], ['mjpeg', 'mp4v.6c', 384, 288]);
  assert.equal(
    fragments.map((f) => [f.samples, f.decodeTime, f.durationTicks, f.keyframe, f.arrivedAt, f.endedAt]),
    [
      [5, 0, 90_000, true, 0, 1000],
      [5, 90_000, 90_000, true, 1000, 2000],
      [2, 180_000, 36_000, true, 2000, 2200],
    ],
  );
  const samples = fragments.flatMap(({ read }) => read);
  samples.forEach((sample, i) => {
    assert.ok(sample.sync);
    assert.ok(sample.nals[0]!.equals(jpegs[i % jpegs.length]!));
  });
});

test('another size begins another file at once; other tables do not', () => {
  const rig = mux(mjpeg());
  const finer = Buffer.from(jpegs[1]!);
  const table = finer.indexOf(Buffer.from([0xff, 0xdb])) + 10;
  finer[table] = finer[table]! ^ 1;
  rig.send(jpegs[0]!, 0);
  rig.send(finer, 100);
  rig.send(resized(jpegs[2]!, 640, 480), 200);
  rig.send(resized(jpegs[3]!, 640, 480), 300);
  const files = rig.end();
  assert.equal(
    files.map(({ track, fragments }) => [track.width, track.height, fragments.map((f) => f.samples)]),
    [
      [384, 288, [2]],
      [640, 480, [2]],
    ],
  );
  assert.is(files[1]!.fragments[0]!.decodeTime, 0);
});

test('an M-JPEG without a frame header is kept when the one before had one, and begins nothing', () => {
  const rig = mux(mjpeg());
  const headless = jpegs[0]!.subarray(scanOf(jpegs[0]!, 0, jpegs[0]!.length));
  rig.send(headless, 0);
  assert.is(rig.files.length, 0);
  rig.send(jpegs[0]!, 100);
  rig.send(headless, 200);
  const [file] = rig.end();
  assert.is(file!.fragments[0]!.samples, 2);
});

test('the scan of a JPEG is found behind whatever its head holds', () => {
  const jpeg = jpegs[0]!;
  const scan = scanOf(jpeg, 0, jpeg.length);
  assert.equal([...jpeg.subarray(scan, scan + 2)], [0xff, 0xda]);
  const noted = Buffer.concat([
    jpeg.subarray(0, 2),
    Buffer.from([0xff, 0xfe, 0, 6, 0xff, 0xda, 1, 2]),
    Buffer.from([0xff]),
    jpeg.subarray(2),
  ]);
  assert.is(scanOf(noted, 0, noted.length), scan + 9, 'not the one in a comment');
  for (const broken of [Buffer.alloc(0), Buffer.from([0xff]), Buffer.from([0xff, 0xd8, 0xff, 0xe0, 0, 0])])
    assert.is(scanOf(broken, 0, broken.length), 0);
});

test('MPEG-4 is cut at its intra pictures; the header goes into the file', () => {
  const rig = mux(mpeg4());
  const pictures = [Buffer.concat([header, intra]), inter, inter, Buffer.concat([header, intra]), inter];
  pictures.forEach((bytes, i) => {
    rig.send(bytes, i * 100);
  });
  const [file, ...others] = rig.end();
  assert.is(others.length, 0);
  const { track, fragments } = file!;
  assert.equal([track.codec, track.codecString, track.width, track.height], ['mpeg4', 'mp4v.20.1', 384, 288]);
  assert.equal(
    fragments.map((f) => [f.samples, f.keyframe]),
    [
      [3, true],
      [2, true],
    ],
  );
  assert.equal(
    fragments.flatMap(({ read }) => read.map(({ sync }) => sync)),
    [true, false, false, true, false],
  );
  const moov = box(Buffer.from(track.initSegment), 'moov');
  const stsd = child(child(child(child(child(moov, 'trak'), 'mdia'), 'minf'), 'stbl'), 'stsd');
  const entry = sampleEntry(stsd);
  assert.is(entry.codec, 'mpeg4');
  // The group header in front of the picture is no part of it.
  assert.ok(header.subarray(0, entry.parameterSets[0]!.length).equals(entry.parameterSets[0]!));
});

test('the description serves until the stream brings its own header, and another header begins another file', () => {
  const codec = mpeg4();
  codec.sets.offer(header, 'sdp');
  const rig = mux(codec);
  const other = Buffer.from(header);
  // The last bits of the height: a byte of the layer that changes nothing it is found by.
  const layer = other.indexOf(Buffer.from([0, 0, 1, 0x20]));
  rig.send(intra, 0);
  rig.send(Buffer.concat([header, intra]), 100);
  assert.is(rig.files.length, 1, 'the same one');
  const wider = widened(other, layer);
  rig.send(Buffer.concat([wider, intra]), 200);
  codec.sets.offer(header, 'sdp');
  rig.send(Buffer.concat([wider, intra]), 300);
  const files = rig.end();
  assert.equal(
    files.map(({ track }) => [track.width, track.height]),
    [
      [384, 288],
      [384 + 16, 288],
    ],
  );
});

/** The header with its layer's width 16 larger, found as the 13 bits that say 384 between two marker bits. */
function widened(bytes: Buffer, layer: number): Buffer {
  const bits = [...bytes.subarray(layer)].map((byte) => byte.toString(2).padStart(8, '0')).join('');
  const thirteen = (value: number): string => value.toString(2).padStart(13, '0');
  const from = `1${thirteen(384)}1${thirteen(288)}1`;
  const at = bits.indexOf(from);
  assert.ok(at > 0);
  const changed = bits.slice(0, at) + `1${thirteen(400)}1${thirteen(288)}1` + bits.slice(at + from.length);
  const out = Buffer.from(bytes);
  for (let i = 0; i < changed.length; i += 8)
    out[layer + i / 8] = Number.parseInt(changed.slice(i, i + 8), 2);
  return out;
}

test('without any header nothing of MPEG-4 can be shown, and nothing is', () => {
  const rig = mux(mpeg4());
  rig.send(intra, 0);
  rig.send(inter, 100);
  rig.send(intra, 200);
  assert.is(rig.end().length, 0);
});

test('whatever stands where a header should is no header', () => {
  for (let length = 0; length < header.length; length++) {
    const codec = mpeg4();
    codec.sets.offer(header.subarray(0, length), 'stream');
    codec.sets.describe(0, intra, 0, intra.length);
  }
  const codec = mpeg4();
  codec.sets.offer(Buffer.concat([Buffer.from([0, 0, 1, 0x20]), Buffer.alloc(60)]), 'stream');
  assert.is(codec.sets.describe(0, intra, 0, intra.length), undefined);
  assert.is(pictureOf(Buffer.alloc(40), 0, 40), 0);
});

test('these fragments can be given another place like any other', () => {
  const rig = mux(mjpeg());
  for (let i = 0; i < 6; i++) rig.send(jpegs[i]!, i * 200);
  const { bytes } = rig.end()[0]!.fragments[0]!;
  const before = readFragment(bytes, false).read;
  retime(bytes, 2 ** 33 + 7, 42);
  const { sequence, read } = readFragment(bytes, false);
  assert.is(sequence, 42);
  assert.is(read[0]!.decodeTime, 2 ** 33 + 7);
  read.forEach((sample, i) => {
    assert.ok(sample.nals[0]!.equals(before[i]!.nals[0]!));
    assert.is(sample.decodeTime - (2 ** 33 + 7), before[i]!.decodeTime);
  });
});
