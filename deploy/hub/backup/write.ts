import { createHash } from 'node:crypto';
import { link, open, rm } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { Encrypter } from 'age-encryption';
import { codeOf, Failure } from '#protocol/failure.ts';
import { instantText } from '#protocol/time.ts';
import { requireRecipient } from '../viewing/package-file.ts';
import { type TarEntry, writeTar } from '../viewing/tar.ts';
import { openContents } from './contents.ts';
import { type BackupList, listName } from './list.ts';

/**
 * Writes a backup of a hub's folder, which may be in use, encrypted to `recipients`. 1 FILE.part, synced; 2 FILE.
 * Throws `usage` `exists`, `recipient-malformed`; `unavailable` `backup-read`.
 */
export async function writeBackup(
  dir: string,
  file: string,
  recipients: readonly string[],
  utcMs: number,
): Promise<BackupList> {
  for (const recipient of recipients) requireRecipient(recipient);
  const encrypter = new Encrypter();
  for (const recipient of recipients) encrypter.addRecipient(recipient);
  using contents = openContents(dir);
  const list: BackupList = { version: 1, made: instantText(utcMs), files: [] };
  const fresh = `${file}.${process.pid}.part`;
  const handle = await open(fresh, 'wx', 0o600).catch((cause: unknown) => {
    throw new Failure('usage', 'cannot-write', `${file} cannot be written (${codeOf(cause)})`, { cause });
  });
  try {
    const tar = Readable.toWeb(Readable.from(archive(contents.entries, list, utcMs)));
    const sealed = await encrypter.encrypt(tar as ReadableStream<Uint8Array>);
    for await (const chunk of sealed as unknown as AsyncIterable<Uint8Array>)
      for (let done = 0; done < chunk.length; ) done += (await handle.write(chunk, done)).bytesWritten;
    await handle.sync();
    await link(fresh, file).catch((cause: unknown) => {
      const why = codeOf(cause) === 'EEXIST' ? 'is there already: name another file' : `(${codeOf(cause)})`;
      throw new Failure('usage', 'exists', `${file} ${why}`, { cause });
    });
  } finally {
    await handle.close();
    await rm(fresh, { force: true });
  }
  return list;
}

/** The files and, behind them, the list with their hashes: it is known when all was read. */
async function* archive(
  entries: readonly TarEntry[],
  list: BackupList,
  utcMs: number,
): AsyncGenerator<Uint8Array> {
  const hashed = entries.map(
    (entry): TarEntry => ({
      ...entry,
      async *chunks() {
        const hash = createHash('sha256');
        for await (const chunk of entry.chunks()) {
          hash.update(chunk);
          yield chunk;
        }
        list.files.push({ name: entry.name, bytes: entry.size, sha256: hash.digest('hex') });
      },
    }),
  );
  yield* writeTar([...hashed, ...listEntry(list)], utcMs);
}

/** Its size is asked for when its turn comes. */
function listEntry(list: BackupList): TarEntry[] {
  let text: Buffer | undefined;
  const bytes = (): Buffer => {
    text ??= Buffer.from(JSON.stringify(list));
    return text;
  };
  return [
    {
      name: listName,
      get size() {
        return bytes().length;
      },
      chunks: () => [bytes()],
    },
  ];
}
