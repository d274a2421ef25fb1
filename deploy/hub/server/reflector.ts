import { openStampClock } from '#agent/link/stamp-clock.ts';
import { openReflector, type Reflector } from '#agent/link/stamp-reflector.ts';
import { type Clock, pause } from '#agent/platform/clock.ts';
import type { Log } from '#agent/platform/log.ts';
import { systemUdp } from '#agent/platform/udp.ts';
import { codeOf, sentenceOf } from '#protocol/failure.ts';

const retryMs = 30_000;

/**
 * Answers those who measure their link to the town hall (STAMP, RFC 8762). A port that cannot be had is told of and
 * tried again: nothing else of the hub waits for it.
 */
export function openHubReflector(parts: {
  /** `host:port`; undefined for none. */
  listen: string | undefined;
  clock: Clock;
  log: Log;
  broken(error: unknown): void;
}): { port(): number | undefined; close(): Promise<void> } {
  const { listen, clock, log } = parts;
  const ending = new AbortController();
  let reflector: Reflector | undefined;
  async function open(at: string): Promise<void> {
    const colon = at.lastIndexOf(':');
    const host = at.slice(0, colon).replaceAll(/[[\]]/g, '');
    // Nobody here asks whether the clock follows a time service: delays each way are not shown then, loss and round
    // trips are.
    const stampClock = openStampClock(clock, () => false);
    while (!ending.signal.aborted && reflector === undefined) {
      try {
        reflector = await openReflector({
          clock,
          stampClock,
          udp: systemUdp,
          host,
          port: Number(at.slice(colon + 1)),
        });
      } catch (error) {
        if (codeOf(error) === 'unknown') throw error;
        log.error({ listen: at, why: sentenceOf(error) }, 'no STAMP reflector');
        await pause(clock, retryMs, ending.signal);
      }
    }
  }
  const opening = listen === undefined ? Promise.resolve() : open(listen).catch(parts.broken);
  return {
    port: () => reflector?.port,
    async close() {
      ending.abort();
      await opening;
      await reflector?.close();
    },
  };
}
