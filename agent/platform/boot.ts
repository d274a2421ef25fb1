import type { Files } from './files.ts';

/** Random, new at every boot of the machine (random(4)). */
export async function readBootId(files: Files): Promise<string> {
  return (await files.read('/proc/sys/kernel/random/boot_id', 64)).toString().trim();
}

/** Milliseconds on the machine's monotonic clock (clock_gettime(2), CLOCK_MONOTONIC): one count for all lives of a boot. */
export function sinceBootMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
