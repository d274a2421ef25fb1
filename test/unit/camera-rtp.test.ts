import * as assert from 'uvu/assert';
import { MediaClock } from '#agent/camera/media-clock.ts';
import { findSenderReport, receiverReportFrame, saysGoodbye } from '#agent/camera/rtcp.ts';
import { parseRtp, RtpPacket } from '#agent/camera/rtp.ts';
import { dropped, RtpSource } from '#agent/camera/rtp-source.ts';
import type { MonotonicMs } from '#agent/platform/clock.ts';
import { suite } from '../support/suite.ts';

const test = suite('RTP');
const now = 5000 as MonotonicMs;

function packet(
  fields: { first?: number; sequence?: number; timestamp?: number; ssrc?: number; rest?: Buffer } = {},
): Buffer {
  const head = Buffer.alloc(12);
  head[0] = fields.first ?? 0x80;
  head[1] = 0x80 | 96;
  head.writeUInt16BE(fields.sequence ?? 7, 2);
  head.writeUInt32BE(fields.timestamp ?? 0xfffffff0, 4);
  head.writeUInt32BE(fields.ssrc ?? 0xdeadbeef, 8);
  return Buffer.concat([head, fields.rest ?? Buffer.from('payload')]);
}

/** The payload, or undefined when the packet is refused; parsed in the midst of other bytes. */
function payload(bytes: Buffer): string | undefined {
  const into = new RtpPacket();
  const around = Buffer.concat([Buffer.from([0xff, 0xff, 0xff]), bytes, Buffer.from([0xff, 0xff])]);
  if (!parseRtp(around, 3, 3 + bytes.length, into)) return undefined;
  return around.toString('latin1', into.payloadStart, into.payloadEnd);
}

test('parses the fixed header', () => {
  const into = new RtpPacket();
  assert.ok(parseRtp(packet(), 0, 19, into));
  const { payloadType, marker, sequence, timestamp, ssrc } = into;
  assert.equal([payloadType, marker, sequence, timestamp, ssrc], [96, true, 7, 0xfffffff0, 0xdeadbeef]);
});

test('passes over contributors, extension and padding', () => {
  assert.is(payload(packet()), 'payload');
  assert.is(payload(packet({ first: 0x82, rest: Buffer.from('........payload') })), 'payload');
  assert.is(
    payload(packet({ first: 0x90, rest: Buffer.from('\xbe\xde\0\x02........payload', 'latin1') })),
    'payload',
  );
  assert.is(payload(packet({ first: 0xa0, rest: Buffer.from('payload..\x03') })), 'payload');
  const all = Buffer.from('csrc\0\0\0\x01ext1payload\x01');
  assert.is(payload(packet({ first: 0xb1, rest: all })), 'payload');
  assert.is(payload(packet({ rest: Buffer.alloc(0) })), '');
});

test('refuses what is none', () => {
  assert.is(payload(Buffer.alloc(11, 0x80)), undefined);
  for (const first of [0x00, 0x40, 0xc0]) assert.is(payload(packet({ first })), undefined, 'version');
  assert.is(payload(packet({ first: 0x8f })), undefined, 'contributors beyond the end');
  assert.is(payload(packet({ first: 0x90, rest: Buffer.from('ab') })), undefined, 'half an extension header');
  assert.is(
    payload(packet({ first: 0x90, rest: Buffer.from('\0\0\0\x09....') })),
    undefined,
    'extension beyond the end',
  );
  assert.is(
    payload(packet({ first: 0xa0, rest: Buffer.from('abc\x05') })),
    undefined,
    'padding into the header',
  );
  assert.is(payload(packet({ first: 0xa0, rest: Buffer.from('abc\x00') })), undefined, 'padding of nothing');
});

function feed(source: RtpSource, sequence: number, ssrc = 1, at = 1000): number {
  return source.accept(Object.assign(new RtpPacket(), { sequence, ssrc }), at);
}

test('counts losses over the wrap', () => {
  const source = new RtpSource(90_000);
  assert.equal(
    [65_534, 65_535, 0, 1, 5].map((sequence) => feed(source, sequence)),
    [0, 0, 0, 0, 3],
  );
  assert.equal([source.packets, source.lost, source.reordered], [5, 3, 0]);
  assert.is(source.restarted, false);
});

test('drops late and repeated packets, and counts them', () => {
  const source = new RtpSource(90_000);
  assert.equal(
    [10, 12, 11, 12, 13].map((sequence) => feed(source, sequence)),
    [0, 1, dropped, dropped, 0],
  );
  assert.equal([source.packets, source.lost, source.reordered], [3, 1, 2]);
});

test('takes a great step for a restart, of which one loss is known', () => {
  for (const step of [3005, 40_000, 60_000]) {
    const source = new RtpSource(90_000);
    feed(source, 10);
    assert.is(feed(source, (10 + step) & 0xffff), 1);
    assert.ok(source.restarted);
    assert.is(feed(source, (11 + step) & 0xffff), 0);
  }
});

test('holds on to one source, and takes another when the first is silent', () => {
  const source = new RtpSource(90_000);
  feed(source, 10, 1, 1000);
  assert.is(feed(source, 900, 2, 1500), dropped);
  assert.is(feed(source, 11, 1, 1900), 0);
  assert.is(feed(source, 901, 2, 2850), dropped);
  assert.is(source.foreign, 2);
  assert.is(source.restarted, false);
  assert.is(feed(source, 902, 2, 2950), 0);
  assert.ok(source.restarted);
  assert.is(source.ssrc, 2);
});

