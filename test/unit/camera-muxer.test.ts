import * as assert from 'uvu/assert';
import { GopMuxer, type MuxerBounds } from '#agent/camera/gop-muxer.ts';
import { h264 } from '#agent/camera/h264.ts';
import { retime } from '#agent/camera/retime.ts';
import { usualBounds } from '#agent/camera/rtsp-ingest.ts';
import type { MonotonicMs } from '#agent/platform/clock.ts';
import { codeOf } from '#protocol/failure.ts';
import {
  box,
  boxes,
  type KeptFile,
  keepingSink,
  nalsOf,
  readFragment,
  shownOf,
} from '../fixtures/camera/keep.ts';
import { readVideoTrack } from '../simulator/mp4.ts';
import { suite } from '../support/suite.ts';

const test = suite('GOP muxer');
const fixture = (name: string) => readVideoTrack(new URL(`../fixtures/${name}`, import.meta.url).pathname);
/** No reordering, frames only, 768×576; with reordering, 384×288. */
const plainSets = fixture('walkers.mp4').parameterSets;
const reorderSets = fixture('walkers-bframes.mp4').parameterSets;

const idr = Buffer.from([0x65, 0x88, 0x84, 1, 2, 3]); // first_mb 0, type I, PPS 0
const idrRest = Buffer.from([0x65, 0x42, 0x21, 4, 5, 6]); // first_mb 1
const p = Buffer.from([0x41, 0x9a, 0x20, 7, 8, 9]);
const pRest = Buffer.from([0x41, 0x46, 0x88, 7, 7, 7]);
const sei = Buffer.from([0x06, 0x05, 0x01, 0xaa, 0x80]);
const delimiter = Buffer.from([0x09, 0xf0]);
const filler = Buffer.from([0x0c, 0xff, 0x80]);

interface Packet {
  nals: Buffer[];
  at: number;
  /** Default: at the time of the timestamp. */
  arrivedAt?: number;
  marker?: boolean;
  lost?: number;
}

function mux(bounds: Partial<MuxerBounds> = {}) {
  const sink = keepingSink();
  const muxer = new GopMuxer(h264(), 90_000, { ...usualBounds, ...bounds }, sink);
  return {
    muxer,
    files: sink.files,
    send(...packets: Packet[]) {
      for (const { nals, at, arrivedAt, marker = true, lost = 0 } of packets) {
        muxer.packet(at >>> 0, marker, (arrivedAt ?? at / 90) as MonotonicMs, lost);
        for (const unit of nals) {
          muxer.begin(unit[0]!, unit, 1, unit.length);
          muxer.end();
        }
      }
    },
    end(): KeptFile[] {
      muxer.finish();
      return sink.files;
    },
  };
}
type Rig = ReturnType<typeof mux>;
const key = (at: number, sets = plainSets): Packet => ({ nals: [...sets, sei, idr], at });
const inter = (at: number): Packet => ({ nals: [p], at });
const hex = (units: Buffer[]): string[] => units.map((unit) => unit.toString('hex'));
const samplesOf = (file: KeptFile) => file.fragments.flatMap(({ read }) => read);

test('makes one fragment of each GOP, nothing taken out, times from zero', () => {
  const rig = mux();
  rig.send(key(90_000), inter(99_000), inter(108_000));
  assert.is(rig.files[0]!.fragments.length, 0);
  rig.send(key(117_000));
  assert.is(rig.files[0]!.fragments.length, 1, 'as soon as the next keyframe begins');
  rig.send(inter(126_000));
  const [file, ...others] = rig.end();
  assert.is(others.length, 0);
  assert.equal(
    file!.fragments.map((f) => [
      f.decodeTime,
      f.durationTicks,
      f.samples,
      f.keyframe,
      f.sequence,
      f.arrivedAt,
      f.endedAt,
    ]),
    [
      [0, 27_000, 3, true, 1, 1000, 1300],
      [27_000, 18_000, 2, true, 2, 1300, 1400],
    ],
  );
  assert.equal(hex(nalsOf(file!)), hex([...plainSets, sei, idr, p, p, ...plainSets, sei, idr, p]));
  assert.is(rig.muxer.samples, 5);
});

