import { join } from 'node:path';
import { diskFailure } from '#agent/platform/disk-failure.ts';
import type { Files } from '#agent/platform/files.ts';
import { lockFileName } from '#agent/platform/lock.ts';
import { codeOf } from '#protocol/failure.ts';
import { cameraId } from '#protocol/ids.ts';
import { openDocument } from './document.ts';
import { markerName } from './place.ts';
import { firstState, type StoreState, storeStateSchema } from './state.ts';
import { verifyCamera } from './verify-camera.ts';
import { type Finding, ifReadable, pictureMagic } from './verify-file.ts';

export type { Finding } from './verify-file.ts';

export interface Verified {
  cameras: number;
  segments: number;
  bytes: number;
  findings: Finding[];
}

/** Names of other rooms at the top of a store. */
const topNames = [
  markerName,
  lockFileName,
  'segments',
  'holds',
  'audit',
  'commands',
  'policies',
  'reservations',
  'uploads',
  'alerts.json',
  'apply.sock',
  'snapshots',
  'statements.json',
  'policy.dsse.json',
  'state.json',
];

/**
 * Holds a store against its ledgers, offline and changing nothing: every file is listed with its size and, when
 * `full`, its hash; every line that was not swept has its file; names, runs and overlaps fit; nothing is foreign, and
 * nothing is a picture in the clear. What a crash leaves is `recoverable`: the next start puts it right.
 */
export async function verifyStore(
  files: Files,
  dir: string,
  how: { full: boolean; now: number },
): Promise<Verified> {
  const verified: Verified = { cameras: 0, segments: 0, bytes: 0, findings: [] };
  const { findings } = verified;
  const state = await readState(files, dir, how.now, findings);
  const segments = join(dir, 'segments');
  for (const { name, directory } of (await ifReadable(segments, findings, () => files.list(segments))) ??
    []) {
    if (!directory || !cameraId.safeParse(name).success) {
      findings.push(foreign(join(segments, name)));
      continue;
    }
    verified.cameras += 1;
    const sweptBefore = state === undefined ? Number.POSITIVE_INFINITY : (state.sweptBefore[name] ?? 0);
    const camera = { folder: join(segments, name), sweptBefore };
    const found = await verifyCamera(files, camera, how);
    verified.segments += found.segments;
    verified.bytes += found.bytes;
    findings.push(...found.findings);
  }
  for (const { name, directory, special } of (await ifReadable(dir, findings, () => files.list(dir))) ?? []) {
    // Of every ext4, and its checker's alone.
    if (name === 'segments' || name === 'lost+found') continue;
    const plain = name.replace(/\.(new|previous)$/, '');
    if (!topNames.includes(plain) && !plain.endsWith('.json'))
      findings.push({ ...foreign(join(dir, name)), severity: 'notice' });
    if (!special) await picturesBelow(files, join(dir, name), directory, findings);
  }
  return verified;
}

/** Whether a store was ever begun at `dir`: what is wrong with an empty folder no check would find. */
export async function isStore(files: Files, dir: string): Promise<boolean> {
  try {
    const names = (await files.list(dir)).map(({ name }) => name);
    return names.includes(markerName) || names.includes('segments');
  } catch (error) {
    if (codeOf(error) === 'ENOTDIR') return false;
    throw diskFailure(error, `the store ${dir}`);
  }
}

async function readState(
  files: Files,
  dir: string,
  now: number,
  findings: Finding[],
): Promise<StoreState | undefined> {
  const path = join(dir, 'state.json');
  const state = await ifReadable(path, findings, () =>
    openDocument(files, path, storeStateSchema, firstState('', now)),
  );
  if (state === undefined) return undefined;
  if (state.origin === 'kept') return state.value;
  if (state.origin === 'damaged')
    findings.push({
      path,
      code: 'state-damaged',
      severity: 'problem',
      detail: 'no copy of it can be believed',
    });
  return undefined;
}

function foreign(path: string): Finding {
  return { path, code: 'foreign-name', severity: 'problem', detail: 'no name of this store' };
}

/** Folders of other rooms are theirs to check, but for pictures. */
async function picturesBelow(
  files: Files,
  path: string,
  directory: boolean,
  findings: Finding[],
): Promise<void> {
  if (directory) {
    for (const entry of (await ifReadable(path, findings, () => files.list(path))) ?? [])
      if (!entry.special) await picturesBelow(files, join(path, entry.name), entry.directory, findings);
    return;
  }
  const magic = await ifReadable(path, findings, async () => {
    const head = Buffer.alloc(32);
    const file = await files.open(path, 'read');
    try {
      return pictureMagic(head.subarray(0, await file.read(head, 0)));
    } finally {
      await file.close();
    }
  });
  if (magic !== undefined)
    findings.push({ path, code: 'plaintext', severity: 'problem', detail: `begins like ${magic}` });
}
