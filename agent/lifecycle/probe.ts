import { type Clock, pause, untilAborted } from '#agent/platform/clock.ts';

/** A measurement made again and again. */
export interface Probe {
  everyMs: number;
  /** Before the first measurement. */
  delayMs?: number;
  /** One that takes longer is told to stop. */
  limitMs: number;
  /** The most of the time it may take, as its cost budget: one that takes long is made less often. 0.05 when absent;
   * 1 for one that costs nothing while it waits. */
  share?: number;
  /** One measurement; says itself what it found, its own failures included. Anything thrown is a bug. */
  once(signal: AbortSignal): Promise<void>;
  /**
   * True: it was told to stop and goes on; until it ends there is no second one beside it. False: it ended, told after
   * each.
   */
  stuck(yes: boolean): void;
}

/** A probe told to stop has this long to do so. */
const graceMs = 2000;
const usualShare = 0.05;

/** Measures until `signal` aborts, and does not wait for a measurement that hangs. */
export async function runProbe(clock: Clock, signal: AbortSignal, probe: Probe): Promise<void> {
  await pause(clock, probe.delayMs ?? 0, signal);
  while (!signal.aborted) {
    const began = clock.monotonic();
    const limit = new AbortController();
    const ended = new AbortController();
    const either = AbortSignal.any([signal, limit.signal]);
    const measuring = probe.once(either).finally(() => ended.abort());
    measuring.catch(() => {}); // Awaited below, after other waits.
    await pause(clock, probe.limitMs, AbortSignal.any([signal, ended.signal]));
    if (!ended.signal.aborted) {
      limit.abort();
      await pause(clock, graceMs, ended.signal);
      if (!ended.signal.aborted && !signal.aborted) {
        probe.stuck(true);
        await Promise.race([measuring, untilAborted(signal)]);
      }
    }
    if (!ended.signal.aborted) return; // What hangs while the node stops is left behind.
    await measuring;
    if (!signal.aborted) probe.stuck(false);
    const tookMs = clock.monotonic() - began;
    await pause(clock, Math.max(probe.everyMs, tookMs / (probe.share ?? usualShare)) - tookMs, signal);
  }
}
