import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import installer from '@ffmpeg-installer/ffmpeg';
import { systemRandom } from '#agent/platform/random.ts';
import type { ManifestPayload } from '#protocol/manifest.ts';
import { openSealer, parseRecipients, prepareSeal } from '#protocol/seal/seal.ts';
import { segmentName } from '#protocol/segment-name.ts';
import { instantText } from '#protocol/time.ts';
import { findProgram } from './real-parts.ts';

const walkers = join(import.meta.dirname, '..', 'fixtures', 'walkers.mp4');
export const ffmpeg = findProgram('ffmpeg') ?? installer.path;

export interface SealedSegment {
  name: string;
  sealed: Buffer;
  clear: Buffer;
  start: number;
  durationMs: number;
  listed: ManifestPayload['files'][number];
}

/** A fixture cut into fragmented files of about `seconds`, each beginning at tfdt 0, as a node records them. */
export function cutClip(
  folder: string,
  seconds: number,
  file = walkers,
): { clear: Buffer; durationMs: number }[] {
  mkdirSync(folder, { recursive: true });
  const movflags = 'movflags=frag_keyframe+empty_moov+default_base_moof';
  const args = [
    '-v',
    'error',
    '-i',
    file,
    '-an',
    '-c',
    'copy',
    '-f',
    'segment',
    '-segment_time',
    String(seconds),
  ];
  const output = ['-reset_timestamps', '1', '-segment_format', 'mp4', '-segment_format_options', movflags];
  const { status, stderr } = spawnSync(ffmpeg, [...args, ...output, join(folder, '%03d.mp4')]);
  if (status !== 0) throw new Error(`ffmpeg: ${stderr}`);
  return readdirSync(folder)
    .sort()
    .map((name) => {
      const clear = readFileSync(join(folder, name));
      return { clear, durationMs: fragmentedDurationMs(clear) };
    });
}

/** Length of a fragmented file with durations in its runs or its trex, by counting: enough for a fixture. */
function fragmentedDurationMs(file: Buffer): number {
  const mdhd = file.indexOf('mdhd');
  const timescale = file.readUInt32BE(mdhd + 4 + (file[mdhd + 4] === 1 ? 20 : 12));
  let ticks = 0;
  for (let at = file.indexOf('tfhd'); at >= 0; at = file.indexOf('tfhd', at + 4)) {
    const flags = file.readUIntBE(at + 5, 3);
    const usual = flags & 0x8 ? file.readUInt32BE(at + 12) : 0;
    const trun = file.indexOf('trun', at);
    const runFlags = file.readUIntBE(trun + 5, 3);
    const count = file.readUInt32BE(trun + 8);
    let row = trun + 12 + (runFlags & 1 ? 4 : 0) + (runFlags & 4 ? 4 : 0);
    const stride = 4 * [0x100, 0x200, 0x400, 0x800].filter((bit) => runFlags & bit).length;
    for (let i = 0; i < count; i++, row += stride) ticks += runFlags & 0x100 ? file.readUInt32BE(row) : usual;
  }
  return Math.round((ticks * 1000) / timescale);
}

/** Seals files one after the other from `start`, as a node would have. */
export async function sealClip(
  pieces: { clear: Buffer; durationMs: number }[],
  start: number,
  recipients: string[],
): Promise<SealedSegment[]> {
  const segments: SealedSegment[] = [];
  let at = start;
  for (const { clear, durationMs } of pieces) {
    const prepared = await prepareSeal(parseRecipients(recipients), systemRandom);
    const sealer = openSealer(prepared);
    const sealed = Buffer.concat([prepared.head, ...sealer.update(clear), ...sealer.final()]);
    const name = segmentName({ state: 'sealed', start: at, durationMs, torn: false });
    const listed = {
      name,
      start: instantText(at),
      end: instantText(at + durationMs),
      bytes: sealed.length,
      sha256: createHash('sha256').update(sealed).digest('hex'),
      clock: 'synced' as const,
      torn: false,
    };
    segments.push({ name, sealed, clear, start: at, durationMs, listed });
    at += durationMs;
  }
  return segments;
}
