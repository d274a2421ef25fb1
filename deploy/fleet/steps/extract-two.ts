import { waitFor } from '../../demo/wait.ts';
import { extract } from '../extraction.ts';
import { isOnline, longestHole, raised, recordedSince, recordedUntil } from '../look.ts';
import { seconds } from '../report.ts';
import { type Called, type Cast, openMs, type Step, startMs } from './step.ts';

const slowMbit = 0.25;
const windowMs = 20_000;
/** To sign, to send, to witness and to follow, on a machine that does all of it at once. */
const commandsMs = 15_000;

export function extractTwo({ slow, extracted }: Cast, called: Called, network: boolean): Step {
  const both = `Two extractions at once, from ${extracted.map(called).join(' and ')}`;
  const over = ` over ${slowMbit} Mbit/s, in twice the time that their bytes take`;
  return {
    title: network ? `${both}, while ${called(slow)} is slow` : both,
    expected: `both complete and verified${network ? over : ''}; both sites record on without a hole, nobody is missed`,
    network: false,
    async run(fleet, now) {
      const { town } = fleet.ground;
      const mbit = fleet.places.find(({ id }) => id === slow)?.uplink?.mbit ?? 0;
      const sites = extracted.map((id) => fleet.node(id));
      const to = await waitFor(`${seconds(windowMs)} of both sites`, startMs, () => {
        now(`waiting until ${seconds(windowMs)} of both are recorded`);
        const until = Math.min(...sites.map(recordedUntil));
        const since = Math.max(...sites.map(recordedSince));
        return until - since >= windowMs && until;
      });
      const from = to - windowMs;
      town?.rate(slow, slowMbit);
      now(town ? `${slow} carries ${slowMbit} Mbit/s; both are on their way` : 'both are on their way');
      try {
        const delivered = await Promise.all(
          sites.map((node, index) =>
            extract(fleet, {
              node: node.id,
              camera: node.cameras[0] as string,
              from,
              to,
              protocol: `47${index + 11}/2026`,
            }),
          ),
        );
        const bytes = delivered.reduce((sum, one) => sum + one.bytes, 0);
        const fairMs = (2 * bytes * 8) / (slowMbit * 1000) + commandsMs;
        const longest = Math.max(...delivered.map(({ ms }) => ms));
        if (town && longest > fairMs) throw new Error(`${seconds(longest)} for ${bytes} bytes`);
        const status = await fleet.status();
        const missed = sites.filter(({ id }) => !isOnline(status, id) || raised(status, id).length > 0);
        if (missed.length > 0) throw new Error(`missed meanwhile: ${raised(status).join(', ')}`);
        const holeMs = Math.max(...sites.map((node) => longestHole(node, to, Date.now() - openMs)));
        if (holeMs > 0) throw new Error(`a hole of ${seconds(holeMs)} while footage was sent`);
        return delivered
          .map(
            ({ files, bytes, ms }, index) =>
              `${extracted[index]}: ${files} files, ${(bytes / 1000).toFixed(0)} kB in ${seconds(ms)}`,
          )
          .join('; ');
      } finally {
        town?.rate(slow, mbit);
      }
    },
  };
}
