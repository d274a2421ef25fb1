import * as assert from 'uvu/assert';
import { ffmpegArguments } from '#agent/camera/ffmpeg/arguments.ts';
import { Mp4Reader } from '#agent/camera/ffmpeg/mp4-reader.ts';
import { relaySdp } from '#agent/camera/ffmpeg/relay-sdp.ts';
import { parseSdp } from '#agent/camera/sdp.ts';
import { emptyBox, head, piece } from '../fixtures/camera/ffmpeg-output.ts';
import { codeThrown } from '../support/code-thrown.ts';
import { suite } from '../support/suite.ts';

const test = suite("reading ffmpeg's output");

interface Read {
  shown: number;
  sync: boolean;
  text: string;
}

function reader(): { read: Read[]; reader: Mp4Reader; push(...parts: Buffer[]): void } {
  const read: Read[] = [];
  const made = new Mp4Reader(90_000, {
    sample: (shown, sync, bytes, start, end) =>
      void read.push({ shown, sync, text: bytes.toString('latin1', start, end) }),
  });
  return {
    read,
    reader: made,
    push: (...parts) => {
      for (const part of parts) made.push(part);
    },
  };
}
const samples = (...texts: string[]): Buffer[] => texts.map((text) => Buffer.from(text));

test('gives samples with their times, however the bytes are cut', () => {
  const all = Buffer.concat([
    head,
    piece(5_400_000, samples('one', 'two')),
    emptyBox('free', 20),
    piece(5_407_200, samples('three')),
  ]);
  const expected = [
    { shown: 5_400_000, sync: true, text: 'one' },
    { shown: 5_403_600, sync: true, text: 'two' },
    { shown: 5_407_200, sync: true, text: 'three' },
  ];
  for (const size of [1, 3, 7, 100, all.length]) {
    const { read, push } = reader();
    for (let at = 0; at < all.length; at += size) push(all.subarray(at, at + size));
    assert.equal(read, expected, `pieces of ${size}`);
  }
});

test('times before zero, and offsets backwards, are what they are', () => {
  const { read, push } = reader();
  const bytes = piece(0, samples('early'));
  const tfdt = bytes.indexOf('tfdt') + 8;
  bytes.writeBigInt64BE(-3600n, tfdt);
  push(head, bytes);
  assert.equal(read[0]!.shown, -3600);
});

test('takes no more memory than came, whatever a box claims', () => {
  const { reader: claimed, push } = reader();
  const before = claimed.bufferBytes;
  push(head, piece(0, samples('x')), emptyBox('mdat', 8, 15 * 1024 * 1024));
  assert.is(claimed.bufferBytes, before);
  push(Buffer.alloc(300_000));
  assert.ok(claimed.bufferBytes <= 1024 * 1024);
});

test('gives a large buffer back', () => {
  const { reader: grown, push } = reader();
  push(head, piece(0, [Buffer.alloc(6 * 1024 * 1024)]));
  assert.ok(grown.bufferBytes >= 6 * 1024 * 1024);
  push(piece(3600, samples('small')));
  assert.ok(grown.bufferBytes <= 1024 * 1024);
});

