import { join } from 'node:path';
import type { Clock } from '#agent/platform/clock.ts';
import { type Alarms, nobodyKnows, openAlarms } from '../../deploy/hub/alarms/alarms.ts';

/** A hub's alarms in `folder`, with more said where a test needs it. A bug in them is thrown. */
export function testAlarms(
  folder: string,
  clock: Clock,
  more: Partial<Parameters<typeof openAlarms>[0]> = {},
): Alarms {
  return openAlarms({
    path: join(folder, 'alarms.sqlite'),
    clock,
    knowledge: nobodyKnows,
    broken: (error) => {
      throw error;
    },
    ...more,
  });
}
