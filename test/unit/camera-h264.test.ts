import * as assert from 'uvu/assert';
import { h264 } from '#agent/camera/h264.ts';
import { parseSps } from '#agent/camera/h264-sets.ts';
import { h265 } from '#agent/camera/h265.ts';
import { codecString265, parseSps265 } from '#agent/camera/h265-sets.ts';
import type { NalSink, RtpCodec } from '#agent/camera/nal.ts';
import { nal } from '#agent/camera/nal.ts';
import { readVideoTrack } from '../simulator/mp4.ts';
import { suite } from '../support/suite.ts';

const test = suite('H.264 and H.265');
const fixture = (name: string) => readVideoTrack(new URL(`../fixtures/${name}`, import.meta.url).pathname);
const hex = (text: string): Buffer => Buffer.from(text, 'hex');

test('reads sequence parameter sets', () => {
  const walkers = parseSps(fixture('walkers.mp4').parameterSets[0]!);
  assert.equal(
    [
      walkers?.width,
      walkers?.height,
      walkers?.profile,
      walkers?.level,
      walkers?.wholeFrames,
      walkers?.reorders,
    ],
    [768, 576, 100, 31, true, false],
  );
  const bframes = parseSps(fixture('walkers-bframes.mp4').parameterSets[0]!);
  assert.equal([bframes?.width, bframes?.height, bframes?.reorders], [384, 288, true]);
  // Baseline 320×240; High 1920×1080 with cropping, stated aspect 1:1 and HRD, as Axis and Hikvision send them.
  const baseline = parseSps(hex('6742c00ddb0507e8400000030040000007a3c50ab8'));
  assert.equal([baseline?.width, baseline?.height, baseline?.reorders], [320, 240, false]);
  const hd = parseSps(hex('67640028acd940780227e5c044000003000400000300f03c60c658'));
  assert.equal([hd?.width, hd?.height, hd?.chromaFormat, hd?.aspect], [1920, 1080, 1, undefined]);
  const h265Sps = parseSps265(fixture('walkers-h265.mp4').parameterSets[1]!);
  assert.equal(
    [h265Sps?.width, h265Sps?.height, h265Sps?.reorders, h265Sps?.chromaFormat],
    [384, 288, true, 1],
  );
  assert.match(codecString265(h265Sps!.profileTierLevel), /^hvc1\.1\.6\.L\d+\.90$/);
});

test('refuses parameter sets that are cut before the picture size, or turned to noise', () => {
  const whole = fixture('walkers.mp4').parameterSets[0]!;
  for (let size = 0; size < 7; size++) assert.is(parseSps(whole.subarray(0, size)), undefined);
  for (let size = 0; size < 20; size++)
    assert.is(parseSps265(fixture('walkers-h265.mp4').parameterSets[1]!.subarray(0, size)), undefined);
  assert.is(parseSps(Buffer.alloc(200)), undefined);
});

/** What a depacketiser makes of payloads: whole units in hex, `~` for an abandoned one. */
function depacketised(
  codec: RtpCodec,
  payloads: (Buffer | 'lost')[],
): { units: string[]; malformed: number } {
  const units: string[] = [];
  let unit = '';
  const sink: NalSink = {
    begin(header, bytes, start, end) {
      assert.is(unit, '', 'a unit begins in the middle of another');
      unit = header.toString(16).padStart(codec.headerBytes * 2, '0') + bytes.toString('hex', start, end);
    },
    append(bytes, start, end) {
      assert.not.equal(unit, '');
      unit += bytes.toString('hex', start, end);
    },
    end() {
      units.push(unit);
      unit = '';
    },
    abandon() {
      units.push('~');
      unit = '';
    },
  };
  const depacketiser = codec.depacketiser(sink);
  let lost = false;
  for (const payload of payloads) {
    if (payload === 'lost') lost = true;
    else {
      const padded = Buffer.concat([Buffer.from([1, 2]), payload, Buffer.from([3])]);
      depacketiser.push(padded, 2, 2 + payload.length, lost);
      lost = false;
    }
  }
  depacketiser.reset();
  return { units, malformed: depacketiser.malformed };
}
const units264 = (...payloads: (string | 'lost')[]) =>
  depacketised(
    h264(),
    payloads.map((p) => (p === 'lost' ? p : hex(p))),
  );
const units265 = (...payloads: (string | 'lost')[]) =>
  depacketised(
    h265(),
    payloads.map((p) => (p === 'lost' ? p : hex(p))),
  );

test('takes H.264 payloads apart (RFC 6184)', () => {
  assert.equal(units264('65aabb', '41cc').units, ['65aabb', '41cc'], 'single');
  assert.equal(
    units264('7800026742000168000365 88aa'.replaceAll(' ', '')).units,
    ['6742', '68', '6588aa'],
    'STAP-A',
  );
  assert.equal(units264('7c85aa', '7c05bb', '7c45cc').units, ['65aabbcc'], 'FU-A');
  assert.equal(units264('7cc5aa').units, ['65aa'], 'a fragment that is first and last');
  assert.equal(units264('7c85aa', '7c05bb', '41dd').units, ['65aabb', '41dd'], 'no end bit');
  assert.equal(
    units264('7c85aa', '7c85bb', '7c45cc').units,
    ['65aa', '65bbcc'],
    'no end bit, another begins',
  );
  assert.equal(units264('', '65aa', '').units, ['65aa'], 'empty packets');
});

