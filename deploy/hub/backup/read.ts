import { createHash } from 'node:crypto';
import { createReadStream, existsSync, readdirSync } from 'node:fs';
import { mkdir, open, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { Decrypter } from 'age-encryption';
import { systemFiles } from '#agent/platform/files.ts';
import { parseJson } from '#protocol/envelope.ts';
import { codeOf, Failure } from '#protocol/failure.ts';
import { openMirror } from '../logs/mirror.ts';
import { readRemembered } from '../logs/witness.ts';
import { openRegister } from '../register/register.ts';
import { readSettings } from '../settings.ts';
import { readTrusted } from '../trust.ts';
import { readTar } from '../viewing/tar.ts';
import { type BackupList, backupList, listName } from './list.ts';

/** A relative path of plain names: nothing above the folder, nothing hidden. */
const safeName = /^(?:[A-Za-z0-9][A-Za-z0-9._-]{0,99}\/){0,8}[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;

/** What a backup that was read whole is good for. */
export interface BackupFindings {
  made: string;
  files: number;
  bytes: number;
  policyVersion: number;
  registerLines: number;
  /** Copies of logs that were checked against their cosigned heads. */
  logs: number;
}

/**
 * Unpacks a backup into `dir`, an empty folder, and checks it as the hub would when it starts. Throws `denied`
 * `backup-locked`; `corrupt` `backup-broken`, `register-broken`, `mirror-broken`; what `readTrusted` throws.
 */
export async function readBackup(file: string, identity: string, dir: string): Promise<BackupFindings> {
  const list = await unpack(file, identity, dir);
  readSettings(dir);
  const { policy } = readTrusted(dir);
  const register = openRegister(join(dir, 'data', 'register.sqlite'), () => 0);
  const registerLines = register.lines().length;
  register.close();
  const folder = join(dir, 'data', 'logs');
  let logs = 0;
  for (const name of existsSync(folder) ? readdirSync(folder) : []) {
    if (!name.endsWith('.head.json')) continue;
    await requireWitnessed(folder, name.slice(0, -'.head.json'.length));
    logs += 1;
  }
  return {
    made: list.made,
    files: list.files.length,
    bytes: list.files.reduce((sum, { bytes }) => sum + bytes, 0),
    policyVersion: policy.version,
    registerLines,
    logs,
  };
}

/** The whole log, line by line, and the root that this hub cosigned. */
async function requireWitnessed(folder: string, node: string): Promise<void> {
  const remembered = await readRemembered(systemFiles, join(folder, `${node}.head.json`));
  const root = await (await openMirror(systemFiles, folder, node)).root(remembered?.size ?? 0);
  if (remembered && !root?.equals(Buffer.from(remembered.root, 'base64')))
    throw new Failure('corrupt', 'mirror-broken', `the log of ${node} is not the one that was cosigned`);
}

async function unpack(file: string, identity: string, dir: string): Promise<BackupList> {
  const broken = (why: string, cause?: unknown): never => {
    throw new Failure('corrupt', 'backup-broken', `${file}: ${why}`, { cause });
  };
  const decrypter = new Decrypter();
  decrypter.addIdentity(identity);
  let clear: AsyncIterable<Uint8Array>;
  try {
    const sealed = Readable.toWeb(createReadStream(file)) as ReadableStream<Uint8Array>;
    clear = (await decrypter.decrypt(sealed)) as unknown as AsyncIterable<Uint8Array>;
  } catch (cause) {
    if (codeOf(cause) === 'ENOENT')
      throw new Failure('usage', 'usage', `${file} cannot be read (ENOENT)`, { cause });
    throw new Failure('denied', 'backup-locked', `${file} is no backup, or not for this identity`, { cause });
  }
  const found = new Map<string, { bytes: number; sha256: string }>();
  let list: BackupList | undefined;
  try {
    for await (const { name, size, chunks } of readTar(clear)) {
      if (list !== undefined || found.has(name) || !safeName.test(name))
        return broken(`${name} does not belong in it`);
      await mkdir(dirname(join(dir, name)), { recursive: true, mode: 0o700 });
      const handle = await open(join(dir, name), 'wx', 0o600);
      const hash = createHash('sha256');
      try {
        for await (const chunk of chunks()) {
          hash.update(chunk);
          for (let done = 0; done < chunk.length; ) done += (await handle.write(chunk, done)).bytesWritten;
        }
        await handle.sync();
      } finally {
        await handle.close();
      }
      if (name !== listName) found.set(name, { bytes: size, sha256: hash.digest('hex') });
      else {
        const parsed = backupList.safeParse(parseJson(await readFile(join(dir, name))));
        if (!parsed.success) return broken('its list is not one');
        list = parsed.data;
      }
    }
  } catch (cause) {
    if (cause instanceof Failure && cause.code === 'backup-broken') throw cause;
    return broken('it is cut off or damaged', cause);
  }
  if (list === undefined) return broken('its list is missing');
  if (list.files.length !== found.size) return broken('its list does not name what is in it');
  for (const { name, bytes, sha256 } of list.files) {
    const one = found.get(name);
    if (one?.bytes !== bytes || one.sha256 !== sha256) return broken(`${name} is not what was written`);
  }
  return list;
}
