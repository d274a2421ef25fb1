import { waitFor } from '../demo/wait.ts';
import type { Sites } from '../hub/setup/sites.ts';
import type { Fleet } from './fleet.ts';
import { howUp, raised } from './look.ts';
import { cutLink } from './steps/cut-link.ts';
import { extractTwo } from './steps/extract-two.ts';
import { fillSite } from './steps/fill-site.ts';
import { killSite } from './steps/kill-site.ts';
import { steal } from './steps/steal.ts';
import { type Cast, heardAgain, recordsAgain, type Step, startMs, whole } from './steps/step.ts';
import { upgradeSite } from './steps/upgrade-site.ts';

/**
 * Groups of steps; those of a group run at the same time, since each waits for others most of its time. `together`:
 * in as few groups as can be. `network`: there are links to cut and to slow.
 */
export function stepsFor(cast: Cast, sites: Sites, how: { together: boolean; network: boolean }): Step[][] {
  const nodes = sites.nodes.length;
  const cameras = sites.nodes.reduce((sum, node) => sum + node.cameras.length, 0);
  const called = (id: string): string => `${sites.nodes.find((node) => node.id === id)?.name} (${id})`;
  const up: Step = {
    title: 'Every node is up, heard and recording',
    expected: `${nodes} nodes heard, ${cameras} cameras sealing, every log witnessed, every link measured, no alarm`,
    network: false,
    run: allUp,
  };
  const end: Step = {
    title: 'All is well again, and every store is whole',
    expected: 'every node but the stolen one up, no alarm but of it, no store with a fault',
    network: false,
    run: (fleet, now) => asBefore(fleet, cast, now),
  };
  const faults = [cutLink(cast, called), killSite(cast, called), fillSite(cast, called)];
  const work = [extractTwo(cast, called, how.network), upgradeSite(cast, called)];
  return [[up], ...(how.together ? [[...faults, ...work]] : [faults, work]), [steal(cast, called)], [end]];
}

async function allUp(fleet: Fleet, now: (text: string) => void): Promise<string> {
  return await waitFor('the whole fleet', startMs, async () => {
    const { up, said } = await howUp(fleet);
    const alarms = raised(await fleet.status());
    now(alarms.length > 0 ? `${said}; raised: ${alarms.join(', ')}` : said);
    return up && alarms.length === 0 && `${said}, no alarm`;
  });
}

async function asBefore(fleet: Fleet, { stolen }: Cast, now: (text: string) => void): Promise<string> {
  const others = fleet.nodes.filter(({ id }) => id !== stolen);
  await heardAgain(fleet, others, now);
  for (const node of others.filter(({ cameras }) => cameras.length > 0)) await recordsAgain(node, now);
  let verified = 0;
  let segments = 0;
  // What the stolen box signed since is by a key that no policy names.
  const waiting = [...others];
  await Promise.all(
    [0, 1].map(async () => {
      for (let node = waiting.shift(); node !== undefined; node = waiting.shift()) {
        segments += await whole(fleet, node);
        verified += 1;
        now(`${verified} of ${others.length} stores verified`);
      }
    }),
  );
  const left = raised(await fleet.status()).filter((alarm) => !alarm.startsWith(`${stolen}/`));
  if (left.length > 0) throw new Error(`still raised: ${left.join(', ')}`);
  return `${others.length} nodes up; ${segments} segments in ${verified} stores verified`;
}
