import { Failure } from '#protocol/failure.ts';

/** POSIX ustar, as much of it as a package needs: plain files with short names. */

const blockBytes = 512;
/** ustar's size field holds eleven octal digits; beyond that the base-256 form of GNU tar is written. */
const octalLimit = 8 ** 11;

export interface TarEntry {
  /** At most 100 bytes, no folder above the archive's own. */
  name: string;
  size: number;
  chunks(): AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
}

/** The bytes of an archive. An entry that yields another number of bytes than it says is a bug. */
export async function* writeTar(entries: readonly TarEntry[], utcMs: number): AsyncGenerator<Uint8Array> {
  for (const entry of entries) {
    yield headerOf(entry, utcMs);
    let size = 0;
    for await (const chunk of entry.chunks()) {
      size += chunk.length;
      yield chunk;
    }
    if (size !== entry.size) throw new Error(`${entry.name}: ${size} bytes instead of ${entry.size}`);
    yield Buffer.alloc(padding(size));
  }
  yield Buffer.alloc(2 * blockBytes);
}

function padding(size: number): number {
  return (blockBytes - (size % blockBytes)) % blockBytes;
}

function headerOf({ name, size }: TarEntry, utcMs: number): Buffer {
  if (Buffer.byteLength(name) > 100) throw new Error(`${name} is too long a name`);
  const header = Buffer.alloc(blockBytes);
  const octal = (value: number, at: number, width: number): void => {
    header.write(`${value.toString(8).padStart(width - 1, '0')}\0`, at, 'latin1');
  };
  header.write(name, 0, 'utf8');
  octal(0o600, 100, 8);
  octal(0, 108, 8);
  octal(0, 116, 8);
  if (size < octalLimit) octal(size, 124, 12);
  else {
    header[124] = 0x80;
    header.writeBigUInt64BE(BigInt(size), 128);
  }
  octal(Math.floor(utcMs / 1000), 136, 12);
  header.fill(0x20, 148, 156); // The checksum counts its own field as spaces.
  header.write('0', 156, 'latin1');
  header.write('ustar\u000000', 257, 'latin1');
  let sum = 0;
  for (const byte of header) sum += byte;
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return header;
}

/** Files of an archive that {@link writeTar} made; each must be read before the next. Throws `tar-malformed`. */
export async function* readTar(
  source: AsyncIterable<Uint8Array>,
): AsyncGenerator<{ name: string; size: number; chunks(): AsyncGenerator<Buffer> }> {
  const malformed = (what: string): never => {
    throw new Failure('corrupt', 'tar-malformed', `not a package: ${what}`);
  };
  const iterator = source[Symbol.asyncIterator]();
  let rest: Buffer = Buffer.alloc(0);
  const some = async (most: number): Promise<Buffer> => {
    while (rest.length === 0) {
      const next = await iterator.next();
      if (next.done) return malformed('it ends too early');
      rest = Buffer.from(next.value.buffer, next.value.byteOffset, next.value.length);
    }
    const part = rest.subarray(0, most);
    rest = rest.subarray(part.length);
    return part;
  };
  const block = async (): Promise<Buffer> => {
    const parts: Buffer[] = [];
    for (let need = blockBytes; need > 0; ) {
      const part = await some(need);
      parts.push(part);
      need -= part.length;
    }
    return Buffer.concat(parts);
  };
  for (;;) {
    const header = await block();
    if (header.every((byte) => byte === 0)) return;
    const stated = Number.parseInt(header.toString('latin1', 148, 154), 8);
    let sum = 0;
    for (const [index, byte] of header.entries()) sum += index >= 148 && index < 156 ? 0x20 : byte;
    if (sum !== stated) malformed('a header is damaged');
    if (header[156] !== 0x30) malformed('it holds something that is no file');
    const end = header.indexOf(0);
    const name = header.toString('utf8', 0, Math.min(100, end < 0 ? 100 : end));
    const size =
      header[124] === 0x80
        ? Number(header.readBigUInt64BE(128))
        : Number.parseInt(header.toString('latin1', 124, 135), 8);
    if (!Number.isSafeInteger(size) || size < 0) malformed('a size is damaged');
    let left = size;
    const chunks = async function* (): AsyncGenerator<Buffer> {
      while (left > 0) {
        const part = await some(left);
        left -= part.length;
        yield part;
      }
    };
    yield { name, size, chunks };
    for await (const _ of chunks()); // What the caller did not read.
    for (let pad = padding(size); pad > 0; ) pad -= (await some(pad)).length;
  }
}
