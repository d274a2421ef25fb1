import { Failure } from '#protocol/failure.ts';
import type { Alarms } from '../alarms/alarms.ts';
import type { AlarmAnswers } from '../api/alarms.ts';
import type { Handlers } from './api.ts';

const farMs = 366 * 86_400_000;

/** What is asked of alarms over the socket. */
export function alarmHandlers(
  alarms: Alarms,
  nodes: () => readonly string[],
): Pick<Handlers, keyof AlarmAnswers> {
  return {
    'GET /alarms': () => ({ at: alarms.now(), alarms: alarms.list(), maintenance: alarms.maintenance() }),
    'POST /ack': ({ by, alert }) => alarms.acknowledge(alert, by),
    'POST /shelve': ({ by, alert, forMs }) => alarms.shelve(alert, by, forMs),
    'POST /unshelve': ({ by, alert }) => alarms.unshelve(alert, by),
    'POST /maintenance': async ({ by, node, from: given, forMs, reason }) => {
      if (!nodes().includes(node))
        throw new Failure('denied', 'unknown-node', `there is no node ${node}: see "hub status"`);
      const now = alarms.now();
      const from = given ?? now;
      if (from > now + farMs || from + forMs <= now)
        throw new Failure(
          'denied',
          'no-such-time',
          'a maintenance begins within a year and has not ended yet',
        );
      return await alarms.announceMaintenance({ node, from, until: from + forMs, by, reason });
    },
    'POST /end-maintenance': async ({ id }) => {
      await alarms.endMaintenance(id);
      return { id };
    },
  };
}
