import type { Files } from './files.ts';

/** Random, new at every boot of the machine (random(4)). */
export async function readBootId(files: Files): Promise<string> {
  return (await files.read('/proc/sys/kernel/random/boot_id', 64)).toString().trim();
}
