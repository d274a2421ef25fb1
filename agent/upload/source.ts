import { Failure } from '#protocol/failure.ts';
import { type Files, isMissing } from '../platform/files.ts';
import type { HttpBody } from '../platform/http-client.ts';
import type { TokenBucket } from './token-bucket.ts';

/** What is sent: a text made here, or a file by its path. */
export type Content = { bytes: Buffer } | { path: string; size: number };

/** One piece: small beside the burst of the slowest rate, large beside the cost of a call. */
const pieceBytes = 16 * 1024;

/**
 * The bytes `[start, end)` of `content` at the bucket's rate, one piece in memory at a time. Fails with
 * `footage-missing` or `footage-changed` (corrupt) when the file is not what was announced.
 */
export function bodyOf(
  files: Files,
  content: Content,
  range: { start: number; end: number },
  bucket: TokenBucket,
  signal: AbortSignal,
): HttpBody {
  async function* pieces(): AsyncGenerator<Uint8Array> {
    if ('bytes' in content) {
      for (let at = range.start; at < range.end; at += pieceBytes) {
        const piece = content.bytes.subarray(at, Math.min(at + pieceBytes, range.end));
        await bucket.take(piece.length, signal);
        yield piece;
      }
      return;
    }
    const file = await files.open(content.path, 'read').catch((cause: unknown) => {
      if (isMissing(cause)) throw new Failure('corrupt', 'footage-missing', content.path, { cause });
      throw cause;
    });
    try {
      for (let at = range.start; at < range.end; at += pieceBytes) {
        // The connection keeps what it is given until it is sent: a fresh buffer each time.
        const piece = Buffer.allocUnsafe(Math.min(pieceBytes, range.end - at));
        await bucket.take(piece.length, signal);
        if ((await file.read(piece, at)) < piece.length)
          throw new Failure('corrupt', 'footage-changed', `${content.path} is shorter than its entry`);
        yield piece;
      }
    } finally {
      await file.close();
    }
  }
  return { bytes: range.end - range.start, pieces: pieces() };
}
