import { instantText } from '#protocol/time.ts';
import { sayOf } from '../alarms/hub-sentences.ts';
import type { Alerts } from '../fleet/alerts.ts';
import type { Cases } from './cases.ts';

/** Between a node's acceptance of a release and its effect, as the node has it. */
export const releaseDelayMs = 24 * 3_600_000;

/**
 * For the day between a release and its effect an alert says which hold will end: whoever should have been asked can
 * still order another hold. With the cases, not with the node: who maintains it learns of neither.
 */
export function openReleases(parts: { cases: Cases; alerts: Alerts; utc(): number }): {
  round(): Promise<void>;
} {
  const { cases, alerts, utc } = parts;
  return {
    async round() {
      for (const { command, executedAt, request } of cases.all()) {
        if (command.type !== 'release' || executedAt === undefined) continue;
        const key = `hold-releasing.${command.hold}`;
        const at = executedAt + releaseDelayMs;
        const place = { node: 'hub', key, from: 'hub' } as const;
        if (utc() >= at) await alerts.clear(place.node, key, place.from);
        else
          await alerts.raise({
            ...place,
            severity: 'warning',
            since: executedAt,
            detail: sayOf('holdReleasing', { request: request ?? '?', at: instantText(at) }),
          });
      }
    },
  };
}
