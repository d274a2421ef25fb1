import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { codeOf, Failure } from '#protocol/failure.ts';
import type { Files } from '../platform/files.ts';
import type { Delivery, Item } from './extraction.ts';

/** Enough for one read of a disk, small beside memory. */
const pieceBytes = 256 * 1024;

/** Deliveries into folders, for whoever stands before the box. */
export interface Copies extends Delivery {
  /** Where a command's footage goes; without it a delivery fails as `no-destination`. */
  into(command: string, folder: string): void;
}

/**
 * Copies each item under its name, checked against its hash, never over anything (`copy-exists`). Fails as `copy-failed`
 * when the folder does not take it, as `footage-missing` or `footage-changed` when the store's disk does not give it.
 */
export function openCopies(files: Files): Copies {
  const folders = new Map<string, string>();
  return {
    into: (command, folder) => {
      folders.set(command, folder);
    },
    async deliver({ command, items }, progress, signal) {
      const folder = folders.get(command);
      if (folder === undefined)
        throw new Failure(
          'denied',
          'no-destination',
          'the stick was taken away: the command must be given anew',
        );
      try {
        let before = 0;
        for (const [index, item] of items.entries()) {
          before += await copy(files, item, folder, signal);
          progress({ bytes: before, files: index + 1 });
        }
        await files.syncFolder(folder);
      } catch (cause) {
        // Names of its own and an end that was asked for; whatever else a disk says here, the stick says.
        if (cause instanceof Failure || codeOf(cause) === 'unknown') throw cause;
        throw new Failure('denied', 'copy-failed', `the folder does not take the copy: ${codeOf(cause)}`, {
          cause,
        });
      }
    },
    forget: async (command) => {
      folders.delete(command);
    },
    known: async () => [...folders.keys()],
  };
}

/** 1 PATH.part, 2 synced, 3 renamed. A stick has no links, so a name that is taken is looked for first. */
async function copy(
  files: Files,
  { file, content }: Item,
  folder: string,
  signal: AbortSignal,
): Promise<number> {
  const path = join(folder, file);
  const part = `${path}.part`;
  if ((await files.size(path)) !== undefined)
    throw new Failure('denied', 'copy-exists', `${path} is there already`);
  if ((await files.size(part)) !== undefined) await files.remove(part);
  const target = await files.open(part, 'create');
  const hash = createHash('sha256');
  let bytes = 0;
  try {
    for await (const piece of pieces(files, content)) {
      signal.throwIfAborted();
      hash.update(piece);
      bytes += piece.length;
      await target.write(piece);
    }
    await target.sync();
  } finally {
    await target.close();
  }
  if ('path' in content && (bytes !== content.size || hash.digest('hex') !== content.sha256))
    throw new Failure('corrupt', 'footage-changed', `${content.path} is not what its entry says`);
  await files.replace(part, path);
  return bytes;
}

async function* pieces(files: Files, content: Item['content']): AsyncGenerator<Buffer> {
  if ('bytes' in content) {
    yield content.bytes;
    return;
  }
  const gone = (cause: unknown): never => {
    throw new Failure('corrupt', 'footage-missing', `${content.path}: ${codeOf(cause)}`, { cause });
  };
  const source = await files.open(content.path, 'read').catch(gone);
  try {
    const buffer = Buffer.allocUnsafe(pieceBytes);
    for (let at = 0; ; ) {
      const got = await source.read(buffer, at).catch(gone);
      if (got === 0) return;
      yield buffer.subarray(0, got);
      at += got;
    }
  } finally {
    await source.close();
  }
}
