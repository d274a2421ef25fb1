import { join } from 'node:path';
import type { HealthPayload } from '#protocol/messages.ts';
import type { Files } from '../platform/files.ts';
import { numberIn } from './kernel-file.ts';

export type BootReason = NonNullable<HealthPayload['host']['bootReason']>;

/** `WDIOF_CARDRESET` of linux/watchdog.h: the watchdog of the board reset it. */
const cardReset = 0x20;
const watchdogs = ['watchdog0', 'watchdog1'];

/**
 * Why the box started: `left` is how the store says that the boot before ended. One that ended without a word was cut
 * off from its power, unless the board's watchdog says that it had hung.
 */
export async function readBootReason(
  files: Files,
  left: 'orderly' | 'cut' | undefined,
  sys = '/sys',
): Promise<BootReason> {
  if (left !== 'cut') return left ?? 'unknown';
  for (const name of watchdogs) {
    const status = await numberIn(files, join(sys, 'class/watchdog', name, 'bootstatus'));
    if (status !== undefined && (status & cardReset) !== 0) return 'crash';
  }
  return 'power';
}
