import { join } from 'node:path';
import { type Files, readIfThere } from '#agent/platform/files.ts';
import { type Command, maxCommandBytes } from '#protocol/command.ts';
import { parseJson } from '#protocol/envelope.ts';
import { Failure } from '#protocol/failure.ts';
import type { PublicKey } from '#protocol/key.ts';
import { type Manifest, maxManifestBytes } from '#protocol/manifest.ts';
import type { RegisterKind, RegisterLine } from '../register/register.ts';
import { type CaseFile, caseFile, commandOf } from './case.ts';
import type { Case } from './cases.ts';
import { verifyManifest } from './manifest.ts';

/**
 * A case from its folder, brought to where the register says it is. Undefined for a folder that was being made when
 * the power went, before anything was noted. Throws `corrupt` `case-broken`.
 */
export async function readCase(
  files: Files,
  folder: string,
  lines: readonly RegisterLine[],
  nodeKeys: (command: Command) => PublicKey[],
): Promise<Case | undefined> {
  const envelope = await readIfThere(files, join(folder, 'command.dsse.json'), maxCommandBytes);
  const kept = (await readKept(files, folder)) ?? (envelope && asPrepared(commandOf(envelope).id, lines));
  if (kept === undefined) return undefined;
  if (envelope === undefined)
    throw new Failure('corrupt', 'case-broken', `${folder}/command.dsse.json is missing`);
  const command = commandOf(envelope);
  const signed = await readIfThere(files, join(folder, 'manifest.dsse.json'), maxManifestBytes);
  const manifest = signed && stillGood(signed, nodeKeys(command));
  return {
    ...asNoted(kept, lines),
    command,
    envelope: envelope.toString('utf8'),
    ...(manifest ? { manifest } : {}),
    revision: 0,
  };
}

async function readKept(files: Files, folder: string): Promise<CaseFile | undefined> {
  const bytes = await readIfThere(files, join(folder, 'case.json'), 64 * 1024);
  if (bytes === undefined) return undefined;
  const parsed = caseFile.safeParse(parseJson(bytes));
  if (parsed.success) return parsed.data;
  throw new Failure('corrupt', 'case-broken', `${folder}/case.json is damaged`);
}

const lineOf = (lines: readonly RegisterLine[], kind: RegisterKind, id: string): RegisterLine | undefined =>
  lines.find((line) => line.kind === kind && line.case === id);

/** The line was written, and the case's own file not any more: it is prepared, and ends like any other. */
function asPrepared(id: string, lines: readonly RegisterLine[]): CaseFile | undefined {
  const line = lineOf(lines, 'prepared', id);
  if (line === undefined) return undefined;
  const { request, at, review } = line;
  return {
    id,
    ...(request === undefined ? {} : { request }),
    state: 'prepared',
    createdAt: Date.parse(at),
    ...(typeof review === 'string' ? { review: Date.parse(review) } : {}),
  };
}

/** The signature that the line speaks of was on disk before it. */
function asNoted(kept: CaseFile, lines: readonly RegisterLine[]): CaseFile {
  const { id, state } = kept;
  if (state !== 'closed' && lineOf(lines, 'closed', id)) return { ...kept, state: 'closing' };
  const authorised = state === 'prepared' ? lineOf(lines, 'authorised', id) : undefined;
  if (authorised === undefined) return kept;
  return { ...kept, state: 'authorised', authorisedAt: Date.parse(authorised.at) };
}

/** It was good when it came; a node's key that was replaced since takes the case's footage out of use, not the hub. */
function stillGood(signed: Buffer, keys: readonly PublicKey[]): Manifest | undefined {
  for (const key of keys)
    try {
      return verifyManifest(signed, key);
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
    }
  return undefined;
}
