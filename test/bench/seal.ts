import { spawnSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { generateX25519Identity, identityToRecipient } from 'age-encryption';
import { systemRandom } from '#agent/platform/random.ts';
import { openSealer, parseRecipients, prepareSeal } from '#protocol/seal/seal.ts';
import { median, table } from './table.ts';

export interface SealResult {
  bench: 'seal';
  /** Plaintext MB per second of CPU of this process, by round. */
  mbPerSecond: number[];
  /** Head of one file for two recipients, milliseconds, by round. */
  headMs: number[];
  /** What a core does with the same bytes otherwise, MB per second of CPU: `cp` to the same disk, and the bare cipher. */
  cpMbPerSecond: number[];
  opensslMbPerSecond: number | undefined;
  bars: { seal: { bar: number; met: boolean } };
}

const barMbPerSecond = 300;
/** One GOP of two seconds at 4 Mbit/s: what the recorder hands over in one call. */
const fragmentBytes = 1_000_000;
const fragments = 1000;
const heads = 50;

/** How fast one core seals what a recorder gives it, and what a new file costs beside that. */
export async function seal({ rounds, folder }: { rounds: number; folder: string }): Promise<SealResult> {
  const identities = await Promise.all([0, 1].map(() => generateX25519Identity()));
  const recipients = parseRecipients(await Promise.all(identities.map((one) => identityToRecipient(one))));
  const fragment = systemRandom.bytes(fragmentBytes);
  const mbPerSecond: number[] = [];
  const headMs: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const begun = performance.now();
    for (let i = 0; i < heads; i++) await prepareSeal(recipients, systemRandom);
    headMs.push((performance.now() - begun) / heads);
    const sealer = openSealer(await prepareSeal(recipients, systemRandom));
    const before = process.cpuUsage();
    let sealedBytes = 0;
    for (let i = 0; i < fragments; i++)
      for (const piece of sealer.update(fragment)) sealedBytes += piece.length;
    for (const piece of sealer.final()) sealedBytes += piece.length;
    const { user, system } = process.cpuUsage(before);
    if (sealedBytes <= fragments * fragmentBytes) throw new Error('less came out than went in');
    mbPerSecond.push((fragments * fragmentBytes) / (user + system));
  }
  const met = median(mbPerSecond) >= barMbPerSecond;
  return {
    bench: 'seal',
    mbPerSecond,
    headMs,
    cpMbPerSecond: Array.from({ length: rounds }, () => copySpeed(folder)),
    opensslMbPerSecond: opensslSpeed(),
    bars: { seal: { bar: barMbPerSecond, met } },
  };
}

/** `cp` of as many bytes; what bash's `time` counts of the child. */
function copySpeed(folder: string): number {
  const from = join(folder, 'from');
  const bytes = fragments * fragmentBytes;
  writeFileSync(from, Buffer.alloc(bytes, 1));
  const timed = `TIMEFORMAT='%U %S'; time cp "$0" "$0.copy"`;
  const { status, stderr } = spawnSync('bash', ['-c', timed, from], { encoding: 'utf8' });
  rmSync(from);
  rmSync(`${from}.copy`, { force: true });
  const [user = 0, system = 0] = stderr.trim().split(/\s+/).map(Number);
  if (status !== 0 || !(user + system > 0)) throw new Error(`cp: ${stderr}`);
  return bytes / 1e6 / (user + system);
}

/** ChaCha20-Poly1305 in chunks of 64 KiB, as age has them; undefined where no openssl is installed. */
function opensslSpeed(): number | undefined {
  const args = ['speed', '-mr', '-seconds', '2', '-bytes', '65536', '-evp', 'chacha20-poly1305'];
  const { stdout } = spawnSync('openssl', args, { encoding: 'utf8' });
  const found = /^\+F:\d+:ChaCha20-Poly1305:([\d.]+)$/m.exec(stdout ?? '')?.[1];
  return found === undefined ? undefined : Number(found) / 1e6;
}

export function sealTable({ mbPerSecond, headMs, bars, ...beside }: SealResult): string {
  return (
    `two recipients, fragments of 1 MB, medians of ${mbPerSecond.length} rounds; Node ${process.version}\n\n` +
    table([
      ['', 'of a core', 'bar'],
      [
        'sealing',
        `${median(mbPerSecond).toFixed(0)} MB/s`,
        `${bars.seal.met ? 'met' : 'missed'} (${bars.seal.bar})`,
      ],
      ['cp of the same bytes', `${median(beside.cpMbPerSecond).toFixed(0)} MB/s`, ''],
      ['openssl speed, the cipher alone', `${beside.opensslMbPerSecond?.toFixed(0) ?? '?'} MB/s`, ''],
      ['head of a file', `${median(headMs).toFixed(1)} ms`, ''],
    ])
  );
}
