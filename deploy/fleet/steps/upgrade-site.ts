import { join } from 'node:path';
import { waitFor } from '../../demo/wait.ts';
import { nextProgram } from '../faults.ts';
import { longestHole, recordedUntil } from '../look.ts';
import { seconds } from '../report.ts';
import { type Called, type Cast, heardAgain, recordsAgain, type Step, timed, whole } from './step.ts';

export function upgradeSite({ upgraded }: Cast, called: Called): Step {
  return {
    title: `${called(upgraded)} is upgraded in place`,
    expected:
      'the town hall hears the new version; the pictures of the restart alone are missing, and all is well',
    network: false,
    async run(fleet, now) {
      const node = fleet.node(upgraded);
      const next = nextProgram(join(fleet.dir, 'next'));
      const stoppedAt = Date.now();
      await node.stop();
      node.start(next.checkout);
      const restart = await timed(() => recordsAgain(node, now));
      await waitFor('the new version at the town hall', 60_000, async () => {
        now('waiting for the new version at the town hall');
        const { nodes } = await fleet.status();
        return nodes.some(({ id, version }) => id === upgraded && version === next.version);
      });
      await heardAgain(fleet, [node], now);
      await waitFor('a segment after the restart', 60_000, () => recordedUntil(node) > stoppedAt + restart);
      const holeMs = longestHole(node, stoppedAt - 10_000, recordedUntil(node));
      if (holeMs > restart + 2000)
        throw new Error(`${seconds(holeMs)} are missing, the restart took ${seconds(restart)}`);
      const segments = await whole(fleet, node);
      return `version ${next.version} after a restart of ${seconds(restart)}; ${seconds(holeMs)} missing, ${segments} segments verified`;
    },
  };
}