test('writes an init segment that says what the stream is', () => {
  const rig = mux();
  rig.send(key(0));
  const { track } = rig.files[0]!;
  assert.equal(
    [track.codec, track.codecString, track.width, track.height, track.timescale],
    ['h264', 'avc1.64001f', 768, 576, 90_000],
  );
  const init = Buffer.from(track.initSegment);
  assert.equal(
    boxes(init).map(([type]) => type),
    ['ftyp', 'moov'],
  );
  const stsd = box(init, 'moov', 'trak', 'mdia', 'minf', 'stbl', 'stsd');
  const avcC = stsd.subarray(stsd.indexOf('avcC') + 4);
  assert.ok(avcC.includes(plainSets[0]!) && avcC.includes(plainSets[1]!));
  assert.is(box(init, 'moov', 'trak', 'mdia', 'mdhd').readUInt32BE(12), 90_000);
  assert.is(box(init, 'moov', 'mvex', 'trex').readUInt32BE(4), 1);
});

test('drops what comes before the first keyframe, and keyframes whose sets are missing', () => {
  const rig = mux();
  rig.send(inter(0), inter(9000), { nals: [idr], at: 18_000 }, inter(27_000));
  assert.is(rig.files.length, 0);
  rig.send({ nals: [plainSets[0]!, idr], at: 36_000 }, key(45_000), inter(54_000));
  const [file] = rig.end();
  assert.is(samplesOf(file!).length, 2);
});

const cut = (rig: Rig): string[][] =>
  rig
    .end()
    .flatMap(samplesOf)
    .map(({ nals }) => hex(nals));
const picture = (...units: Buffer[]): string[] => hex(units);

test('ends access units where cameras get the marker wrong', () => {
  for (const markers of ['never', 'always'] as const) {
    const marker = markers === 'always';
    const rig = mux();
    rig.send(
      { nals: [...plainSets], at: 0, marker },
      { nals: [sei], at: 0, marker },
      { nals: [idr], at: 0, marker },
      { nals: [idrRest], at: 0, marker },
      { nals: [p], at: 9000, marker },
      { nals: [pRest], at: 9000, marker },
      { nals: [filler], at: 9000, marker },
      { nals: [p], at: 18_000, marker: true },
    );
    // Where every unit is marked, nothing says that the last picture is whole: it is not given out.
    const last = markers === 'always' ? [] : [picture(p)];
    assert.equal(
      cut(rig),
      [picture(...plainSets, sei, idr, idrRest), picture(p, pRest, filler), ...last],
      markers,
    );
  }
});

test('ends access units where cameras get the timestamp wrong', () => {
  const rig = mux();
  rig.send(
    // Parameter sets under the timestamp of the picture before, or of nothing at all.
    { nals: [...plainSets], at: 5 },
    { nals: [idr], at: 9000 },
    { nals: [p], at: 18_000 },
    { nals: [...plainSets, sei], at: 18_000 },
    { nals: [idr], at: 27_000 },
    // Slices of one picture under two timestamps.
    { nals: [p], at: 36_000, marker: false },
    { nals: [pRest], at: 36_090 },
    // Two pictures under one timestamp.
    { nals: [p], at: 45_000 },
    { nals: [p], at: 45_000 },
    { nals: [delimiter, p], at: 54_000 },
  );
  assert.equal(cut(rig), [
    picture(...plainSets, idr),
    picture(p),
    picture(...plainSets, sei, idr),
    picture(p, pRest),
    picture(p),
    picture(p),
    picture(delimiter, p),
  ]);
  const times = rig.files.flatMap(samplesOf).map(({ decodeTime }) => decodeTime);
  assert.ok(
    times.every((time, i) => i === 0 || time > times[i - 1]!),
    'no two samples at one time',
  );
});

