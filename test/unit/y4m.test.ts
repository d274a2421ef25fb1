import * as assert from 'uvu/assert';
import { codeOf } from '#protocol/failure.ts';
import { readY4m, y4mFrame, y4mHead } from '../../deploy/hub/masks/y4m.ts';
import { suite } from '../support/suite.ts';

const test = suite('pictures between two ffmpegs');

const size = { width: 4, height: 2 };
const pictures = [1, 2, 10].map((value) => Buffer.alloc(12, value));
const stream = Buffer.concat([
  Buffer.from(y4mHead(size, 9.98, '16:11')),
  ...pictures.flatMap((one) => [Buffer.from(y4mFrame), one]),
]);

async function read(bytes: Buffer, step: number): Promise<(string | Buffer)[]> {
  const parts: (string | Buffer)[] = [];
  async function* chunks(): AsyncGenerator<Buffer> {
    for (let at = 0; at < bytes.length; at += step) yield bytes.subarray(at, at + step);
  }
  for await (const one of readY4m(chunks(), size)) parts.push(one);
  return parts;
}

test('wherever the stream is cut, the shape and every picture come out', async () => {
  for (let step = 1; step <= stream.length; step++)
    assert.equal(await read(stream, step), ['16:11', ...pictures], `chunks of ${step}`);
});

test('what ffmpeg writes is read', async () => {
  const said = 'YUV4MPEG2 W4 H2 F10:1 Ip A0:0 C420jpeg XYSCSS=420JPEG XCOLORRANGE=LIMITED\n';
  assert.equal(await read(Buffer.from(said), 7), ['0:0']);
});

test('a stream that ends within a picture, has no shape, or loses its place is damaged', async () => {
  const broken = {
    'ends within a picture': stream.subarray(0, -1),
    'ends within a line': stream.subarray(0, 9),
    'no shape': Buffer.from('YUV4MPEG2 W4 H2\n'),
    'no line': Buffer.alloc(1000, 65),
    'lost its place': Buffer.concat([stream, Buffer.from('FRAM\n')]),
  };
  for (const [name, bytes] of Object.entries(broken))
    assert.is(await read(bytes, 5).then(String, codeOf), 'no-picture-then', name);
});