test('forgets H.264 units that lack a piece', () => {
  assert.equal(units264('7c85aa', 'lost', '7c45cc', '41dd').units, ['~', '41dd']);
  assert.equal(units264('7c85aa', 'lost', '41dd').units, ['~', '41dd']);
  assert.equal(units264('7c05aa', '7c45bb', '41dd').units, ['41dd'], 'the beginning is missing');
  assert.equal(units264('7c85aa').units, ['~'], 'the end of the stream');
});

test('counts H.264 payloads of no known form', () => {
  for (const payload of [
    '00aa',
    '79aa',
    '7aaa',
    '7baa',
    '7daa',
    '1eaa',
    '1faa',
    '7c',
    '7c80',
    '7c98aa',
    '78ff',
    '780003aa',
    '7800017c',
    '78000100',
  ])
    assert.equal(units264(payload), { units: [], malformed: 1 }, payload);
});

test('takes H.265 payloads apart (RFC 7798)', () => {
  assert.equal(units265('2601aabb', '0201cc').units, ['2601aabb', '0201cc'], 'single');
  assert.equal(units265('6001 0003 4001aa 0002 4201'.replaceAll(' ', '')).units, ['4001aa', '4201'], 'AP');
  assert.equal(units265('620193aa', '620113bb', '620153cc').units, ['2601aabbcc'], 'FU');
  assert.equal(units265('630193aa', '630153cc').units, ['2701aacc'], 'FU keeps the layer');
  assert.equal(units265('620193aa', '620113bb', '0201dd').units, ['2601aabb', '0201dd'], 'no end bit');
  assert.equal(units265('620193aa', 'lost', '620153cc', '0201dd').units, ['~', '0201dd']);
  for (const payload of [
    '26',
    '6401aa',
    '7e01aa',
    '6201',
    '6201b0',
    '60010001',
    '6001000140',
    '6001000226',
    '600100026001',
  ])
    assert.equal(units265(payload), { units: [], malformed: 1 }, payload);
});

test('tells what begins a picture, what ends one, where decoding can begin', () => {
  const kind = (codec: RtpCodec, header: number, first = 0x80): number =>
    codec.kind(header, Buffer.from([first]), 0, 1);
  assert.is(kind(h264(), 0x65), nal.slice | nal.key | nal.first);
  assert.is(kind(h264(), 0x41, 0x40), nal.slice);
  assert.is(kind(h264(), 0x67), nal.leads | nal.parameters);
  for (const type of [6, 9, 14, 18]) assert.is(kind(h264(), type), nal.leads, `${type}`);
  for (const type of [10, 11, 12, 19, 20]) assert.is(kind(h264(), type), 0, `${type}`);
  assert.is(kind(h264(), 3), nal.slice, 'partition B');
  assert.is(kind(h265(), 19 << 9) & ~nal.open, nal.slice | nal.key | nal.first);
  assert.is(kind(h265(), 21 << 9, 0), nal.slice | nal.key | nal.open);
  assert.is(kind(h265(), 20 << 9), nal.slice | nal.key | nal.first);
  assert.is(kind(h265(), 1 << 9), nal.slice | nal.first);
  for (const type of [32, 33, 34]) assert.is(kind(h265(), type << 9), nal.leads | nal.parameters);
  for (const type of [35, 39, 41]) assert.is(kind(h265(), type << 9), nal.leads, `${type}`);
  for (const type of [36, 37, 38, 40]) assert.is(kind(h265(), type << 9), 0, `${type}`);
});

for (const [name, codec] of [
  ['walkers.mp4', h264],
  ['walkers-h265.mp4', h265],
] as const)
  test(`describes a stream by the sets its slice names: ${name}`, () => {
    const track = fixture(name);
    const slice = splitFirstSlice(track.samples[0]!.bytes, codec().headerBytes);
    const { sets } = codec();
    const describe = () => sets.describe(slice.header, slice.bytes, 0, slice.bytes.length);
    assert.is(describe(), undefined, 'without sets');
    for (const unit of track.parameterSets) {
      assert.is(describe(), undefined, 'while one is missing');
      sets.offer(unit, 'sdp');
    }
    assert.equal([describe()?.width, describe()?.height], [track.width, track.height]);
    assert.is(sets.changed, false);
    for (const unit of track.parameterSets) sets.offer(unit, 'stream');
    const before = describe()!.configuration.record;
    for (const unit of track.parameterSets) sets.offer(unit, 'stream');
    assert.is(sets.changed, false, 'the same again changes nothing');
    sets.offer(Buffer.alloc(5000, track.parameterSets[0]![0]!), 'stream');
    sets.offer(Buffer.alloc(0), 'stream');
    assert.equal(describe()!.configuration.record, before);
  });

function splitFirstSlice(sample: Buffer, headerBytes: 1 | 2): { header: number; bytes: Buffer } {
  for (let at = 0; ; ) {
    const size = sample.readUInt32BE(at);
    const header = sample.readUIntBE(at + 4, headerBytes);
    const type = headerBytes === 1 ? header & 0x1f : (header >> 9) & 0x3f;
    if (headerBytes === 1 ? type === 5 : type >= 16 && type <= 21)
      return { header, bytes: sample.subarray(at + 4 + headerBytes, at + 4 + size) };
    at += 4 + size;
  }
}
