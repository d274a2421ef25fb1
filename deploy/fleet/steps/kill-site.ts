import { waitFor } from '../../demo/wait.ts';
import { raised } from '../look.ts';
import type { FleetNode } from '../node.ts';
import { seconds } from '../report.ts';
import {
  alarmMs,
  type Called,
  type Cast,
  heardAgain,
  recordsAgain,
  type Step,
  timed,
  whole,
} from './step.ts';

/** A GOP of two seconds, and 64 KiB of a stream of 105 kbit/s; what was not on the disk when the power went. */
const tornMs = 2000 + 5000 + 1000;

export function killSite({ killed }: Cast, called: Called): Step {
  return {
    title: `${called(killed)} loses its power and comes back`,
    expected: `told within ${alarmMs / 1000} s; nothing sealed is lost, of what was open at most ${seconds(tornMs)}; the store verifies`,
    network: false,
    async run(fleet, now) {
      const node = fleet.node(killed);
      const killedAt = Date.now();
      await node.kill();
      const told = await timed(() =>
        waitFor(`the alarm for ${killed}`, alarmMs, async () => {
          now('killed; not missed yet');
          return raised(await fleet.status(), killed).length > 0;
        }),
      );
      node.start();
      const back = await timed(async () => {
        await recordsAgain(node, now);
        await heardAgain(fleet, [node], now);
      });
      const lostMs = lostBefore(node, killedAt);
      if (lostMs > tornMs) throw new Error(`${seconds(lostMs)} of pictures are gone with the power`);
      const segments = await whole(fleet, node);
      return `told after ${seconds(told)}, back after ${seconds(back)}; ${seconds(lostMs)} lost, ${segments} segments verified`;
    },
  };
}

/** How long before `at` the last picture on disk is, of the camera that lost most. */
function lostBefore(node: FleetNode, at: number): number {
  return Math.max(
    ...node.cameras.map((camera) => {
      const ends = node
        .ledger(camera)
        .filter(({ kind, start }) => kind === 'segment' && start < at)
        .map(({ end }) => end);
      return at - Math.max(0, ...ends);
    }),
  );
}
