import { type DetailedError, type FileReader, Upload, type UploadOptions } from 'tus-js-client';
import { Failure, sentenceOf } from '#protocol/failure.ts';
import type { Clock } from '../platform/clock.ts';
import type { Files } from '../platform/files.ts';
import type { HttpClient } from '../platform/http-client.ts';
import type { ChunkSize } from './chunk-size.ts';
import { bodyOf, type Content } from './source.ts';
import type { TokenBucket } from './token-bucket.ts';
import { tusStack } from './tus-stack.ts';

export interface UploadParts {
  files: Files;
  clock: Clock;
  client: HttpClient;
  bucket: TokenBucket;
  chunks: ChunkSize;
  /** Where new uploads are made. */
  endpoint: string;
}

export interface FileUpload {
  metadata: { command: string; file: string };
  content: Content;
  /** Where an earlier try left off. */
  url: string | undefined;
  /** The server has given it a place: durable before the first byte is sent. */
  placed(url: string): Promise<void>;
  /** Bytes that the server has acknowledged, of this file. */
  acknowledged(bytes: number): void;
}

/** Answers that ask for something else: the manifest first, and the file once more from its beginning. */
const requests: Partial<Record<number, string>> = { 412: 'upload-order', 460: 'upload-mismatch' };
/** Answers after which asking again changes nothing: the hub does not know the command, or does not want the file. */
const refusals = [400, 401, 403, 413, 415];

/**
 * One try at one file, from where the server says it stands to its end. Throws `upload-refused` (denied), `footage-missing` or `footage-changed` (corrupt); any other failure is transient.
 */
export async function uploadFile(parts: UploadParts, file: FileUpload, signal: AbortSignal): Promise<void> {
  const { content } = file;
  const size = 'bytes' in content ? content.bytes.length : content.size;
  const done = Promise.withResolvers<void>();
  const gaveUp = new AbortController();
  const either = AbortSignal.any([signal, gaveUp.signal]);
  let sentAt = parts.clock.monotonic();
  const reader: FileReader = {
    openFile: async () => ({
      size,
      close: () => {},
      async slice(start, end) {
        const range = { start, end: Math.min(end, size) };
        sentAt = parts.clock.monotonic();
        const body = bodyOf(parts.files, content, range, parts.bucket, either);
        return { value: Object.assign(body, { size: body.bytes }), done: range.end >= size };
      },
    }),
  };
  const options: UploadOptions & { chunkSize: number } = {
    endpoint: parts.endpoint,
    uploadUrl: file.url ?? null,
    metadata: file.metadata,
    uploadSize: size,
    chunkSize: parts.chunks.bytes(),
    retryDelays: null,
    uploadDataDuringCreation: false,
    httpStack: tusStack(parts.client, new URL(parts.endpoint).origin, either),
    fileReader: reader,
    fingerprint: async () => `${file.metadata.command}/${file.metadata.file}`,
    urlStorage: {
      findAllUploads: async () => [],
      findUploadsByFingerprint: async () => [],
      removeUpload: async () => {},
      async addUpload(fingerprint, { uploadUrl }) {
        // The client does not look at a rejection here.
        if (uploadUrl) await file.placed(uploadUrl).catch(done.reject);
        return fingerprint;
      },
    },
    onChunkComplete(bytes, accepted) {
      parts.chunks.took(bytes, parts.clock.monotonic() - sentAt);
      upload.options.chunkSize = parts.chunks.bytes();
      file.acknowledged(accepted);
    },
    onSuccess: () => done.resolve(),
    onError: done.reject,
  };
  const upload = new Upload(content as never, options);
  const abort = (): void => done.reject(signal.reason);
  signal.throwIfAborted();
  signal.addEventListener('abort', abort, { once: true });
  upload.start();
  try {
    await done.promise;
    file.acknowledged(size);
  } catch (error) {
    signal.throwIfAborted();
    throw named(error);
  } finally {
    signal.removeEventListener('abort', abort);
    gaveUp.abort();
    await upload.abort();
  }
}

/** What the client reports, by our names; what is in it of a failure of ours is that failure. */
function named(error: unknown): unknown {
  if (error instanceof Failure) return error;
  const { causingError, originalResponse } = error as Partial<DetailedError>;
  if (causingError) return named(causingError);
  if (originalResponse) {
    const status = originalResponse.getStatus();
    return refusals.includes(status)
      ? new Failure('denied', 'upload-refused', `the hub answers ${status}`, { cause: error })
      : new Failure('transient', requests[status] ?? 'upload-answer', `the hub answers ${status}`, {
          cause: error,
        });
  }
  const code = (error as { code?: unknown }).code;
  if (typeof code === 'string')
    return new Failure('transient', 'upload-io', sentenceOf(error), { cause: error });
  // The tus client's own complaints about an answer have neither.
  return error instanceof Error && error.message.startsWith('tus:')
    ? new Failure('transient', 'upload-answer', error.message, { cause: error })
    : error;
}
