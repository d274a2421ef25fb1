import { accessSync, constants, createReadStream, existsSync, openAsBlob, rmSync } from 'node:fs';
import { link, mkdir, open } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { BlobReader, configure, ZipReader, ZipWriter } from '@zip.js/zip.js';
import { Decrypter, Encrypter } from 'age-encryption';
import { diskFailure } from '#agent/platform/disk-failure.ts';
import { codeOf, Failure } from '#protocol/failure.ts';
import { readTar, type TarEntry, writeTar } from './tar.ts';

// Workers of the library would be loaded from blobs, which Node has no use for.
configure({ useWebWorkers: false });

export type Sealing = { how: 'age'; recipient: string } | { how: 'zip'; passphrase: string };

/** AES-256, the strongest of the WinZip AE-2 format. */
const aes256 = 3;

/** Throws `recipient-malformed`. */
export function requireRecipient(recipient: string): void {
  try {
    new Encrypter().addRecipient(recipient);
  } catch (cause) {
    throw new Failure(
      'usage',
      'recipient-malformed',
      `"${recipient.slice(0, 80)}" is no age recipient (age1…)`,
      { cause },
    );
  }
}

/** Before anything is noted or opened for it. Throws `usage` `exists`, `cannot-write`. */
export function requireRoomFor(file: string): void {
  if (existsSync(file)) throw new Failure('usage', 'exists', `${file} is there already: name another file`);
  try {
    accessSync(dirname(file), constants.W_OK | constants.X_OK);
  } catch (cause) {
    throw new Failure('usage', 'cannot-write', `${file} cannot be written (${codeOf(cause)})`, { cause });
  }
}

/**
 * Writes an encrypted package beside `file` and gives it that name when it is whole and synced. Throws `usage`
 * `exists` and never replaces anything.
 */
export async function writePackage(
  file: string,
  entries: readonly TarEntry[],
  sealing: Sealing,
  utcMs: number,
): Promise<void> {
  const fresh = `${file}.${process.pid}.part`;
  const handle = await open(fresh, 'wx', 0o600).catch((cause: unknown) => {
    throw new Failure('usage', 'cannot-write', `${file} cannot be written (${codeOf(cause)})`, { cause });
  });
  const discard = (): void => rmSync(fresh, { force: true });
  process.once('exit', discard);
  try {
    const sink = new WritableStream<Uint8Array>({
      async write(chunk) {
        try {
          for (let done = 0; done < chunk.length; ) done += (await handle.write(chunk, done)).bytesWritten;
        } catch (cause) {
          throw diskFailure(cause, file);
        }
      },
    });
    if (sealing.how === 'age') await writeAge(entries, sealing.recipient, utcMs, sink);
    else await writeZip(entries, sealing.passphrase, utcMs, sink);
    await handle.sync().catch((cause: unknown) => {
      throw diskFailure(cause, file);
    });
    await link(fresh, file).catch((cause: unknown) => {
      const why = codeOf(cause) === 'EEXIST' ? 'is there already: name another file' : `(${codeOf(cause)})`;
      throw new Failure('usage', 'exists', `${file} ${why}`, { cause });
    });
  } finally {
    await handle.close();
    discard();
    process.off('exit', discard);
  }
}

async function writeAge(
  entries: readonly TarEntry[],
  recipient: string,
  utcMs: number,
  sink: WritableStream<Uint8Array>,
): Promise<void> {
  const encrypter = new Encrypter();
  encrypter.addRecipient(recipient);
  const tar = Readable.toWeb(Readable.from(writeTar(entries, utcMs))) as ReadableStream<Uint8Array>;
  await (await encrypter.encrypt(tar)).pipeTo(sink);
}

