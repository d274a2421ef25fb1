import { createHash } from 'node:crypto';
import type { Files } from '#agent/platform/files.ts';
import { codeOf } from '#protocol/failure.ts';

/** One thing worth telling. Problems fail a check; what is recoverable the next start of the agent puts right. */
export interface Finding {
  path: string;
  code: string;
  severity: 'problem' | 'recoverable' | 'notice';
  detail: string;
}

/**
 * What `look` finds at `path`; what the disk does not give is a finding of its own, and a check goes on with the rest.
 * Undefined for that, and for what went since it was listed.
 */
export async function ifReadable<T>(
  path: string,
  findings: Finding[],
  look: () => Promise<T>,
): Promise<T | undefined> {
  try {
    return await look();
  } catch (error) {
    const code = codeOf(error);
    if (!/^E[A-Z0-9]+$/.test(code)) throw error;
    const told = findings.some((one) => one.path === path && one.code === 'unreadable');
    if (code !== 'ENOENT' && !told)
      findings.push({
        path,
        code: 'unreadable',
        severity: 'problem',
        detail: `the disk does not give it: ${code}`,
      });
    return undefined;
  }
}

const agePrefix = Buffer.from('age-encryption.org/v1\n');

/** What a file that begins so shows in the clear: MP4 (ISO/IEC 14496-12), JPEG, PNG, Annex B of H.264 and H.265. */
export function pictureMagic(head: Buffer): string | undefined {
  const box = head.toString('latin1', 4, 8);
  if (['ftyp', 'styp', 'moof', 'moov', 'mdat'].includes(box)) return 'an MP4';
  if (head.subarray(0, 3).equals(Buffer.of(0xff, 0xd8, 0xff))) return 'a JPEG';
  if (head.subarray(0, 4).equals(Buffer.of(0x89, 0x50, 0x4e, 0x47))) return 'a PNG';
  const code = head.indexOf(Buffer.of(0, 0, 1));
  if (code === 0 || (code === 1 && head[0] === 0)) return 'an H.264 or H.265 stream';
  return undefined;
}

/** Size of a file, its hash when `full`, and what is wrong with how it begins. */
export async function inspect(
  files: Files,
  path: string,
  full: boolean,
): Promise<{ bytes: number; sha256: string | undefined; finding: Finding | undefined }> {
  const buffer = Buffer.allocUnsafe(full ? 1024 * 1024 : 64);
  const file = await files.open(path, 'read');
  try {
    const bytes = await file.size();
    const hash = createHash('sha256');
    let read = await file.read(buffer, 0);
    const finding = headFinding(path, buffer.subarray(0, read));
    for (let at = 0; full && read > 0; ) {
      hash.update(buffer.subarray(0, read));
      at += read;
      read = await file.read(buffer, at);
    }
    return { bytes, sha256: full ? hash.digest('hex') : undefined, finding };
  } finally {
    await file.close();
  }
}

function headFinding(path: string, head: Buffer): Finding | undefined {
  const magic = pictureMagic(head);
  if (magic !== undefined)
    return { path, code: 'plaintext', severity: 'problem', detail: `begins like ${magic}` };
  // A file that was being begun may hold a part of it, or nothing.
  if (head.subarray(0, agePrefix.length).equals(agePrefix.subarray(0, head.length))) return undefined;
  return { path, code: 'not-sealed', severity: 'problem', detail: 'is no age file' };
}
