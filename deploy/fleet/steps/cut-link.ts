import { waitFor } from '../../demo/wait.ts';
import { isOnline, longestHole, raised, recordingOf } from '../look.ts';
import { seconds } from '../report.ts';
import { behind } from '../topology.ts';
import { alarmMs, backMs, type Called, type Cast, heardAgain, openMs, type Step, timed } from './step.ts';

export function cutLink({ cut }: Cast, called: Called): Step {
  return {
    title: `The link of ${called(cut)} is cut, and restored`,
    expected: `one alarm within ${alarmMs / 1000} s, which explains every node behind it; there every camera is recorded on without a hole; heard again within ${backMs / 1000} s`,
    network: true,
    async run(fleet, now) {
      const hit = behind(fleet.places, cut).map(({ id }) => fleet.node(id));
      const ids = hit.map(({ id }) => id);
      const cutAt = Date.now();
      fleet.ground.town?.link(cut, 'cut');
      const told = await timed(() =>
        waitFor(`the alarm for ${cut}`, alarmMs, async () => {
          const status = await fleet.status();
          const away = ids.filter((id) => !isOnline(status, id));
          const { cameras, of } = await recordingOf(hit);
          now(`cut; ${away.length} of ${ids.length} nodes missed, ${cameras} of ${of} cameras there record`);
          return raised(status, cut).length > 0 && away.length === ids.length;
        }),
      );
      const { alarms } = await fleet.hub.get('GET /alarms');
      const cause = alarms.find(({ node, state }) => node === cut && state.endsWith('acknowledged-active'));
      const unexplained = raised(await fleet.status()).filter(
        (alarm) => alarm !== cause?.id && ids.some((id) => alarm.startsWith(`${id}/`)),
      );
      if (cause === undefined || unexplained.length > 0)
        throw new Error(`more than one alarm: ${[cause?.id, ...unexplained].join(', ')}`);
      const explained = ids.filter((id) => cause.explains.includes(`${id}/node-down`)).length;
      if (explained < ids.length - 1)
        throw new Error(`${cause.id} explains ${explained} of the ${ids.length - 1} nodes behind it`);
      const { cameras, of } = await recordingOf(hit);
      if (cameras < of) throw new Error(`behind the cut ${of - cameras} of ${of} cameras do not record`);
      fleet.ground.town?.link(cut, 'whole');
      const back = await timed(() => heardAgain(fleet, hit, now));
      const holeMs = Math.max(...hit.map((node) => longestHole(node, cutAt, Date.now() - openMs)));
      if (holeMs > 0) throw new Error(`a hole of ${seconds(holeMs)} behind the cut`);
      return `${cause.id} after ${seconds(told)}, explaining ${explained} nodes; ${cameras} of ${of} cameras recorded on without a hole; all heard again after ${seconds(back)}`;
    },
  };
}
