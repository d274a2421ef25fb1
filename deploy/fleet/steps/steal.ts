import { publicKeyOf } from '#protocol/key.ts';
import { parsePolicy } from '#protocol/policy.ts';
import { waitFor } from '../../demo/wait.ts';
import { done, type } from '../command.ts';
import { brokerOpens, foundOn, uploadsOpen } from '../faults.ts';
import type { FleetNode } from '../node.ts';
import { seconds } from '../report.ts';
import { type Called, type Cast, heardAgain, type Step } from './step.ts';

const revokedMs = 60_000;

export function steal({ stolen }: Cast, called: Called): Step {
  return {
    title: `The box of ${called(stolen)} is stolen, with its certificate and its key`,
    expected: `within ${revokedMs / 1000} s of "hub revoke" neither broker nor deliveries open to it, and no node follows a policy with its key; the others are heard again`,
    network: false,
    async run(fleet, now) {
      const { prepared, ground, broker } = fleet;
      const node = fleet.node(stolen);
      const others = fleet.nodes.filter(({ id }) => id !== stolen);
      const thief = foundOn(node.etc, stolen);
      const opens = async (): Promise<string[]> => [
        ...((await brokerOpens(ground.brokerDoor, thief)) ? ['broker'] : []),
        ...((await uploadsOpen(ground.uploadDoor, thief)) ? ['deliveries'] : []),
      ];
      const before = await opens();
      if (before.length < 2)
        throw new Error('the thief does not get in before: what follows would prove nothing');
      const key = publicKeyOf(thief.nodeKey).id;
      const began = performance.now();
      done(
        await type('hub', [
          ...['revoke', stolen, '--root-key', prepared.rootKey, '--hub', prepared.hub],
          ...['--broker', broker.certificates, '--broker-restart', `kill -TERM ${broker.pid()}`],
        ]),
      );
      await waitFor('every node to follow a policy without its key', revokedMs, () => {
        const following = others.filter((one) => keyOf(one, stolen) !== key);
        now(`revoked; ${following.length} of ${others.length} nodes follow a policy without its key`);
        return following.length === others.length;
      });
      const after = await opens();
      if (after.length > 0) throw new Error(`still open to the thief: ${after.join(', ')}`);
      const took = performance.now() - began;
      if (took > revokedMs) throw new Error(`it took ${seconds(took)}`);
      await heardAgain(fleet, others, now);
      const status = await node.status();
      if (status?.health.mqtt.connected !== false) throw new Error('the stolen box is still connected');
      await node.stop();
      return `shut out everywhere after ${seconds(took)}; ${others.length} nodes are heard`;
    },
  };
}

/** The key that `holder` believes to be that of `node`, by the policy on its disk. */
function keyOf(holder: FleetNode, node: string): string | undefined {
  return parsePolicy(holder.policy()).policy.nodes.find(({ id }) => id === node)?.key.id;
}
