import { readTrusted } from '../trust.ts';
import { type Hub, type HubOptions, openHub } from './hub.ts';

/**
 * A hub that closes and opens anew by itself when the disk takes again what it refused: what is in memory is then what
 * is on disk, as after a kill. Addresses whose port the system chose may be others afterwards. What the new opening
 * throws is `broken`'s.
 */
export async function openLastingHub(options: HubOptions): Promise<Hub> {
  const { settings, log } = options;
  let turning: Promise<void> = Promise.resolve();
  let ended = false;
  const again = (): void => {
    turning = turning.then(turn).catch(options.broken);
  };
  async function turn(): Promise<void> {
    if (ended) return;
    log.warn('the disk takes again what it refused: everything is read anew');
    const before = hub;
    hub = undefined;
    await before?.close();
    if (!ended) hub = await openHub({ ...options, trusted: readTrusted(settings.dir), again });
  }
  const first = await openHub({ ...options, again });
  let hub: Hub | undefined = first;
  return {
    ...first,
    stampPort: () => hub?.stampPort(),
    async close() {
      ended = true;
      await turning;
      await hub?.close();
    },
  };
}
