// Whatever ffmpeg puts out: a named failure or whole fragments, no hang, memory within the bounds.
import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { Mp4Reader } from '#agent/camera/ffmpeg/mp4-reader.ts';
import { PictureLog } from '#agent/camera/ffmpeg/picture-log.ts';
import { tokenOrigin } from '#agent/camera/ffmpeg/relay.ts';
import { SampleMuxer } from '#agent/camera/ffmpeg/sample-muxer.ts';
import { h264 } from '#agent/camera/h264.ts';
import { h265 } from '#agent/camera/h265.ts';
import { mjpeg } from '#agent/camera/mjpeg.ts';
import { mpeg4 } from '#agent/camera/mpeg4.ts';
import type { Codec } from '#agent/camera/nal.ts';
import { usualBounds } from '#agent/camera/rtsp-ingest.ts';
import type { MonotonicMs } from '#agent/platform/clock.ts';
import { Failure } from '#protocol/failure.ts';
import { head, piece } from '../fixtures/camera/ffmpeg-output.ts';
import { readFragment } from '../fixtures/camera/keep.ts';
import { readVideoTrack } from '../simulator/mp4.ts';
import { suite } from '../support/suite.ts';

const runs = Number(process.env['PEIO_FUZZ_RUNS'] ?? 1500);
const test = suite('ingest of what ffmpeg puts out, under mutation', { timeoutMs: 60_000 + runs * 40 });

interface Case {
  name: string;
  codec: () => Codec;
  /** Samples as ffmpeg gives them, parameter sets in band. */
  samples: Buffer[];
}

const behindLength = (unit: Buffer): Buffer => {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(unit.length);
  return Buffer.concat([length, unit]);
};
const cases: Case[] = (
  [
    ['walkers-bframes.mp4', h264],
    ['walkers-h265.mp4', h265],
    ['walkers-mpeg4.mp4', mpeg4],
    ['walkers-mjpeg.mp4', mjpeg],
  ] as const
).map(([name, codec]) => {
  const track = readVideoTrack(new URL(`../fixtures/${name}`, import.meta.url).pathname);
  const sets = track.lengthSize > 0 ? track.parameterSets.map(behindLength) : track.parameterSets;
  const samples = track.samples.slice(0, 24);
  return {
    name,
    codec,
    samples: samples.map(({ bytes, sync }) => (sync ? Buffer.concat([...sets, bytes]) : bytes)),
  };
});

/** Feeds a whole session in pieces, with `harm` done to its bytes; gives how many samples came through. */
function session({ codec, samples }: Case, harm: (bytes: Buffer) => Buffer, cut: number): number {
  const pictures = new PictureLog();
  const tokens = samples.map((_, i) => pictures.begin(i * 9000, (i * 100) as MonotonicMs, false));
  const kind = codec();
  const inUnits = kind.lengthBytes > 0;
  let got = 0;
  let tracks = 0;
  const muxer = new SampleMuxer(kind, 90_000, pictures, usualBounds, {
    track: () => {
      tracks += 1;
    },
    fragment(fragment) {
      assert.ok(tracks > 0);
      const { read } = readFragment(Buffer.from(fragment.bytes), inUnits);
      assert.is(read.length, fragment.samples);
      assert.is(read[0]!.sync, fragment.keyframe);
      got += fragment.samples;
    },
  });
  const reader = new Mp4Reader(90_000, muxer);
  const output = Buffer.concat([
    head,
    ...samples.map((sample, i) => piece(tokens[i]! - tokenOrigin, [sample], 9000)),
  ]);
  const bytes = harm(output);
  try {
    for (let at = 0; at < bytes.length; at += cut) reader.push(bytes.subarray(at, at + cut));
  } catch (error) {
    if (!(error instanceof Failure) || error.code !== 'stream-error') throw error;
  }
  muxer.muxer.finish();
  assert.ok(reader.bufferBytes <= Math.max(1024 * 1024, bytes.length * 2), `${reader.bufferBytes} bytes`);
  assert.ok(muxer.muxer.bufferBytes <= 16 * 1024 * 1024);
  return got;
}

test('unharmed, everything comes through, in pieces of any size', () => {
  for (const each of cases)
    for (const cut of [1, 997, 65_536])
      assert.is(
        session(each, (bytes) => bytes, cut),
        each.samples.length,
        each.name,
      );
});

test('harmed in any way, it ends by a name or gives whole fragments', () => {
  // Of the whole; without the generator's liking for small numbers, which would harm the first bytes alone.
  const place = fc.noBias(fc.integer({ min: 0, max: 999_999 })).map((millionths) => millionths / 1e6);
  const harms = fc.array(
    fc.oneof(
      fc.record({
        kind: fc.constant('flip' as const),
        at: place,
        by: fc.integer({ min: 1, max: 255 }),
      }),
      fc.record({
        kind: fc.constant('cut' as const),
        at: place,
        by: fc.integer({ min: 1, max: 5000 }),
      }),
      fc.record({
        kind: fc.constant('word' as const),
        at: place,
        by: fc.constantFrom(0, 1, 7, 8, 0x7fffffff, 0xffffffff),
      }),
      fc.record({
        kind: fc.constant('insert' as const),
        at: place,
        by: fc.integer({ min: 1, max: 300 }),
      }),
    ),
    { minLength: 1, maxLength: 6 },
  );
  // Most of the bytes are pictures: harm near the heads of boxes as often as anywhere.
  const near = fc.boolean();
  let through = 0;
  fc.assert(
    fc.property(
      fc.constantFrom(...cases),
      harms,
      near,
      fc.constantFrom(61, 4096, 65_536),
      (each, list, heads, cut) => {
        through += session(
          each,
          (output) => {
            let bytes = Buffer.from(output);
            const boxes: number[] = [0];
            for (let at = bytes.indexOf('moof'); at >= 0; at = bytes.indexOf('moof', at + 4))
              boxes.push(at - 4);
            for (const { kind, at, by } of list) {
              const anywhere = Math.floor(at * (bytes.length - 4));
              const box = boxes[Math.floor(at * boxes.length)] ?? 0;
              const where = heads ? Math.min(bytes.length - 4, box + (Math.floor(at * 1e6) % 120)) : anywhere;
              if (kind === 'flip') bytes[where] = bytes[where]! ^ by;
              else if (kind === 'word') bytes.writeUInt32BE(by, where);
              else if (kind === 'cut')
                bytes = Buffer.concat([bytes.subarray(0, where), bytes.subarray(where + by)]);
              else
                bytes = Buffer.concat([
                  bytes.subarray(0, where),
                  Buffer.alloc(by, 0x41),
                  bytes.subarray(where),
                ]);
              if (bytes.length < 8) break;
            }
            return bytes;
          },
          cut,
        );
      },
    ),
    { numRuns: runs },
  );
  assert.ok(through > runs, `${through} samples survived ${runs} sessions: harm was not only at the start`);
});