test('after a loss, the rest of a picture under another timestamp is a picture of its own', () => {
  const rig = mux();
  rig.send(
    key(0),
    { nals: [p], at: 9000, marker: false },
    { nals: [pRest], at: 18_000, lost: 2 },
    inter(27_000),
  );
  assert.equal(cut(rig).slice(1), [picture(p), picture(pRest), picture(p)]);
  assert.is(rig.files[0]!.fragments[0]!.lostPackets, 2);
});

test('gives every picture its time, B pictures signed offsets', () => {
  const rig = mux();
  const shown = [0, 4, 2, 1, 3, 8, 6, 5, 7];
  const gop = (start: number): Packet[] =>
    shown.map((i) => ({ ...(i === 0 ? key(start, reorderSets) : inter(start + i * 9000)), arrivedAt: 0 }));
  rig.send(...gop(1000), ...gop(82_000), { ...key(163_000, reorderSets), arrivedAt: 0 });
  const [file] = rig.files;
  assert.equal(
    shownOf(file!),
    [0, 1].flatMap((n) => shown.map((i) => (n * 9 + i) * 9000)),
  );
  const read = samplesOf(file!);
  assert.equal(
    read.map(({ decodeTime }) => decodeTime),
    read.map((_, i) => i * 9000),
  );
  assert.ok(
    read.some((sample) => sample.shown < sample.decodeTime),
    'signed',
  );
  assert.equal(
    file!.fragments.map(({ decodeTime, durationTicks }) => [decodeTime, durationTicks]),
    [
      [0, 81_000],
      [81_000, 81_000],
    ],
  );
});

test('splits a long GOP at each bound, and claims no keyframe', () => {
  for (const bounds of [{ fragmentSamples: 4 }, { fragmentMs: 400 }, { fragmentBytes: 60 }]) {
    const rig = mux(bounds);
    rig.send(
      key(0),
      ...Array.from({ length: 11 }, (_, i) => inter((i + 1) * 9000)),
      key(108_000),
      inter(117_000),
    );
    const [file] = rig.end();
    const { fragments } = file!;
    assert.ok(fragments.length >= 4, JSON.stringify(bounds));
    assert.equal(
      fragments.map(({ keyframe }) => keyframe),
      fragments.map(({ read }) => read[0]!.nals.length > 1),
    );
    assert.is(fragments.filter(({ keyframe }) => keyframe).length, 2);
    assert.is(
      fragments.reduce((sum, { samples }) => sum + samples, 0),
      14,
    );
    fragments.reduce((end, { decodeTime, durationTicks }) => {
      assert.is(decodeTime, end);
      return decodeTime + durationTicks;
    }, 0);
  }
});

test('splits a reordered GOP without a step back in decode time, every shown time exact', () => {
  const rig = mux({ fragmentSamples: 4 });
  const shown = [0, 4, 2, 1, 3, 8, 6, 5, 7, 12, 10, 9, 11];
  rig.send(...shown.map((i) => ({ ...(i === 0 ? key(0, reorderSets) : inter(i * 9000)), arrivedAt: 0 })));
  const [file] = rig.end();
  assert.equal(
    shownOf(file!),
    shown.map((i) => i * 9000),
  );
  const times = samplesOf(file!).map(({ decodeTime }) => decodeTime);
  assert.ok(
    times.every((time, i) => i === 0 || time > times[i - 1]!),
    String(times),
  );
});

test('begins a new track where parameter sets change, not where they are repeated', () => {
  const rig = mux();
  rig.send(
    key(0),
    inter(9000),
    key(18_000),
    key(27_000, reorderSets),
    inter(36_000),
    key(45_000, reorderSets),
  );
  const files = rig.end();
  assert.equal(
    files.map(({ track }) => track.width),
    [768, 384],
  );
  assert.equal(
    files.map((file) => samplesOf(file).length),
    [3, 3],
  );
  assert.is(files[1]!.fragments[0]!.decodeTime, 0);
  assert.is(files[1]!.fragments[0]!.sequence, 1);
});

