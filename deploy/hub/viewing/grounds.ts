import { Failure } from '#protocol/failure.ts';
import type { PublicKey } from '#protocol/key.ts';
import type { Policy } from '#protocol/policy.ts';

/** What a case is judged by. */
export interface Grounds {
  /** Under which its command was given: persons and keys that went since were good then. */
  policy: Policy;
  /** What came after, as its roots signed it: a node or a hub may have another key by the time it answers. */
  later: readonly Policy[];
}

/** Keys of the node then and since. */
export function nodeKeys({ policy, later }: Grounds, node: string): PublicKey[] {
  return distinct([policy, ...later].flatMap((one) => one.nodes.find(({ id }) => id === node)?.key ?? []));
}

export function hubKeys({ policy, later }: Grounds): PublicKey[] {
  return distinct([policy, ...later].map((one) => one.hub.key));
}

function distinct(keys: readonly PublicKey[]): PublicKey[] {
  return [...new Map(keys.map((key) => [key.id, key])).values()];
}

/** What `work` gives with the first key that is the right one; throws what it throws with the last. */
export function withAny<T>(keys: readonly PublicKey[], work: (key: PublicKey) => T): T {
  let failure: Failure | undefined;
  for (const key of keys)
    try {
      return work(key);
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      failure = error;
    }
  throw failure ?? new Failure('denied', 'unknown-node', 'the policy names no such key');
}
