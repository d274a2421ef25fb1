import { createReadStream, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { ExtractCommand } from '#protocol/command.ts';
import { sha256 } from '#protocol/envelope.ts';
import type { Manifest } from '#protocol/manifest.ts';
import { instantText } from '#protocol/time.ts';
import type { LogProof } from '../logs/proof.ts';
import type { MaskFile } from '../masks/masks.ts';
import { readTrusted } from '../trust.ts';
import type { Viewing } from './clear.ts';
import { readPart } from './evidence.ts';
import type { Original } from './originals.ts';
import { policyParts } from './policy-of.ts';
import { readMe } from './read-me.ts';
import type { SavedStill } from './stills.ts';
import type { TarEntry } from './tar.ts';

export interface Part extends TarEntry {
  sha256: string;
}

export function filePart(name: string, bytes: Buffer): Part {
  return { name, size: bytes.length, sha256: sha256(bytes), chunks: () => [bytes] };
}

/** Everything a package holds but its signed contents. */
export function packageParts(given: {
  caseFolder: string;
  hubFolder: string;
  command: ExtractCommand;
  manifest: Manifest;
  viewing: Viewing;
  stills: readonly SavedStill[];
  originals: readonly Original[];
  masks?: MaskFile;
  proof: LogProof;
  camera: string;
  purpose: string;
  zone: string;
}): Part[] {
  const { manifest, viewing, proof } = given;
  const derived = {
    sources: manifest.files.map(({ name, sha256: hash }) => ({ name, sha256: hash })),
    films: viewing.files.map(({ name, sha256: hash, durationMs, stretches, derived: made }) => ({
      name,
      sha256: hash,
      ...(made ? { derived: made } : {}),
      durationMs,
      stretches: stretches.map(({ atMs, start, end }) => ({
        atMs,
        start: instantText(Math.round(start)),
        end: instantText(Math.round(end)),
      })),
    })),
    stills: given.stills.map(({ name, sha256: hash, at, derived: made }) => ({
      name,
      sha256: hash,
      ...(made ? { derived: made } : {}),
      at: instantText(Math.round(at)),
    })),
    originals: given.originals.map(({ name, sha256: hash, from }) => ({ name, sha256: hash, from })),
    incomplete: viewing.incomplete.map(({ name, end }) => ({ name, end: end ?? 'torn' })),
  };
  const json = (name: string, value: unknown): Part =>
    filePart(name, Buffer.from(`${JSON.stringify(value, null, 1)}\n`));
  const kept = (folder: string, name: string, as = name): Part =>
    filePart(as, readPart(folder, name, 8 * 1024 * 1024));
  const policies = policyParts(readTrusted(given.hubFolder), given.command.policyVersion, given.command.node);
  return [
    filePart('LEGGIMI.txt', Buffer.from(readMe(given))),
    ...viewing.files.map(({ name, path, sha256: hash }) => ({
      name,
      size: statSync(path).size,
      sha256: hash,
      chunks: () => createReadStream(path, { highWaterMark: 1024 * 1024 }),
    })),
    ...given.stills.map(({ name, path }) => filePart(name, readFileSync(path))),
    ...given.originals,
    ...(given.masks ? [filePart('masks.json', given.masks.bytes)] : []),
    json('viewing.json', derived),
    kept(given.caseFolder, 'manifest.dsse.json'),
    kept(given.caseFolder, 'command.dsse.json'),
    ...policies.map(({ name, envelope }) => filePart(name, envelope)),
    json('proof.json', proof),
  ];
}

export const contentsName = 'contents.txt';

export function contentsPart(note: string): Part {
  return filePart(contentsName, Buffer.from(note));
}

/** Where a case lies below the hub's folder. */
export function caseFolder(dir: string, id: string): string {
  return join(dir, 'data', 'cases', id);
}
