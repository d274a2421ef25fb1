import { join } from 'node:path';
import { z } from 'zod';
import { parseJson } from '#protocol/envelope.ts';
import { Failure, sentenceOf } from '#protocol/failure.ts';
import { backoff } from '../lifecycle/backoff.ts';
import { type Clock, pause } from '../platform/clock.ts';
import { diskFailure } from '../platform/disk-failure.ts';
import { type Files, makeFolderDurably, readIfThere, writeDurably } from '../platform/files.ts';
import { type HttpTls, openHttpClient } from '../platform/http-client.ts';
import type { Log } from '../platform/log.ts';
import type { Random } from '../platform/random.ts';
import { chunkSize } from './chunk-size.ts';
import type { Content } from './source.ts';
import { tokenBucket } from './token-bucket.ts';
import { uploadFile } from './upload-file.ts';

/** What goes to the hub for one command, in this order. */
export interface Parcel {
  command: string;
  items: Item[];
}

export interface Item {
  file: string;
  content: Content;
}

export interface Uploads {
  /**
   * Sends every item to its end, resuming where the server stands, over cuts and restarts, for as long as it takes.
   * Throws `upload-refused` (denied), `footage-missing`, `footage-changed` (corrupt), or the signal's reason.
   */
  deliver(
    parcel: Parcel,
    progress: (sent: { bytes: number; files: number }) => void,
    signal: AbortSignal,
  ): Promise<void>;
  /** Forgets where the files of a command stand. */
  forget(command: string): Promise<void>;
  /** Commands with something remembered. */
  known(): Promise<string[]>;
  close(): void;
}

/** A connection on which nothing moves for so long is dead: the smallest chunk takes half of it at 35 kbit/s. */
const deadAfterMs = 30_000;
const maxReplyBytes = 64 * 1024;
const firstRetryMs = 1000;
const lastRetryMs = 60_000;
/** A file that arrives wrong so often is wrong on disk: the network has checksums of its own. */
const maxMismatches = 3;
const maxStateBytes = 16 * 1024 * 1024;

/** Of each file that has a place at the server: its address, and whether all of it is there. */
const stateSchema = z.record(z.string(), z.object({ url: z.string().max(2000), whole: z.boolean() }));
type State = z.infer<typeof stateSchema>;

/** Uploads to the one address of the configuration, at its rate, one connection and one file at a time. */
export async function openUploads(options: {
  files: Files;
  clock: Clock;
  random: Random;
  log: Log;
  folder: string;
  url: string;
  limitBits: number;
  tls: HttpTls;
  /** When a connection on which nothing moves is dead. */
  stallMs?: number;
}): Promise<Uploads> {
  const { files, clock, folder, log } = options;
  await makeFolderDurably(files, folder);
  const client = openHttpClient({
    tls: options.tls,
    stallMs: options.stallMs ?? deadAfterMs,
    maxReplyBytes,
  });
  const bucket = tokenBucket(clock, options.limitBits);
  const chunks = chunkSize();
  const pathOf = (command: string): string => join(folder, `${command}.json`);

  async function remembered(command: string): Promise<State> {
    const bytes = await readIfThere(files, pathOf(command), maxStateBytes);
    const parsed = stateSchema.safeParse(bytes && parseJson(bytes));
    return parsed.success ? parsed.data : {};
  }

  return {
    async deliver({ command, items }, progress, signal) {
      let state = await remembered(command);
      const keep = (): Promise<void> =>
        writeDurably(files, pathOf(command), JSON.stringify(state)).catch((error: unknown) => {
          throw diskFailure(error, 'where uploads stand');
        });
      const sizeOf = ({ content }: Item): number =>
        'bytes' in content ? content.bytes.length : content.size;
      const waits = backoff(options.random, firstRetryMs, lastRetryMs);
      let best = 0;
      let mismatches = 0;
      for (let index = 0, before = 0; index < items.length; ) {
        const { file, content } = items[index]!;
        try {
          if (!state[file]?.whole)
            await uploadFile(
              { files, clock, client, bucket, chunks, endpoint: options.url },
              {
                metadata: { command, file },
                content,
                url: state[file]?.url,
                async placed(url) {
                  if (state[file]?.url === url) return;
                  state[file] = { url, whole: false };
                  await keep();
                },
                acknowledged(bytes) {
                  // Waits start over only when it has come further than ever: a link that always breaks at one place
                  // is not hammered.
                  if (before + bytes > best) waits.reset();
                  best = Math.max(best, before + bytes);
                  progress({ bytes: before + bytes, files: index });
                },
              },
              signal,
            );
          // Written down with the next one that gets a place: to ask again costs one HEAD.
          state[file] = { url: state[file]?.url ?? '', whole: true };
          before += sizeOf(items[index]!);
          index += 1;
          mismatches = 0;
          progress({ bytes: before, files: index });
        } catch (error) {
          signal.throwIfAborted();
          if (!(error instanceof Failure) || (error.kind !== 'transient' && error.kind !== 'exhausted'))
            throw error;
          if (error.code === 'upload-mismatch' && ++mismatches >= maxMismatches)
            throw new Failure('corrupt', 'footage-changed', `${file} is not what the manifest says`, {
              cause: error,
            });
          if (error.code === 'upload-order') {
            // The hub has lost what it had: from the manifest on, asking about each.
            state = {};
            [index, before] = [0, 0];
          }
          chunks.lost();
          const waitMs = waits.next();
          log.info(
            { command, file, at: best, code: error.code, why: sentenceOf(error), waitMs: Math.round(waitMs) },
            'upload interrupted',
          );
          await pause(clock, waitMs, signal);
          signal.throwIfAborted();
        }
      }
    },
    async forget(command) {
      if ((await files.size(pathOf(command))) !== undefined) await files.remove(pathOf(command));
    },
    async known() {
      const names = (await files.list(folder)).map(({ name }) => /^([0-9a-f-]{36})\.json$/.exec(name)?.[1]);
      return names.filter((id) => id !== undefined);
    },
    close: () => client.close(),
  };
}
