import { generateX25519Identity, identityToRecipient } from 'age-encryption';
import type { Clock } from '#agent/platform/clock.ts';
import { type Files, systemFiles } from '#agent/platform/files.ts';
import { socketLocks } from '#agent/platform/lock.ts';
import { openLog } from '#agent/platform/log.ts';
import type { StoreParts } from '#agent/store/store.ts';
import { openSealed, parseRecipients } from '#protocol/seal/seal.ts';

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
    locks: socketLocks(systemFiles),
    clock,
    dir,
    bootId: 'boot-1',
    segmentMs: 10_000,
    ...more,
  };
}

/** The plaintext of a sealed file, and how it ends. */
export async function opened(path: string): Promise<{ plain: Buffer; end: string | undefined }> {
  const { createReadStream } = await import('node:fs');
  const seal = await openSealed({ identities: [identities[0]!] }, createReadStream(path));
  const chunks: Buffer[] = [];
  for await (const chunk of seal.chunks()) chunks.push(chunk);
  return { plain: Buffer.concat(chunks), end: seal.end() };
}
