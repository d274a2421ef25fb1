import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { readTar, type TarEntry, writeTar } from '../../deploy/hub/viewing/tar.ts';
import { suite } from '../support/suite.ts';

const test = suite('tar');

function entryOf(name: string, bytes: Uint8Array, cut: number): TarEntry {
  return { name, size: bytes.length, chunks: () => [bytes.subarray(0, cut), bytes.subarray(cut)] };
}

async function* cutAt(bytes: Buffer, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function bytesOf(entries: readonly TarEntry[]): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of writeTar(entries, 1_700_000_000_000)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

const files = fc.array(
  fc.tuple(
    fc.stringMatching(/^[a-z0-9][a-z0-9._-]{0,60}$/),
    fc.uint8Array({ maxLength: 2000 }),
    fc.nat(2000),
  ),
  { maxLength: 6 },
);

test('what goes in comes out, however it is cut, read or skipped', () =>
  fc.assert(
    fc.asyncProperty(files, fc.integer({ min: 1, max: 3000 }), fc.nat(), async (list, piece, skipped) => {
      const archive = await bytesOf(list.map(([name, bytes, cut]) => entryOf(name, bytes, cut)));
      assert.is(archive.length % 512, 0);
      let index = 0;
      for await (const { name, size, chunks } of readTar(cutAt(archive, piece))) {
        const [expected, bytes] = list[index] as [string, Uint8Array, number];
        assert.is(name, expected);
        assert.is(size, bytes.length);
        if (index++ % 3 === skipped % 3) continue;
        const read: Buffer[] = [];
        for await (const chunk of chunks()) read.push(chunk);
        assert.ok(Buffer.concat(read).equals(bytes));
      }
      assert.is(index, list.length);
    }),
    { numRuns: 100 },
  ));

test('an archive cut anywhere, or with a header changed, is a failure and not a shorter archive', () =>
  fc.assert(
    fc.asyncProperty(fc.nat(), fc.nat(153), async (cut, flip) => {
      const archive = await bytesOf([
        entryOf('a', Buffer.alloc(700, 1), 9),
        entryOf('b', Buffer.alloc(10, 2), 1),
      ]);
      const read = async (bytes: Buffer): Promise<string> => {
        try {
          for await (const _ of readTar(cutAt(bytes, 100)));
        } catch (error) {
          return (error as { code: string }).code;
        }
        return 'read';
      };
      const end = archive.length - 512;
      assert.is(await read(archive.subarray(0, cut % end)), 'tar-malformed');
      const changed = Buffer.from(archive);
      changed[flip] = (changed[flip] as number) ^ 0x01;
      assert.is(await read(changed), 'tar-malformed');
    }),
    { numRuns: 100 },
  ));

test('a size beyond eleven octal digits is written and read', async () => {
  const size = 10_000_000_000;
  const header = (await writeTar([{ name: 'big', size, chunks: () => [] }], 0).next()).value as Buffer;
  const parts = readTar(
    (async function* () {
      yield header;
    })(),
  );
  const { value } = await parts.next();
  assert.is(value?.size, size);
});
