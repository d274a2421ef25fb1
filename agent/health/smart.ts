import { z } from 'zod';
import { Failure } from '#protocol/failure.ts';
import type { run } from '../platform/process.ts';

/** What a disk says of itself. */
export interface SmartReading {
  passed?: boolean;
  /** Reallocated, pending and uncorrectable ones; media errors of an NVMe disk. */
  badSectors?: number;
  /** Of its life, as its maker counts it. */
  usedPercent?: number;
}

/** Spins up nothing, but a disk that is dying answers late. */
const limitMs = 20_000;
const maxBytes = 256 * 1024;

/** The part of `smartctl --json` that is used: smartmontools 7, json_format_version 1. */
const report = z.object({
  smartctl: z.object({ exit_status: z.int() }),
  smart_status: z.object({ passed: z.boolean() }).optional(),
  ata_smart_attributes: z
    .object({
      table: z
        .array(
          z.object({
            id: z.int(),
            name: z.string(),
            value: z.number(),
            raw: z.object({ value: z.number() }),
          }),
        )
        .max(256),
    })
    .optional(),
  nvme_smart_health_information_log: z
    .object({
      critical_warning: z.int().optional(),
      percentage_used: z.number().optional(),
      media_errors: z.number().optional(),
    })
    .optional(),
});

/** Reallocated, current pending, offline uncorrectable. */
const sectorAttributes = new Set([5, 197, 198]);
/** Wear of SSDs, by name, since numbers mean other things to other makers; normalised values count down from 100. */
const wearNames =
  /^(?:Wear_Leveling_Count|Media_Wearout_Indicator|SSD_Life_Left|Percent_Lifetime_Remain|Remaining_Lifetime_Perc)$/;

/**
 * Asks smartctl(8) about one disk. Undefined where it cannot be told: no smartctl, no right to the disk, no SMART in it.
 * Needs the right to open the disk's device, which the agent of a site usually lacks.
 */
export async function readSmart(
  runs: typeof run,
  disk: string,
  signal: AbortSignal,
): Promise<SmartReading | undefined> {
  try {
    const { stdout } = await runs('smartctl', ['--json=c', '-n', 'standby', '-H', '-A', `/dev/${disk}`], {
      timeoutMs: limitMs,
      maxBytes,
      env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' },
      signal,
    });
    return parseSmart(stdout.toString('utf8'));
  } catch (error) {
    if (error instanceof Failure) return undefined;
    throw error;
  }
}

export function parseSmart(text: string): SmartReading | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined; // An old smartctl without JSON.
  }
  const parsed = report.safeParse(value);
  // Bits 0 and 1 of the exit status: the command line or the disk could not be opened.
  if (!parsed.success || (parsed.data.smartctl.exit_status & 3) !== 0) return undefined;
  const { smart_status, ata_smart_attributes, nvme_smart_health_information_log: nvme } = parsed.data;
  const table = ata_smart_attributes?.table ?? [];
  const sectors = table.filter(({ id }) => sectorAttributes.has(id));
  const wear = table.filter(({ name }) => wearNames.test(name)).map(({ value: left }) => 100 - left);
  const reading: SmartReading = {};
  if (smart_status !== undefined) reading.passed = smart_status.passed && !nvme?.critical_warning;
  if (sectors.length > 0) reading.badSectors = sectors.reduce((sum, { raw }) => sum + raw.value, 0);
  if (nvme?.media_errors !== undefined) reading.badSectors = nvme.media_errors;
  if (wear.length > 0) reading.usedPercent = Math.max(0, ...wear);
  if (nvme?.percentage_used !== undefined) reading.usedPercent = nvme.percentage_used;
  return Object.keys(reading).length === 0 ? undefined : reading;
}
