import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { type Files, readIfThere } from '#agent/platform/files.ts';
import type { Log } from '#agent/platform/log.ts';
import { Failure } from '#protocol/failure.ts';
import { uuidV7 } from '#protocol/ids.ts';
import { maxManifestBytes } from '#protocol/manifest.ts';
import { reserveBytes } from '../alarms/room-watch.ts';
import type { Case, Cases } from '../cases/cases.ts';
import { serial } from '../serial.ts';

/** The name under which a delivery's manifest is uploaded, before anything else. */
export const manifestName = 'manifest.dsse.json';

/** What an upload says of itself; believed only where it names something expected. */
const metadataSchema = z.strictObject({ command: uuidV7, file: z.string().min(1).max(80) });

/** One expected file of one case. */
export interface Expected {
  one: Case;
  file: string;
  /** Where its bytes gather, and where they stand once they are what the manifest says. */
  partial: string;
  final: string;
  /** From the manifest; for the manifest itself what was announced. */
  bytes: number;
}

export interface Delivery {
  files: number;
  filesHere: number;
  bytes: number;
  bytesHere: number;
  gaps: number;
}

/**
 * What arrives for the cases: `inbox/` gathers, `files/` holds what was verified. Paths are made from the id of a
 * case of this hub and a name of its signed manifest, never from what an upload says. What changes the files of one
 * case comes one after the other, and nothing is made for a case that is being closed.
 */
export interface Inbox {
  /** Throws `disk-full` where the register and the logs need what room is left. */
  requireRoom(bytes?: number): Promise<void>;
  /** For a new upload. Throws `denied`: `not-expected`, `manifest-first`, `not-listed`, `other-size`; `too-large`. */
  announce(metadata: unknown, bytes: number | undefined): Promise<Expected>;
  /**
   * Makes room for an announced file. What is partly here stays, so that a node that lost its notes sends nothing
   * twice: its first PATCH conflicts, it asks for the offset and goes on from there.
   */
  begin(expected: Expected): Promise<void>;
  /** Adds what comes at `offset` by another way than an upload; how many bytes are here then. */
  append(expected: Expected, offset: number, bytes: Buffer): Promise<number>;
  /** For `<command>/<file>` of an upload's address; throws as `announce` does, and `unknown-upload`. */
  find(id: string): Expected;
  /** Bytes here; the whole size once the file is verified. Settles a file whose last byte came before a crash. */
  offset(expected: Expected): Promise<number>;
  /**
   * All bytes are here: checks them, syncs, and moves the file to its place; the last one completes the case.
   * Throws `hash-mismatch` (the bytes are thrown away: they can be sent again) or what the manifest is refused for.
   */
  settle(expected: Expected): Promise<void>;
  delivery(one: Case): Promise<Delivery | undefined>;
  /** Removes everything that was delivered. Can be repeated after a crash. */
  erase(one: Case): Promise<{ files: number; bytes: number }>;
  /** After a start: settles what a crash left whole. */
  recover(): Promise<void>;
}

