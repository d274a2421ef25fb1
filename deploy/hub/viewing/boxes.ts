import { Failure } from '#protocol/failure.ts';

/** A box inside a buffer, ISO/IEC 14496-12 §4.2. `body` is what follows its header; both share the buffer's memory. */
export interface Box {
  type: string;
  bytes: Buffer;
  body: Buffer;
}

export function malformed(what: string): never {
  throw new Failure('corrupt', 'mp4-malformed', `not a recording of a node: ${what}`);
}

/** The boxes one after the other in `bytes`. Throws `mp4-malformed`. */
export function* boxesIn(bytes: Buffer): Generator<Box> {
  for (let at = 0; at < bytes.length; ) {
    const header = readHeader(bytes, at);
    if (header === undefined || at + header.size > bytes.length) malformed('a box ends beyond its parent');
    const { type, size, headerBytes } = header as Header;
    yield {
      type,
      bytes: bytes.subarray(at, at + size),
      body: bytes.subarray(at + headerBytes, at + size),
    };
    at += size;
  }
}

/** The one box of a type. Throws `mp4-malformed` when there is none or there are several. */
export function only(parent: Buffer, type: string): Box {
  const found = [...boxesIn(parent)].filter((box) => box.type === type);
  if (found.length !== 1) malformed(`${found.length} of "${type}"`);
  return found[0] as Box;
}

interface Header {
  type: string;
  size: number;
  headerBytes: number;
}

/** Undefined while the header is not complete. */
function readHeader(bytes: Buffer, at: number): Header | undefined {
  if (bytes.length - at < 8) return undefined;
  const short = bytes.readUInt32BE(at);
  const type = bytes.toString('latin1', at + 4, at + 8);
  if (short !== 1) {
    if (short < 8) malformed(`a box of ${short} bytes`);
    return { type, size: short, headerBytes: 8 };
  }
  if (bytes.length - at < 16) return undefined;
  const size = Number(bytes.readBigUInt64BE(at + 8));
  if (size < 16 || !Number.isSafeInteger(size)) malformed(`a box of ${size} bytes`);
  return { type, size, headerBytes: 16 };
}

/** A GOP of 10 s at 60 Mbit/s; a recording has a tenth of it. */
const maxBoxBytes = 128 * 1024 * 1024;

/**
 * Whole top-level boxes out of a stream, each in memory of its own. A box that the stream does not finish is left
 * out: that is how a torn file ends. Throws `mp4-malformed` for a box beyond any recording.
 */
export async function* topLevelBoxes(chunks: AsyncIterable<Buffer>): AsyncGenerator<Box> {
  let pieces: Buffer[] = [];
  let have = 0;
  let wanted = 8;
  for await (const chunk of chunks) {
    pieces.push(chunk);
    have += chunk.length;
    while (have >= wanted) {
      const bytes = pieces.length === 1 ? (pieces[0] as Buffer) : Buffer.concat(pieces);
      pieces = [bytes];
      const header = readHeader(bytes, 0);
      if (header === undefined) {
        wanted = 16;
        continue;
      }
      if (header.size > maxBoxBytes) malformed(`a box of ${header.size} bytes`);
      if (have < header.size) {
        wanted = header.size;
        continue;
      }
      const { type, size, headerBytes } = header;
      // A copy: what remains must not keep the whole piece alive, and the box may be rewritten.
      const own = Buffer.from(bytes.subarray(0, size));
      const rest = bytes.subarray(size);
      pieces = rest.length > 0 ? [rest] : [];
      have = rest.length;
      wanted = 8;
      yield { type, bytes: own, body: own.subarray(headerBytes) };
    }
  }
}
