import { createReadStream } from 'node:fs';
import { generateX25519Identity, identityToRecipient } from 'age-encryption';
import type { Clock } from '#agent/platform/clock.ts';
import { type Files, systemFiles } from '#agent/platform/files.ts';
import { storeLocks } from '#agent/platform/lock.ts';
import { openLog } from '#agent/platform/log.ts';
import { systemRandom } from '#agent/platform/random.ts';
import type { CameraStore, SegmentRow, StoreParts } from '#agent/store/store.ts';
import type { ClockState } from '#protocol/clock-state.ts';
import { openSealed, openSealer, parseRecipients, prepareSeal } from '#protocol/seal/seal.ts';

/** Two recipients and what opens them. */
export const identities = [await generateX25519Identity(), await generateX25519Identity()];
export const recipients = parseRecipients(
  await Promise.all(identities.map((identity) => identityToRecipient(identity))),
);

export const silent = openLog('silent');

export function storeParts(
  dir: string,
  clock: Clock,
  more: Partial<StoreParts> & { files?: Files } = {},
): StoreParts {
  return {
    files: systemFiles,
    locks: storeLocks(systemFiles),
    clock,
    dir,
    bootId: 'boot-1',
    segmentMs: 10_000,
    ...more,
  };
}

/** The plaintext of a sealed file, and how it ends. */
export async function opened(path: string): Promise<{ plain: Buffer; end: string | undefined }> {
  const seal = await openSealed({ identities: [identities[0]!] }, createReadStream(path));
  const chunks: Buffer[] = [];
  for await (const chunk of seal.chunks()) chunks.push(chunk);
  return { plain: Buffer.concat(chunks), end: seal.end() };
}

/** A real sealed segment of `[start, start + durationMs)`, small. */
export async function sealSegment(
  camera: CameraStore,
  start: number,
  durationMs: number,
  more: { clock?: ClockState; run?: number; bytes?: number } = {},
): Promise<SegmentRow> {
  const prepared = await prepareSeal(recipients, systemRandom);
  const open = await camera.begin({
    start,
    run: more.run,
    clock: more.clock ?? 'synced',
    head: prepared.head,
  });
  const sealer = openSealer(prepared);
  await open.write(sealer.update(systemRandom.bytes(more.bytes ?? 1000)));
  await open.write(sealer.final());
  return await open.seal(start + durationMs);
}
