import type { Clock, MonotonicMs } from '#agent/platform/clock.ts';
import type { Policies } from './policies.ts';

/** Three heads of the agent's five minutes: a policy that was sent has arrived by then. */
export const policyGraceMs = 15 * 60_000;

export interface Stragglers {
  /**
   * A good head of a node names the policy it follows. Sends the next step to one that follows an older one; true when
   * it has done so for longer than {@link policyGraceMs}: its head is not cosigned then, so that nothing leaves it
   * under rules that have ended.
   */
  behind(node: string, version: number): boolean;
}

export function openStragglers(options: {
  clock: Clock;
  policies: Pick<Policies, 'newest' | 'stepFor'>;
  send(node: string, envelope: Buffer): void;
}): Stragglers {
  const { clock, policies } = options;
  const since = new Map<string, MonotonicMs>();
  return {
    behind(node, version) {
      const newest = policies.newest().policy.version;
      if (version >= newest) {
        since.delete(node);
        return false;
      }
      const step = policies.stepFor(version);
      if (step) options.send(node, step.envelope);
      const known = since.get(node);
      // A still newer policy gives no new time to one that has not taken the last.
      if (known === undefined) since.set(node, clock.monotonic());
      return known !== undefined && clock.monotonic() - known > policyGraceMs;
    },
  };
}
