import { z } from 'zod';
import { nodeId } from '#protocol/ids.ts';
import type { AlarmView } from '../alarms/alarms.ts';
import type { Maintenance } from '../alarms/life.ts';
import type { HubAlert } from '../fleet/alerts.ts';

const by = z.string().min(1).max(100);
/** `<node>/<key>` */
const alert = z.string().min(1).max(160);
const minute = 60_000;
const day = 1440 * minute;

/** Shelved for longer would be forgotten (ISA-18.2: shelving ends by itself). */
export const maxShelvedMs = 7 * day;
export const maxMaintenanceMs = 30 * day;

export const alarmBodies = {
  ack: z.strictObject({ by, alert }),
  shelve: z.strictObject({ by, alert, forMs: z.int().min(minute).max(maxShelvedMs) }),
  unshelve: z.strictObject({ by, alert }),
  maintenance: z.strictObject({
    by,
    node: nodeId,
    /** UTC milliseconds; now when absent. */
    from: z.int().positive().optional(),
    forMs: z.int().min(minute).max(maxMaintenanceMs),
    reason: z.string().trim().min(1).max(500),
  }),
  'end-maintenance': z.strictObject({ by, id: z.uuid() }),
} as const;

export interface AlarmAnswers {
  'GET /alarms': { at: number; alarms: AlarmView[]; maintenance: Maintenance[] };
  'POST /ack': HubAlert;
  'POST /shelve': AlarmView;
  'POST /unshelve': AlarmView;
  'POST /maintenance': Maintenance;
  'POST /end-maintenance': { id: string };
}
