import { createHash } from 'node:crypto';
import { createReadStream, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { authorise, type ExtractCommand, maxCommandBytes, verifyCommand } from '#protocol/command.ts';
import { codeOf, Failure } from '#protocol/failure.ts';
import { type Manifest, maxManifestBytes } from '#protocol/manifest.ts';
import { type DeliveredCommand, isDelivered, type SnapshotCommand } from '../cases/case.ts';
import { requireManifestOf, verifyManifest } from '../cases/manifest.ts';
import { type Grounds, nodeKeys, withAny } from './grounds.ts';

/** What a case or a package rests on, every signature checked. */
export interface Evidence<C extends DeliveredCommand = ExtractCommand> {
  command: C;
  manifest: Manifest;
}

/** An extraction's evidence. Throws what {@link readDelivered} throws, and `malformed` for another command. */
export function readEvidence(folder: string, grounds: Grounds): Evidence {
  const { command, manifest } = readDelivered(folder, grounds);
  if (command.type !== 'extract') throw new Failure('invalid', 'malformed', 'the command is no extraction');
  return { command, manifest };
}

/** That of a picture for maintenance. */
export function readPictureEvidence(folder: string, grounds: Grounds): Evidence<SnapshotCommand> {
  const { command, manifest } = readDelivered(folder, grounds);
  if (command.type !== 'snapshot') throw new Failure('invalid', 'malformed', 'the command is no snapshot');
  return { command, manifest };
}

/**
 * Reads `command.dsse.json` and `manifest.dsse.json` of a folder and checks them: the command by the persons that the
 * policy asks for, when it was issued; the manifest by the node, with its key of then or a later one, and of that
 * command. Throws what is not so.
 */
export function readDelivered(folder: string, grounds: Grounds): Evidence<DeliveredCommand> {
  const { policy } = grounds;
  const verified = verifyCommand(readPart(folder, 'command.dsse.json', maxCommandBytes), policy);
  const { command } = verified;
  if (!isDelivered(command)) throw new Failure('invalid', 'malformed', 'the command delivers nothing');
  authorise(verified, { node: command.node, policy, nowUtc: command.issuedAt, clockTrusted: true });
  const signed = readPart(folder, 'manifest.dsse.json', maxManifestBytes);
  const manifest = withAny(nodeKeys(grounds, command.node), (key) => verifyManifest(signed, key));
  requireManifestOf(command, manifest);
  return { command, manifest };
}

export function readPart(folder: string, name: string, maxBytes: number): Buffer {
  const file = join(folder, name);
  try {
    const bytes = readFileSync(file);
    if (bytes.length <= maxBytes) return bytes;
  } catch (cause) {
    throw new Failure('invalid', 'missing-part', `${file} cannot be read (${codeOf(cause)})`, { cause });
  }
  throw new Failure('invalid', 'too-large', `${file} is larger than ${maxBytes} bytes`);
}

/** The sealed files of a case that are not, byte for byte, what the manifest lists; empty when all are. */
export async function differing(
  folder: string,
  manifest: Manifest,
): Promise<{ name: string; why: 'missing' | 'changed' }[]> {
  const found: { name: string; why: 'missing' | 'changed' }[] = [];
  for (const { name, sha256 } of manifest.files) {
    const file = join(folder, 'files', name);
    if (!existsSync(file)) found.push({ name, why: 'missing' });
    else if ((await hashFile(file)) !== sha256) found.push({ name, why: 'changed' });
  }
  return found;
}

export async function hashFile(file: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file, { highWaterMark: 1024 * 1024 }))
    hash.update(chunk as Buffer);
  return hash.digest('hex');
}
