import * as assert from 'uvu/assert';
import type { RtspMessage } from '#agent/camera/rtsp-message.ts';
import { RtspWire } from '#agent/camera/rtsp-wire.ts';
import { codeOf } from '#protocol/failure.ts';
import { suite } from '../support/suite.ts';

const test = suite('RTSP wire');

interface Heard {
  packets: [channel: number, payload: string][];
  messages: RtspMessage[];
  wire: RtspWire;
}

/** What a wire hears of `bytes`, read in pieces of `size` into one shared buffer that is overwritten each time. */
function hear(bytes: Buffer, size = bytes.length, channels = [0, 1]): Heard {
  const heard: Heard = {
    packets: [],
    messages: [],
    wire: new RtspWire({
      packet: (channel, from, start, end) =>
        heard.packets.push([channel, from.toString('latin1', start, end)]),
      message: (message) => heard.messages.push(message),
    }),
  };
  for (const channel of channels) heard.wire.expect(channel);
  const shared = Buffer.alloc(Math.max(size, 1));
  for (let at = 0; at < bytes.length; at += size) {
    const length = bytes.copy(shared, 0, at, at + size);
    heard.wire.push(shared, length);
    shared.fill(0x24);
  }
  return heard;
}

function packet(channel: number, text: string): Buffer {
  const payload = Buffer.from(`\x80${text}`, 'latin1');
  return Buffer.concat([Buffer.from([0x24, channel, payload.length >> 8, payload.length & 0xff]), payload]);
}
const response = (cseq: number, body = ''): Buffer =>
  Buffer.from(
    `RTSP/1.0 200 OK\r\nCSeq: ${cseq}\r\n${body === '' ? '' : `Content-Length: ${body.length}\r\n`}\r\n${body}`,
  );

const answers = ({ messages }: Heard): unknown[] =>
  messages.map((message) =>
    message.kind === 'response' ? [message.headers.get('cseq'), message.body.toString()] : message.method,
  );

const stream = Buffer.concat([
  response(1, 'v=0\r\n$ in a body'),
  packet(0, 'one'),
  packet(1, 'control'),
  response(2),
  packet(0, 'x'.repeat(9000)),
  Buffer.from('OPTIONS * RTSP/1.0\r\nCSeq: 9\r\n\r\n'),
  packet(0, ''),
  Buffer.from([0x24, 0, 0, 0]),
  packet(2, 'audio that nobody set up'),
  Buffer.from('\r\n'),
  response(3, 'RTSP/1.0 in a body'),
  packet(0, 'last'),
]);

test('splits the same in reads of any size', () => {
  const whole = hear(stream);
  assert.is(whole.packets.length, 7);
  assert.equal(answers(whole), [
    ['1', 'v=0\r\n$ in a body'],
    ['2', ''],
    'OPTIONS',
    ['3', 'RTSP/1.0 in a body'],
  ]);
  for (const size of [1, 2, 3, 4, 5, 6, 7, 11, 13, 64, 100, 1000, 9000]) {
    const heard = hear(stream, size);
    assert.equal(heard.packets, whole.packets, `${size}`);
    assert.equal(answers(heard), answers(whole), `${size}`);
  }
  assert.is(whole.wire.garbageBytes, 0);
});

test('skips garbage between packets, whatever it looks like', () => {
  for (const garbage of [
    'abc',
    'RTSP',
    '$',
    '$\x00',
    '$\x07\x00\x05',
    'OPTIONS',
    'GET_PARAMETE',
    '\x00'.repeat(3000),
    'R$O$G',
    '$\x00\x00\x20\x00',
  ]) {
    const noise = Buffer.from(garbage, 'latin1');
    const bytes = Buffer.concat([
      packet(0, 'before'),
      noise,
      packet(0, 'one'),
      packet(0, 'two'),
      response(5),
      packet(1, 'three'),
    ]);
    for (const size of [1, 3, 5, 8, bytes.length]) {
      const heard = hear(bytes, size);
      assert.equal(
        heard.packets.map(([, text]) => text.slice(1)),
        ['before', 'one', 'two', 'three'],
        `${JSON.stringify(garbage)} by ${size}`,
      );
      assert.is(heard.messages.length, 1);
      assert.is(heard.wire.garbageBytes, noise.length);
    }
  }
});

test('believes only known channels in the midst of garbage', () => {
  const fake = packet(9, 'x'.repeat(50));
  const bytes = Buffer.concat([Buffer.from('noise'), fake, packet(0, 'one')]);
  assert.equal(hear(bytes).packets, [[0, '\x80one']]);
});

test('gives up on what is no RTSP', () => {
  for (const bytes of [
    Buffer.alloc(70_000, 0x41),
    Buffer.from(`RTSP/1.0 200 OK\r\n${'x'.repeat(17_000)}`),
    Buffer.from(`RTSP/1.0 200 OK\r\n${'a: b\r\n'.repeat(3000)}`),
    Buffer.from('RTSP/1.0 nonsense\r\n\r\n'),
    Buffer.from('RTSP/1.0 200 OK\r\nContent-Length: 99999999\r\n\r\n'),
  ])
    for (const size of [100, bytes.length]) {
      let thrown: unknown;
      try {
        hear(bytes, size);
      } catch (error) {
        thrown = error;
      }
      assert.is(codeOf(thrown), 'stream-error');
    }
});

test('hands on nothing after its end, nor packets once only answers are wanted', () => {
  const texts: string[] = [];
  const wire: RtspWire = new RtspWire({
    packet: (_channel, from, start, end) => {
      texts.push(from.toString('latin1', start + 1, end));
      if (texts.length === 2) wire.endPackets();
    },
    message: () => {
      texts.push('answer');
      wire.end();
    },
  });
  const bytes = Buffer.concat([
    packet(0, 'a'),
    packet(0, 'b'),
    packet(0, 'c'),
    response(1),
    response(2),
    packet(0, 'd'),
  ]);
  wire.push(bytes, bytes.length);
  assert.equal(texts, ['a', 'b', 'answer']);
});