test('begins a new track at the keyframe after a jump, and keeps the pictures until then', () => {
  for (const jump of [90_000 * 11, -90_000, -9001]) {
    const rig = mux();
    rig.send(
      key(0),
      inter(9000),
      { ...inter(18_000 + jump), arrivedAt: 200 },
      { ...inter(27_000 + jump), arrivedAt: 300 },
      { ...key(36_000 + jump), arrivedAt: 400 },
    );
    const files = rig.end();
    assert.equal(
      files.map((file) => shownOf(file)),
      [[0, 9000, 18_000, 27_000], [0]],
    );
  }
});

test('begins a new track at the next keyframe when it is interrupted', () => {
  const rig = mux();
  rig.send(key(0), inter(9000));
  rig.muxer.interrupt();
  rig.send(inter(18_000), key(27_000), key(36_000));
  assert.equal(
    rig.end().map((file) => samplesOf(file).length),
    [3, 2],
  );
});

test('forgets pictures of which nothing is left, and a damaged keyframe begins no track', () => {
  const rig = mux();
  const begun = (unit: Buffer, at: number): void => {
    rig.muxer.packet(at, false, (at / 90) as MonotonicMs, 0);
    rig.muxer.begin(unit[0]!, unit, 1, unit.length);
    rig.muxer.abandon();
  };
  rig.send({ nals: plainSets, at: 0, marker: false });
  begun(idr, 0);
  rig.send(inter(9000), key(18_000), inter(27_000));
  begun(p, 36_000);
  rig.send(inter(45_000));
  const files = rig.end().filter(({ fragments }) => fragments.length > 0);
  assert.is(files.length, 1);
  assert.equal(shownOf(files[0]!), [0, 9000, 27_000]);
});

test('grows to what a picture needs, fails beyond the bound of an access unit, and keeps what was whole', () => {
  const rig = mux({ accessUnitBytes: 1_000_000 });
  rig.send(key(0), { nals: [Buffer.concat([p, Buffer.alloc(900_000, 7)])], at: 9000 }, inter(18_000));
  let thrown: unknown;
  try {
    rig.send({ nals: [Buffer.concat([p, Buffer.alloc(1_000_000, 7)])], at: 27_000 });
  } catch (error) {
    thrown = error;
  }
  assert.is(codeOf(thrown), 'stream-error');
  const [file] = rig.end();
  assert.equal(
    samplesOf(file!).map(({ nals }) => nals.at(-1)!.length),
    [idr.length, 900_000 + p.length, p.length],
  );
});

test('gives up memory that one bright night took', () => {
  const rig = mux();
  rig.send(key(0), { nals: [Buffer.concat([p, Buffer.alloc(3_000_000, 7)])], at: 9000 });
  const sizes: number[] = [];
  for (let i = 1; i < 200; i++) rig.send(key(i * 18_000), inter(i * 18_000 + 9000));
  for (const { bytes } of rig.files[0]!.fragments) sizes.push(bytes.length);
  assert.is(sizes.length, 199);
  assert.ok(rig.muxer.bufferBytes <= 256 * 1024, `${rig.muxer.bufferBytes}`);
});

test('flushes the last access unit only when it is known to be whole', () => {
  for (const marker of [true, false]) {
    const rig = mux();
    rig.send(key(0), inter(9000), { ...inter(18_000), marker });
    assert.is(samplesOf(rig.end()[0]!).length, marker ? 3 : 2);
    assert.is(rig.files[0]!.fragments[0]!.endedAt, marker ? 200 : 100);
  }
});

test('counts four days of pictures without losing a tick', () => {
  const rig = mux({ fragmentSamples: 2 });
  const step = 90_000 * 9;
  const count = 40_000;
  let at = 0xfff00000;
  let end = 0;
  rig.send({ ...key(at), arrivedAt: 0 });
  for (let i = 1; i <= count; i++) {
    at = (at + step) >>> 0;
    rig.send({ ...(i % 8 === 0 ? key(at) : inter(at)), arrivedAt: i * 9000 });
    const { fragments } = rig.files[0]!;
    if (fragments.length < 2) continue;
    end = fragments[0]!.decodeTime + fragments[0]!.durationTicks;
    assert.is(fragments[1]!.decodeTime, end);
    fragments.shift();
  }
  assert.is(rig.files.length, 1);
  assert.ok(end > 2 ** 31 * 14, `${end}`);
});

