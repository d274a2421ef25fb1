import { createReadStream } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { Failure } from '#protocol/failure.ts';
import type { Manifest } from '#protocol/manifest.ts';
import { openSealed, type SealedEnd } from '#protocol/seal/seal.ts';
import { hashFile } from './evidence.ts';
import { type JoinedFile, joinSegments, type Output } from './join.ts';
import type { RamFolder } from './ram.ts';

/** Pictures that are not what was recorded: masked ones. */
export interface Derived {
  /** SHA-256 of the joined film they were made of, which stays here, and of the masks. */
  from: string;
  masks: string;
}

/** What was made of a delivery in a RAM-backed folder. */
export interface Viewing {
  files: (JoinedFile & { path: string; sha256: string; derived?: Derived })[];
  /** Segments that end early: torn by a crash at the node, or not as the node sealed them. */
  incomplete: { name: string; end: SealedEnd | undefined }[];
}

/** Opens the sealed files of a case and joins them in RAM. Throws `seal-no-identity`, `no-room`, `no-pictures`. */
export async function makeViewing(
  folder: string,
  manifest: Manifest,
  secret: string,
  ram: RamFolder,
): Promise<Viewing> {
  const bytes = manifest.files.reduce((sum, file) => sum + file.bytes, 0);
  if (ram.freeBytes() < bytes)
    throw new Failure(
      'exhausted',
      'no-room',
      `${ram.path} has no room for ${bytes} bytes: name another folder with --out`,
    );
  const incomplete: Viewing['incomplete'] = [];
  const ordered = [...manifest.files].sort((a, b) => a.start - b.start);
  const segments = ordered.map(({ name, start }) => ({
    start,
    async *chunks() {
      const opened = await openSealed(
        { identities: [secret] },
        createReadStream(join(folder, 'files', name)),
      );
      yield* opened.chunks();
      if (opened.end() !== 'whole') incomplete.push({ name, end: opened.end() });
    },
  }));
  const joined = await joinSegments(segments, manifest, (name) => openOutput(join(ram.path, name)));
  if (joined.length === 0)
    throw new Failure('denied', 'no-pictures', 'the delivery holds no picture of the time asked for');
  const files: Viewing['files'] = [];
  for (const file of joined) {
    const path = join(ram.path, file.name);
    files.push({ ...file, path, sha256: await hashFile(path) });
  }
  return { files, incomplete };
}

async function openOutput(path: string): Promise<Output> {
  const file: FileHandle = await open(path, 'wx', 0o600);
  return {
    async append(bytes) {
      await file.appendFile(bytes);
    },
    async overwrite(bytes, position) {
      await file.write(bytes, 0, bytes.length, position);
    },
    close: () => file.close(),
  };
}
