import { verifyCosigned } from '#protocol/checkpoint.ts';
import { Failure } from '#protocol/failure.ts';
import type { Policy } from '#protocol/policy.ts';
import type { Witness } from './witness.ts';

/** Whether the log held here is of a box whose key the policy no longer names: it has ended, whatever is online. */
export function hasOtherKey(node: string, witness: Witness | undefined, policy: Policy): boolean {
  const key = policy.nodes.find(({ id }) => id === node)?.key;
  const cosigned = witness?.remembered()?.cosigned;
  if (key === undefined || cosigned === undefined) return false;
  try {
    verifyCosigned(node, cosigned, key, policy.hub.key);
    return false;
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    return true;
  }
}