test('retimes a fragment in place', () => {
  const rig = mux();
  rig.send(key(0), inter(9000), key(18_000), inter(27_000));
  const fragment = Buffer.from(rig.end()[0]!.fragments[1]!.bytes);
  const before = Buffer.from(fragment);
  retime(fragment, 2 ** 40 + 5, 77);
  const { sequence, read } = readFragment(fragment);
  assert.equal([sequence, read[0]!.decodeTime], [77, 2 ** 40 + 5]);
  retime(fragment, 18_000, 2);
  assert.equal(fragment, before);
  assert.throws(() => retime(fragment.subarray(8), 0, 1));
  assert.throws(() => retime(Buffer.alloc(4), 0, 1));
});

const recovery = Buffer.from([0x06, 0x06, 0x02, 0x0a, 0x44, 0x80]);
const second = 90_000;

test('recovery points begin fragments where no IDR came for ten seconds, and cut no group apart before', () => {
  const rig = mux({ fragmentMs: 60_000 });
  const gradual = (at: number): Packet => ({ nals: [recovery, p], at });
  rig.send(key(0), gradual(2 * second), inter(4 * second), gradual(6 * second), inter(8 * second));
  rig.send(gradual(10 * second), inter(11 * second), gradual(12 * second), key(13 * second));
  rig.send(gradual(14 * second), inter(15 * second), key(16 * second), inter(17 * second));
  const [file, ...others] = rig.end();
  assert.is(others.length, 0);
  assert.equal(
    file!.fragments.map(({ keyframe, samples, decodeTime }) => [keyframe, samples, decodeTime / second]),
    [
      [true, 5, 0],
      [true, 2, 10],
      [true, 1, 12],
      [true, 3, 13],
      [true, 2, 16],
    ],
  );
});

test('a stream that is joined at a recovery point begins there, whatever stands beside it', () => {
  const others = Buffer.from([0x06, 0x01, 0x01, 0x00, 0x06, 0x02, 0x0a, 0x44, 0x80]);
  const long = Buffer.concat([
    Buffer.from([0x06, 0x05, 0xff, 0x0a]),
    Buffer.alloc(265, 0x61),
    recovery.subarray(1),
  ]);
  const emulated = Buffer.from([0x06, 0x01, 0x04, 0, 0, 3, 0, 1, 0x06, 0x02, 0x0a, 0x44, 0x80]);
  const cut = Buffer.from([0x06, 0xff, 0xff]);
  const none = Buffer.from([0x06, 0x05, 0x06, 1, 2, 3, 4, 5, 6, 0x80]);
  for (const [unit, begins] of [
    [recovery, true],
    [others, true],
    [emulated, true],
    // Behind what a vendor wrote it is not looked for.
    [long, false],
    [cut, false],
    [none, false],
  ] as const) {
    const rig = mux();
    rig.send(inter(0), { nals: [...plainSets, unit, p], at: 9000 }, inter(18_000));
    assert.is(rig.end().length, begins ? 1 : 0, unit.toString('hex').slice(0, 30));
  }
});

test('a camera that marks every picture as a recovery point does not get a fragment for each', () => {
  const rig = mux();
  const step = second / 25;
  rig.send(
    ...Array.from({ length: 126 }, (_, i) => ({
      nals: [...(i === 0 ? plainSets : []), recovery, p],
      at: i * step,
    })),
  );
  const [file] = rig.end();
  assert.equal(
    file!.fragments.map(({ keyframe, samples }) => [keyframe, samples]),
    [...Array.from({ length: 5 }, () => [true, 25]), [true, 1]],
  );
});