const moofWith = (change: (bytes: Buffer, at: (type: string) => number) => void): Buffer => {
  const bytes = piece(0, samples('one', 'two'));
  change(bytes, (type) => bytes.indexOf(type) + 4);
  return bytes;
};
const hostile: [title: string, parts: Buffer[]][] = [
  ['a box without a size', [emptyBox('moof', 8, 0)]],
  ['a box of 64 bits', [emptyBox('mdat', 8, 1)]],
  ['a box shorter than its header', [emptyBox('mdat', 8, 7)]],
  ['a huge mdat', [head, piece(0, samples('x')), emptyBox('mdat', 8, 17 * 1024 * 1024)]],
  ['a huge moof', [emptyBox('moof', 8, 300_000)]],
  ['a huge moov', [emptyBox('moov', 8, 0x7fffffff)]],
  ['a huge box of another type', [emptyBox('skip', 8, 0xffffffff)]],
  ['a fragment before its track', [piece(0, samples('x'))]],
  ['an mdat without a moof', [head, emptyBox('mdat', 20)]],
  ['the mdat of another moof', [head, piece(0, samples('x')).subarray(0, -9), emptyBox('mdat', 20)]],
  ['a second moov', [head, head]],
  ['a moov without a track', [emptyBox('moov', 8)]],
  [
    'another timescale',
    [Buffer.from(head.toString('latin1').replaceAll('\x00\x01\x5f\x90', '\x00\x01\x00\x00'), 'latin1')],
  ],
  ['no samples', [head, moofWith((bytes, at) => bytes.writeUInt32BE(0, at('trun') + 4))]],
  [
    'more samples than there is room for',
    [head, moofWith((bytes, at) => bytes.writeUInt32BE(3, at('trun') + 4))],
  ],
  ['four billion samples', [head, moofWith((bytes, at) => bytes.writeUInt32BE(0xffffffff, at('trun') + 4))]],
  [
    'samples of four gigabytes',
    [head, moofWith((bytes, at) => bytes.writeUInt32BE(0xffffffff, at('trun') + 20))],
  ],
  ['data elsewhere', [head, moofWith((bytes, at) => bytes.writeInt32BE(4, at('trun') + 8))]],
  [
    'data counted from the start of the file',
    [head, moofWith((bytes, at) => bytes.writeUInt32BE(0x020021, at('tfhd')))],
  ],
  [
    'a tfhd that states more than it holds',
    [head, moofWith((bytes, at) => bytes.writeUInt32BE(0x02003a, at('tfhd')))],
  ],
  ['a child beyond its parent', [head, moofWith((bytes, at) => bytes.writeUInt32BE(0xffff, at('traf') - 8))]],
  ['no tfdt', [head, moofWith((bytes, at) => bytes.write('free', at('tfdt') - 4))]],
];
for (const [title, parts] of hostile)
  test(`refuses ${title}`, async () => {
    const { push } = reader();
    assert.is(await codeThrown(() => push(...parts)), 'stream-error');
  });

test('asks each ffmpeg by the words it knows, and never names more than the relay', () => {
  const args = (formatMajor: number): string[] =>
    ffmpegArguments({ path: '/x', formatMajor }, 'rtsp://127.0.0.1:9/token');
  assert.ok(args(58).includes('-stimeout') && !args(58).includes('-timeout'));
  assert.ok(args(59).includes('-timeout') && !args(61).includes('-stimeout'));
  for (const wanted of ['-nostdin', '-an', 'copy', 'pipe:1']) assert.ok(args(59).includes(wanted), wanted);
  assert.equal(
    args(59).filter((word) => word.includes('://')),
    ['rtsp://127.0.0.1:9/token'],
  );
});

test('repeats of a description what belongs to the codec, and not a line more', () => {
  const sdp = [
    'm=video 0 RTP/AVP 96',
    'a=rtpmap:96 h264/90000',
    'a=fmtp:96 packetization-mode=1;sprop-parameter-sets=Z0LAHg==,aM4=; bad name=1;x-evil=a b;long=' +
      'a'.repeat(9000),
    'a=control:rtsp://admin:secret@10.0.0.1/track1',
  ].join('\r\n');
  const [medium] = parseSdp(Buffer.from(sdp)).media;
  const told = relaySdp(medium!.formats[0]!);
  assert.match(told, '\r\na=rtpmap:96 H264/90000\r\n');
  assert.match(told, '\r\na=fmtp:96 packetization-mode=1;sprop-parameter-sets=Z0LAHg==,aM4=\r\n');
  assert.not.match(told, /secret|10\.0\.0\.1|evil/);
  assert.is(told.match(/^m=/gm)?.length, 1);
});

test('reads where a description says that it is sent', () => {
  const text =
    'c=IN IP4 239.1.2.3/32\r\nm=video 5004 RTP/AVP 26\r\nm=audio 5006 RTP/AVP 8\r\nc=IN IP4 239.1.2.4/32\r\n';
  const { media } = parseSdp(Buffer.from(text));
  assert.equal(
    media.map(({ port, address }) => [port, address]),
    [
      [5004, '239.1.2.3'],
      [5006, '239.1.2.4'],
    ],
  );
});
