import { PassThrough } from 'node:stream';
import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { limitPackets } from '#agent/mqtt/packet-limit.ts';
import { suite } from '../support/suite.ts';

const test = suite('packets of a broker');

/** A PUBLISH of `bytes` behind its fixed header. */
function packet(bytes: number): Buffer {
  const head = [0x30];
  let left = bytes;
  do {
    head.push((left % 128) | (left >= 128 ? 0x80 : 0));
    left = Math.floor(left / 128);
  } while (left > 0);
  return Buffer.concat([Buffer.from(head), Buffer.alloc(bytes, 0x82)]);
}

async function announced(limit: number, chunks: Buffer[]): Promise<number[]> {
  const stream = new PassThrough();
  const broken: number[] = [];
  limitPackets(stream, limit, (bytes) => broken.push(bytes));
  for (const chunk of chunks) stream.write(chunk);
  await new Promise((resolve) => setImmediate(resolve));
  return broken;
}

function cut(bytes: Buffer, sizes: readonly number[]): Buffer[] {
  const chunks: Buffer[] = [];
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const size = sizes.length === 0 ? bytes.length : (sizes[i % sizes.length] as number);
    chunks.push(bytes.subarray(at, at + size));
    at += size;
  }
  return chunks;
}

test('any packets within the limit pass, however they are cut', () =>
  fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 0, max: 20_000 }), { minLength: 1, maxLength: 8 }),
      fc.array(fc.integer({ min: 1, max: 9000 }), { maxLength: 5 }),
      async (sizes, cuts) => {
        const bytes = Buffer.concat(sizes.map(packet));
        assert.equal(await announced(20_000, cut(bytes, cuts)), []);
      },
    ),
    { numRuns: 100 },
  ));

test('one beyond it is told of once, from its header alone, wherever it stands', () =>
  fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 0, max: 1000 }), { maxLength: 8 }),
      fc.array(fc.integer({ min: 1, max: 900 }), { maxLength: 5 }),
      async (sizes, cuts) => {
        const header = packet(300_000).subarray(0, 4);
        const bytes = Buffer.concat([...sizes.map(packet), header, packet(300_000)]);
        const broken = await announced(200_000, cut(bytes, cuts));
        assert.is(broken.length, 1);
        assert.ok((broken[0] as number) > 200_000);
      },
    ),
    { numRuns: 100 },
  ));

test('a length that never ends is none', async () => {
  assert.is((await announced(1000, [Buffer.of(0x30, 0x80, 0x80, 0x80, 0x80, 0x80)])).length, 1);
});
