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
  bars: { seal: { bar: number; met: boolean } };
}

const barMbPerSecond = 300;
/** One GOP of two seconds at 4 Mbit/s: what the recorder hands over in one call. */
const fragmentBytes = 1_000_000;
const fragments = 1000;
const heads = 50;

/** How fast one core seals what a recorder gives it, and what a new file costs beside that. */
export async function seal({ rounds }: { rounds: number }): Promise<SealResult> {
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
  return { bench: 'seal', mbPerSecond, headMs, bars: { seal: { bar: barMbPerSecond, met } } };
}

export function sealTable({ mbPerSecond, headMs, bars }: SealResult): string {
  return (
    `two recipients, fragments of 1 MB, medians of ${mbPerSecond.length} rounds; Node ${process.version}\n\n` +
    table([
      ['', 'of a core', 'bar'],
      [
        'sealing',
        `${median(mbPerSecond).toFixed(0)} MB/s`,
        `${bars.seal.met ? 'met' : 'missed'} (${bars.seal.bar})`,
      ],
      ['head of a file', `${median(headMs).toFixed(1)} ms`, ''],
    ])
  );
}