export function openInbox(options: { files: Files; cases: Cases; log: Log }): Inbox {
  const { files, cases, log } = options;
  const steps = serial();
  /** Names verified so far, by case. */
  const here = new Map<string, Set<string>>();
  /** Announced sizes of manifests under way; a restart forgets them and the manifest begins again. */
  const announced = new Map<string, number>();

  const denied = (code: string, sentence: string): never => {
    throw new Failure('denied', code, sentence);
  };
  async function verified(one: Case): Promise<Set<string>> {
    const known = here.get(one.id);
    if (known) return known;
    const names = (await files.list(join(cases.folder(one.id), 'files'))).map(({ name }) => name);
    const fresh = new Set(names);
    here.set(one.id, fresh);
    return fresh;
  }
  function requireOpen({ state }: Case): void {
    if (state !== 'authorised' && state !== 'complete')
      denied('not-expected', 'nothing is expected for this command');
  }
  function expect(command: string, file: string, bytes: number | undefined): Expected {
    const one = cases.all().find(({ id }) => id === command);
    if (one === undefined) return denied('not-expected', 'nothing is expected for this command');
    requireOpen(one);
    const folder = cases.folder(one.id);
    const at = (name: string, size: number): Expected => ({
      one,
      file: name,
      partial: join(folder, 'inbox', name),
      final: name === manifestName ? join(folder, name) : join(folder, 'files', name),
      bytes: size,
    });
    if (file === manifestName) {
      const size = bytes ?? announced.get(command) ?? -1;
      if (size > maxManifestBytes)
        throw new Failure('invalid', 'too-large', `a manifest has at most ${maxManifestBytes} bytes`);
      return at(manifestName, size);
    }
    if (one.manifest === undefined) return denied('manifest-first', 'the manifest has not arrived');
    const listed = one.manifest.files.find(({ name }) => name === file);
    if (listed === undefined) return denied('not-listed', 'the manifest lists no such file');
    if (bytes !== undefined && bytes !== listed.bytes)
      return denied('other-size', `the manifest says ${listed.bytes} bytes, not ${bytes}`);
    return at(listed.name, listed.bytes);
  }
  /** Needs no byte more. A manifest stands once files have been checked against it. */
  async function present(one: Case, file: string): Promise<boolean> {
    const names = await verified(one);
    return file === manifestName ? one.state === 'complete' || names.size > 0 : names.has(file);
  }
  async function completeIfAll(one: Case): Promise<void> {
    const names = await verified(one);
    if (one.manifest?.files.every(({ name }) => names.has(name))) await cases.complete(one.id);
    else cases.progressed(one.id);
  }
  async function discard(path: string): Promise<void> {
    if ((await files.size(path)) !== undefined) await files.remove(path);
  }

  async function settleManifest({ one, partial }: Expected): Promise<void> {
    const envelope = await readIfThere(files, partial, maxManifestBytes);
    if (envelope === undefined) return;
    try {
      if ((await verified(one)).size > 0) await requireSame(one, envelope);
      else await completeIfAll(await cases.manifest(one.id, envelope));
    } finally {
      await discard(partial);
      announced.delete(one.id);
    }
  }
  /** Once files have been checked against a manifest, only the same one is taken again. */
  async function requireSame(one: Case, envelope: Buffer): Promise<void> {
    const kept = await files.read(join(cases.folder(one.id), manifestName), maxManifestBytes);
    if (!kept.equals(envelope)) denied('other-manifest', 'another manifest was delivered before');
  }

  async function settleFile({ one, file, partial, final }: Expected): Promise<void> {
    const names = await verified(one);
    if (names.has(file)) return;
    if ((await files.size(partial)) === undefined) return;
    const listed = one.manifest?.files.find(({ name }) => name === file);
    if ((await hashOf(partial)) !== listed?.sha256) {
      await discard(partial);
      throw new Failure('denied', 'hash-mismatch', 'the bytes are not those that the manifest names');
    }
    const opened = await files.open(partial, 'append');
    try {
      await opened.sync();
    } finally {
      await opened.close();
    }
    const folder = join(cases.folder(one.id), 'files');
    await files.makeFolder(folder);
    await files.replace(partial, final);
    await files.syncFolder(folder);
    names.add(file);
    await completeIfAll(one);
  }
  const settle = (expected: Expected): Promise<void> =>
    steps.run(expected.one.id, () => {
      requireOpen(expected.one);
      return expected.file === manifestName ? settleManifest(expected) : settleFile(expected);
    });

  async function requireRoom(bytes = 0): Promise<void> {
    const { freeBytes } = await files.space(cases.root);
    if (freeBytes < bytes + reserveBytes) throw new Failure('exhausted', 'disk-full', 'the hub has no room');
  }

  return {
    requireRoom,
    async announce(metadata, bytes) {
      const parsed = metadataSchema.safeParse(metadata);
      if (!parsed.success || bytes === undefined || bytes <= 0)
        return denied('malformed', 'an upload names its command, its file and its size');
      const { command, file } = parsed.data;
      const expected = expect(command, file, bytes);
      if (file === manifestName && (await present(expected.one, file))) {
        const kept = await files.size(expected.final);
        if (kept !== bytes) denied('other-manifest', 'another manifest was delivered before');
      }
      await requireRoom(bytes);
      if (file === manifestName) announced.set(command, bytes);
      return expected;
    },
    find(id) {
      const slash = id.indexOf('/');
      const parsed = metadataSchema.safeParse({ command: id.slice(0, slash), file: id.slice(slash + 1) });
      if (!parsed.success) throw new Failure('denied', 'unknown-upload', 'no such upload');
      return expect(parsed.data.command, parsed.data.file, undefined);
    },
    begin: ({ one, file, partial, bytes }) =>
      steps.run(one.id, async () => {
        requireOpen(one);
        if (await present(one, file)) return;
        const size = await files.size(partial);
        // A manifest is small, and may be another one than the last time: it begins anew.
        if (size !== undefined && size < bytes && file !== manifestName) return;
        await discard(partial);
        await files.makeFolder(join(cases.folder(one.id), 'inbox'));
        await (await files.open(partial, 'create')).close();
      }),
    append: ({ one, file, partial, bytes: whole }, offset, bytes) =>
      steps.run(one.id, async () => {
        requireOpen(one);
        if (await present(one, file)) return whole;
        const here = (await files.size(partial)) ?? denied('unknown-upload', 'no such upload');
        if (here !== offset) return here;
        if (offset + bytes.length > whole) denied('other-size', `${file} is longer than the manifest says`);
        const opened = await files.open(partial, 'append');
        try {
          await opened.write(bytes);
        } finally {
          await opened.close();
        }
        return offset + bytes.length;
      }),
    async offset(expected) {
      if ((await files.size(expected.partial)) === expected.bytes) await settle(expected);
      if (await present(expected.one, expected.file)) return expected.bytes;
      return (await files.size(expected.partial)) ?? denied('unknown-upload', 'no such upload');
    },
    settle,
    async delivery(one) {
      const { manifest } = one;
      if (manifest === undefined) return undefined;
      const names = await verified(one);
      let bytesHere = 0;
      let bytes = 0;
      for (const file of manifest.files) {
        bytes += file.bytes;
        if (names.has(file.name) || one.state === 'complete') bytesHere += file.bytes;
      }
      const inbox = join(cases.folder(one.id), 'inbox');
      for (const { name } of await files.list(inbox))
        if (name !== manifestName) bytesHere += (await files.size(join(inbox, name))) ?? 0;
      return {
        files: manifest.files.length,
        filesHere: names.size,
        bytes,
        bytesHere,
        gaps: manifest.gaps.length,
      };
    },
    erase: (one) =>
      steps.run(one.id, async () => {
        const erased = { files: 0, bytes: 0 };
        for (const part of ['inbox', 'files']) {
          const folder = join(cases.folder(one.id), part);
          for (const { name } of await files.list(folder)) {
            const path = join(folder, name);
            erased.bytes += (await files.size(path)) ?? 0;
            erased.files += 1;
            await files.remove(path);
          }
          await files.makeFolder(folder);
          await files.syncFolder(folder);
          await files.removeFolder(folder);
        }
        here.delete(one.id);
        announced.delete(one.id);
        return erased;
      }),
    async recover() {
      for (const one of cases.all()) {
        if (one.state !== 'authorised') continue;
        for (const { name } of await files.list(join(cases.folder(one.id), 'inbox'))) {
          const expected =
            name === manifestName ? undefined : listedOnly(() => expect(one.id, name, undefined));
          // A manifest under way is small, and its size was in memory: it begins again.
          if (expected === undefined) await discard(join(cases.folder(one.id), 'inbox', name));
          else if ((await files.size(expected.partial)) === expected.bytes)
            await settle(expected).catch((error: unknown) => {
              if (!(error instanceof Failure)) throw error;
              log.warn({ case: one.id, file: name, code: error.code }, 'delivery begins again');
            });
        }
        await completeIfAll(one);
      }
    },
  };
}

function listedOnly(look: () => Expected): Expected | undefined {
  try {
    return look();
  } catch (error) {
    if (error instanceof Failure) return undefined;
    throw error;
  }
}

async function hashOf(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path, { highWaterMark: 1024 * 1024 }))
    hash.update(chunk as Buffer);
  return hash.digest('hex');
}