test('unwraps timestamps over two wraps of 26 hours', () => {
  const clock = new MediaClock(90_000);
  clock.begin(false);
  const step = 9000 * 50; // five seconds
  let timestamp = 0xffff0000;
  const first = clock.at(timestamp, 0);
  let ticks = first;
  for (let i = 1; i <= 19_500; i++) {
    timestamp = (timestamp + step) >>> 0;
    ticks = clock.at(timestamp, i * 5000);
    assert.is(clock.jumped, false);
  }
  assert.is(ticks - first, step * 19_500);
  assert.ok(step * 19_500 > 2 * 2 ** 32);
});

test('replaces a jump by the time between the arrivals', () => {
  for (const jump of [10 * 90_000 + 1, -1, -90_000 * 3600, 2 ** 31]) {
    const clock = new MediaClock(90_000);
    clock.at(1000, 100);
    clock.begin(false);
    assert.is(clock.at((1000 + jump) >>> 0, 140), 40 * 90, `${jump}`);
    assert.ok(clock.jumped);
    assert.is(clock.at((1000 + jump + 3600) >>> 0, 180), 40 * 90 + 3600);
    assert.is(clock.jumped, false);
  }
});

test('lets pictures be shown in another order where the stream says so', () => {
  const clock = new MediaClock(90_000);
  clock.at(0, 0);
  clock.begin(true);
  assert.equal(
    [12_000, 4000, 8000, 24_000].map((timestamp) => clock.at(timestamp, 0)),
    [12_000, 4000, 8000, 24_000],
  );
  assert.is(clock.jumped, false);
  clock.at((24_000 - 180_001) >>> 0, 10);
  assert.ok(clock.jumped);
});

test('finds the sender report of the source in a compound packet', () => {
  const report = Buffer.alloc(28);
  report.writeUInt32BE(0x80c80006, 0);
  report.writeUInt32BE(0xabcd, 4);
  report.writeUInt32BE(2_208_988_800 + 1_700_000_000, 8);
  report.writeUInt32BE(0x80000000, 12);
  report.writeUInt32BE(90_000, 16);
  const description = Buffer.from('81ca0001000000ff', 'hex');
  const compound = Buffer.concat([description, report]);
  const found = findSenderReport(compound, 0, compound.length, 0xabcd, now);
  assert.is(found?.utc, 1_700_000_000_500);
  assert.is(found?.timestamp, 90_000);
  assert.is(found?.readAt, now);
  assert.is(findSenderReport(compound, 0, compound.length, 0xabce, now), undefined, 'of another source');
  assert.is(findSenderReport(compound, 0, compound.length - 1, 0xabcd, now), undefined, 'cut');
  report.writeUInt32BE(5, 8);
  assert.is(
    findSenderReport(report, 0, 28, 0xabcd, now)?.utc,
    (5 + 2 ** 32 - 2_208_988_800) * 1000 + 500,
    'after 2036',
  );
  report.writeUInt32BE(0, 8);
  assert.is(findSenderReport(report, 0, 28, 0xabcd, now), undefined, 'a camera without a clock');
});

test('reports reception as RFC 3550 lays it out', () => {
  const source = new RtpSource(90_000);
  for (const sequence of [65_533, 65_534, 65_535, 0, 4]) feed(source, sequence, 77);
  const report = { utc: 0 as never, timestamp: 0, readAt: 1000 as MonotonicMs, middle: 0x11223344 };
  const frame = receiverReportFrame(3, 0x99, source.reception(report, 1500));
  assert.is(frame.readUInt16BE(2), frame.length - 4);
  assert.is(frame[1], 3);
  assert.is(frame.readUInt32BE(4), 0x81c90007);
  assert.equal(
    [8, 12].map((at) => frame.readUInt32BE(at)),
    [0x99, 77],
  );
  assert.is(frame[16], Math.floor((3 * 256) / 8));
  assert.is(frame.readUIntBE(17, 3), 3);
  assert.is(frame.readUInt32BE(20), 0x10004);
  assert.is(frame.readUInt32BE(28), 0x11223344);
  assert.is(frame.readUInt32BE(32), 32_768);
  assert.is(frame.readUInt32BE(36) >>> 16, 0x81ca);
  assert.is(36 + 4 + 4 * frame.readUInt16BE(38), frame.length);
  assert.is(source.reception(report, 1500).fractionLost, 0, 'since the report before');
});

test('hears the goodbye of its source, among others and behind reports, and of no other', () => {
  const empty = [0x80, 201, 0, 1, 0, 0, 0, 9];
  const says = (...bytes: number[]): boolean => saysGoodbye(Buffer.from(bytes), 0, bytes.length, 7);
  assert.ok(says(0x81, 203, 0, 1, 0, 0, 0, 7));
  assert.ok(says(...empty, 0x82, 203, 0, 2, 0, 0, 0, 5, 0, 0, 0, 7));
  assert.not.ok(says(...empty, 0x81, 203, 0, 1, 0, 0, 0, 5));
  // It counts one source; what follows is the reason, whose bytes are not another.
  assert.not.ok(says(0x81, 203, 0, 2, 0, 0, 0, 5, 0, 0, 0, 7));
  // Counts more sources than the packet, or the datagram, has room for.
  assert.not.ok(says(0x9f, 203, 0, 1, 0, 0, 0, 5));
  assert.not.ok(says(0x82, 203, 0, 2, 0, 0, 0, 5));
  assert.not.ok(says(0x41, 203, 0, 1, 0, 0, 0, 7));
  assert.not.ok(says(0x81, 203, 0));
});
