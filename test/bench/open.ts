import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { generateX25519Identity, identityToRecipient } from 'age-encryption';
import type { Manifest } from '#protocol/manifest.ts';
import { makeViewing } from '../../deploy/hub/viewing/clear.ts';
import { differing } from '../../deploy/hub/viewing/evidence.ts';
import { openRamFolder } from '../../deploy/hub/viewing/ram.ts';
import { ffmpeg, sealClip } from '../support/hub-segments.ts';
import { median, table } from './table.ts';

export interface OpenResult {
  bench: 'open';
  /** Minutes of footage, segments, bytes sealed. */
  minutes: number;
  segments: number;
  bytes: number;
  /** Seconds by round: hashes checked, opened and joined; the same files copied to the same place with cp's call. */
  checkSeconds: number[];
  openSeconds: number[];
  /** Seconds of a processor that opening took of those. */
  openCpuSeconds: number[];
  copySeconds: number[];
  bars: Record<string, { met: boolean }>;
}

const start = Date.UTC(2026, 0, 15, 10);

/**
 * An hour of one camera at a bitrate, sealed as a node seals it: what `hub open` does to it, beside a copy of the same
 * bytes into the same RAM. No bar is set: an hour is to be open
 * before the officer has read what is asked.
 */
export async function benchOpen({
  folder,
  mbit,
  minutes,
  rounds,
}: {
  folder: string;
  mbit: number;
  minutes: number;
  rounds: number;
}): Promise<OpenResult> {
  const secret = await generateX25519Identity();
  const recipients = [
    await identityToRecipient(secret),
    await identityToRecipient(await generateX25519Identity()),
  ];
  const recorded = minuteOf(folder, mbit);
  const files = join(folder, 'files');
  mkdirSync(files);
  const listed: Manifest['files'] = [];
  for (let minute = 0; minute < minutes; minute++) {
    const [one] = await sealClip([recorded], start + minute * 60_000, recipients);
    if (one === undefined) throw new Error('nothing was sealed');
    writeFileSync(join(files, one.name), one.sealed);
    const { start: from, end, ...facts } = one.listed;
    listed.push({ ...facts, start: Date.parse(from as string), end: Date.parse(end as string) });
  }
  const manifest: Manifest = {
    command: '019c1f2e-7a10-7abc-8def-0123456789ab',
    node: 'site-01',
    camera: 'cam-1',
    from: start,
    to: start + minutes * 60_000,
    policyVersion: 1,
    auditSeq: 1,
    files: listed,
    gaps: [],
  };
  const bytes = listed.reduce((sum, file) => sum + file.bytes, 0);
  const seconds = async (work: () => Promise<unknown>): Promise<number> => {
    const began = performance.now();
    await work();
    return (performance.now() - began) / 1000;
  };
  const result: OpenResult = {
    bench: 'open',
    minutes,
    segments: listed.length,
    bytes,
    checkSeconds: [],
    openSeconds: [],
    openCpuSeconds: [],
    copySeconds: [],
    bars: {},
  };
  for (let round = 0; round < rounds; round++) {
    const ram = openRamFolder('/dev/shm', true);
    try {
      const copies = join(ram.path, 'copies');
      mkdirSync(copies);
      result.copySeconds.push(
        await seconds(async () => {
          for (const { name } of listed) copyFileSync(join(files, name), join(copies, name));
        }),
      );
      rmSync(copies, { recursive: true });
      result.checkSeconds.push(
        await seconds(async () => {
          if ((await differing(folder, manifest)).length > 0) throw new Error('the files differ');
        }),
      );
      const before = process.cpuUsage();
      result.openSeconds.push(
        await seconds(async () => {
          const { files: films, incomplete } = await makeViewing(folder, manifest, secret, ram);
          const length = films.reduce((sum, { durationMs }) => sum + durationMs, 0);
          if (incomplete.length > 0 || Math.abs(length - minutes * 60_000) > 5000)
            throw new Error(`${length} ms were joined`);
        }),
      );
      const { user, system } = process.cpuUsage(before);
      result.openCpuSeconds.push((user + system) / 1e6);
    } finally {
      ram.remove();
    }
  }
  return result;
}

/** A minute of a camera of that bitrate, as a node records it; a constant rate pads with what no decoder looks at. */
function minuteOf(folder: string, mbit: number): { clear: Buffer; durationMs: number } {
  const file = join(folder, 'minute.mp4');
  const rate = ['-b:v', `${mbit}M`, '-minrate', `${mbit}M`, '-maxrate', `${mbit}M`, '-bufsize', `${mbit}M`];
  const { status, stderr } = spawnSync(ffmpeg, [
    ...[
      '-v',
      'error',
      '-stream_loop',
      '-1',
      '-i',
      'test/fixtures/walkers.mp4',
      '-t',
      '60',
      '-r',
      '25',
      '-an',
    ],
    ...[
      '-c:v',
      'libx264',
      '-preset',
      'ultrafast',
      '-g',
      '50',
      '-bf',
      '0',
      ...rate,
      '-x264-params',
      'nal-hrd=cbr',
    ],
    ...['-movflags', 'frag_keyframe+empty_moov+default_base_moof', '-f', 'mp4', file],
  ]);
  if (status !== 0) throw new Error(`ffmpeg: ${stderr}`);
  return { clear: readFileSync(file), durationMs: 60_000 };
}

export function openTable({
  minutes,
  segments,
  bytes,
  checkSeconds,
  openSeconds,
  openCpuSeconds,
  copySeconds,
}: OpenResult): string {
  const row = (what: string, all: number[]): string[] => [
    what,
    `${median(all).toFixed(2)} s`,
    `${(bytes / 1e6 / median(all)).toFixed(0)} MB/s`,
    `${(median(all) / median(copySeconds)).toFixed(1)} ×`,
  ];
  return (
    `${minutes} minutes of one camera, ${segments} segments, ${(bytes / 1e6).toFixed(0)} MB; medians of ${openSeconds.length} rounds\n\n` +
    table([
      ['', 'time', 'rate', 'of a copy'],
      row('copy (cp)', copySeconds),
      row('hashes checked', checkSeconds),
      row('opened, joined, hashed', openSeconds),
      row('… of a processor', openCpuSeconds),
    ])
  );
}
