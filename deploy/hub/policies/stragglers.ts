import { z } from 'zod';
import type { Clock, MonotonicMs } from '#agent/platform/clock.ts';
import { type Files, readIfThere, writeDurably } from '#agent/platform/files.ts';
import { parseJson } from '#protocol/envelope.ts';
import type { Policies } from './policies.ts';

/** Three heads of the agent's five minutes: a policy that was sent has arrived by then. */
export const policyGraceMs = 15 * 60_000;

/** UTC milliseconds since when each node was seen behind. */
const kept = z.record(z.string(), z.number());
const maxBytes = 256 * 1024;

export interface Stragglers {
  /**
   * A good head of a node names the policy it follows. Sends the next step to one that follows an older one; true when
   * it has done so for longer than {@link policyGraceMs}: its head is not cosigned then, so that nothing leaves it
   * under rules that have ended.
   */
  behind(node: string, version: number): boolean;
  /** Waits for what is being written. */
  close(): Promise<void>;
}

/**
 * Opens with what was seen before a restart, so that who can restart the hub gains no time. A damaged file, or one
 * from the future, counts from now: the grace is short, and every head is looked at again.
 */
export async function openStragglers(options: {
  clock: Clock;
  files: Files;
  path: string;
  policies: Pick<Policies, 'newest' | 'stepFor'>;
  send(node: string, envelope: Buffer): void;
  broken(error: unknown): void;
}): Promise<Stragglers> {
  const { clock, files, path, policies } = options;
  const bytes = await readIfThere(files, path, maxBytes);
  const before = kept.safeParse(bytes === undefined ? {} : parseJson(bytes));
  const since = new Map<string, MonotonicMs>();
  for (const [node, utcMs] of Object.entries(before.success ? before.data : {}))
    since.set(node, (clock.monotonic() - Math.max(0, clock.utc() - utcMs)) as MonotonicMs);

  let writing: Promise<void> = Promise.resolve();
  const keep = (): void => {
    const ages = [...since].map(([node, at]): [string, number] => [
      node,
      clock.utc() - (clock.monotonic() - at),
    ]);
    const text = JSON.stringify(Object.fromEntries(ages));
    writing = writing.then(() => writeDurably(files, path, text)).catch(options.broken);
  };
  return {
    behind(node, version) {
      const newest = policies.newest().policy.version;
      if (version >= newest) {
        if (since.delete(node)) keep();
        return false;
      }
      const step = policies.stepFor(version);
      if (step) options.send(node, step.envelope);
      const known = since.get(node);
      // A still newer policy gives no new time to one that has not taken the last.
      if (known === undefined) {
        since.set(node, clock.monotonic());
        keep();
      }
      return known !== undefined && clock.monotonic() - known > policyGraceMs;
    },
    close: () => writing,
  };
}