async function writeZip(
  entries: readonly TarEntry[],
  password: string,
  utcMs: number,
  sink: WritableStream<Uint8Array>,
): Promise<void> {
  // Pictures do not get smaller a second time.
  const options = { password, encryptionStrength: aes256, level: 0, lastModDate: new Date(utcMs) } as const;
  const writer = new ZipWriter(sink, options);
  for (const entry of entries) {
    const bytes = Readable.toWeb(Readable.from(entry.chunks())) as ReadableStream<Uint8Array>;
    await writer.add(entry.name, bytes, { uncompressedSize: entry.size });
  }
  await writer.close();
}

/** What opens a package: an identity, or the passphrase of a ZIP. */
export interface Opening {
  identity(): Promise<string>;
  passphrase(): Promise<string>;
}

/** A few files, the clip and its most originals; more is no package of ours. */
const maxEntries = 1600;
const entryName = /^(?:original\/)?[A-Za-z0-9][A-Za-z0-9._-]{0,89}$/;

/** Unpacks a package into an empty folder. Throws `not-a-package`, `tar-malformed`, `package-locked`. */
export async function readPackage(file: string, folder: string, opening: Opening): Promise<void> {
  const head = await firstBytes(file);
  if (head.toString('latin1').startsWith('age-encryption.org/v1')) {
    const decrypter = new Decrypter();
    decrypter.addIdentity(await opening.identity());
    const sealed = Readable.toWeb(createReadStream(file)) as ReadableStream<Uint8Array>;
    const clear = await decrypter.decrypt(sealed).catch((cause: unknown) => locked(file, cause));
    return await unpackTar(clear as unknown as AsyncIterable<Uint8Array>, folder);
  }
  if (head.readUInt32BE(0) === 0x504b0304) return await unpackZip(file, folder, await opening.passphrase());
  if (head.toString('latin1', 257, 262) === 'ustar') return await unpackTar(createReadStream(file), folder);
  throw new Failure('invalid', 'not-a-package', `${file} is no package: an age file, a ZIP or a tar is`);
}

function locked(file: string, cause: unknown): never {
  throw new Failure('denied', 'package-locked', `${file} does not open with what was given`, { cause });
}

async function firstBytes(file: string): Promise<Buffer> {
  const head = Buffer.alloc(512);
  const handle = await open(file, 'r').catch((cause: unknown) => {
    throw new Failure('usage', 'cannot-read', `${file} cannot be read (${codeOf(cause)})`, { cause });
  });
  try {
    await handle.read(head, 0, head.length, 0);
  } finally {
    await handle.close();
  }
  return head;
}

async function unpackTar(source: AsyncIterable<Uint8Array>, folder: string): Promise<void> {
  let count = 0;
  for await (const { name, chunks } of readTar(source)) {
    requireName(name, ++count);
    await writeEntry(join(folder, name), chunks());
  }
}

async function unpackZip(file: string, folder: string, password: string): Promise<void> {
  const reader = new ZipReader(new BlobReader(await openAsBlob(file)), { password });
  try {
    let count = 0;
    for await (const entry of reader.getEntriesGenerator()) {
      requireName(entry.filename, ++count);
      if (entry.directory || !entry.encrypted)
        throw new Failure('invalid', 'not-a-package', `${entry.filename} is not an encrypted file`);
      const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
      const [, data] = await Promise.allSettled([
        writeEntry(join(folder, entry.filename), readable as unknown as AsyncIterable<Uint8Array>),
        entry.getData(writable),
      ]);
      if (data.status === 'rejected') locked(file, data.reason);
    }
  } finally {
    await reader.close();
  }
}

/** An archive never says where its files go. */
function requireName(name: string, count: number): void {
  if (!entryName.test(name) || count > maxEntries)
    throw new Failure('invalid', 'not-a-package', `"${name.slice(0, 100)}" does not belong into a package`);
}

async function writeEntry(path: string, chunks: AsyncIterable<Uint8Array>): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const handle = await open(path, 'wx', 0o600);
  try {
    for await (const chunk of chunks)
      for (let done = 0; done < chunk.length; ) done += (await handle.write(chunk, done)).bytesWritten;
  } finally {
    await handle.close();
  }
}
