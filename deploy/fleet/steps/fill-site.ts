import { waitFor } from '../../demo/wait.ts';
import { raised } from '../look.ts';
import { seconds } from '../report.ts';
import { fillDisk } from '../small-disk.ts';
import { type Called, type Cast, heardAgain, recordsAgain, type Step, timed, whole } from './step.ts';

/** A refusal of the disk stands for half a minute, and is over for another before it is cleared. */
const emptiedMs = 90_000;

export function fillSite({ filled }: Cast, called: Called): Step {
  return {
    title: `The disk of ${called(filled)} is full, and emptied`,
    expected: `told within 30 s; the agent stays and says so; once emptied it records again, all clear within ${emptiedMs / 1000} s, the store whole`,
    network: true,
    async run(fleet, now) {
      const node = fleet.node(filled);
      const disk = fillDisk(node.store);
      const told = await timed(() =>
        waitFor('the alarm', 30_000, async () => {
          now('full; not told yet');
          return raised(await fleet.status(), filled).includes(`${filled}/disk-error.store`);
        }),
      );
      if (node.ended() !== undefined) throw new Error(node.ended());
      disk.empty();
      const back = await timed(async () => {
        await recordsAgain(node, now);
        await heardAgain(fleet, [node], now, emptiedMs);
      });
      const reasons = new Set(
        node.cameras.flatMap((camera) =>
          node.ledger(camera).flatMap(({ kind, reason }) => (kind === 'gap' && reason ? [reason] : [])),
        ),
      );
      if (!reasons.has('disk-full'))
        throw new Error(`the gap is called ${[...reasons].join(', ') || 'nothing'}`);
      const segments = await whole(fleet, node);
      return `${disk.megabytes.toFixed(0)} MB written; told after ${seconds(told)}, recording and all clear ${seconds(back)} after it was emptied; ${segments} segments verified`;
    },
  };
}
