import { Failure } from '#protocol/failure.ts';
import type { run } from '../platform/process.ts';

/** A question over a local socket or D-Bus; ten times what it takes. */
const limitMs = 3000;
const bounds = { timeoutMs: limitMs, maxBytes: 16 * 1024, env: { PATH: '/usr/bin:/bin', LC_ALL: 'C' } };

/**
 * How far the box's clock is ahead of its time source in milliseconds, by chronyc(1) or, where there is no chrony, by
 * timedatectl(1); undefined where neither can tell.
 */
export async function readClockOffset(runs: typeof run, signal: AbortSignal): Promise<number | undefined> {
  const ask = async (command: string, args: string[]): Promise<string> => {
    try {
      const { code, stdout } = await runs(command, args, { ...bounds, signal });
      return code === 0 ? stdout.toString('utf8') : '';
    } catch (error) {
      if (error instanceof Failure) return '';
      throw error;
    }
  };
  return (
    parseChrony(await ask('chronyc', ['-c', 'tracking'])) ??
    parseTimesync(await ask('timedatectl', ['timesync-status']))
  );
}

/**
 * The report `tracking` as comma separated values: the fifth is by how many seconds the system's clock is slow (or fast,
 * negative), the last whether anything is followed.
 */
export function parseChrony(text: string): number | undefined {
  const fields = text.trim().split(',');
  if (fields.length < 14 || fields.at(-1) === 'Not synchronised') return undefined;
  const seconds = Number(fields[4]);
  return Number.isFinite(seconds) ? 0 - seconds * 1000 : undefined;
}

const units = { us: 0.001, ms: 1, s: 1000, min: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** `Offset: +1.234ms`: what the server is ahead of us, so its sign is turned. Longer ones have parts: `+1min 2.5s`. */
export function parseTimesync(text: string): number | undefined {
  const match = /^\s*Offset:\s*([+-]?)((?:[\d.]{1,12}(?:us|ms|s|min|h|d) ?){1,6})\s*$/m.exec(text);
  if (!match) return undefined;
  let ms = 0;
  for (const [, number, unit] of (match[2] as string).matchAll(/([\d.]+)([a-z]+)/g))
    ms += Number(number) * units[unit as keyof typeof units];
  return match[1] === '-' ? ms : 0 - ms;
}
