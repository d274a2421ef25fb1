import { openHttpClient } from '#agent/platform/http-client.ts';
import { Failure } from '#protocol/failure.ts';
import { instantText } from '#protocol/time.ts';
import { type Alarm, conditionOf, idOf, isActive, subjectOf } from './alarm.ts';
import { isForMaintenance } from './hub-conditions.ts';
import { explained, type Form, nameOf, placeOf } from './words.ts';

const stallMs = 10_000;
/** Alertmanager takes what it does not hear of again for over; three rounds may fail. */
export const roundMs = 60_000;
const holdsMs = 4 * roundMs;
/** What is over is said so for this long, in case a round failed. */
const overMs = 10 * roundMs;

interface Posted {
  labels: Record<string, string>;
  annotations: Record<string, string>;
  startsAt: string;
  endsAt: string;
}

/**
 * What Alertmanager is told (API v2, `postableAlerts`): what stands and is not shelved or out of service. What another
 * alarm explains goes too, labelled `explained="yes"` with the `cause` that its source carries as well, so that one rule
 * inhibits it:
 *
 *     inhibit_rules: [{ source_matchers: ['explained="no"'], target_matchers: ['explained="yes"'], equal: [cause] }]
 */
export function postedAlerts(alarms: Iterable<Alarm>, form: Form, now: number): Posted[] {
  const posted: Posted[] = [];
  for (const alarm of alarms) {
    const { key, node, severity, since, clearedAt, explainedBy } = alarm;
    if (!isForMaintenance(alarm) || alarm.shelved || alarm.outOfService) continue;
    if (alarm.announcedAt === undefined && explainedBy === undefined) continue;
    if (!isActive(alarm) && now - (clearedAt ?? now) > overMs) continue;
    const subject = subjectOf(key);
    const { cause, check } = explained(alarm, form);
    posted.push({
      labels: {
        alertname: conditionOf(key),
        node,
        place: placeOf(alarm, form.places),
        severity,
        explained: explainedBy === undefined ? 'no' : 'yes',
        cause: explainedBy ?? idOf(alarm),
        ...(subject === undefined ? {} : { subject }),
      },
      annotations: { summary: nameOf(key, form.lang), description: cause, check },
      startsAt: instantText(Math.min(since, now)),
      endsAt: instantText(isActive(alarm) ? now + holdsMs : Math.max(clearedAt ?? now, since + 1)),
    });
  }
  return posted;
}

export interface Alertmanager {
  /** Throws `transient` failures. */
  post(alarms: Iterable<Alarm>, now: number, signal: AbortSignal): Promise<void>;
  close(): void;
}

export function openAlertmanager(options: { url: string; ca: string | undefined; form: Form }): Alertmanager {
  const client = openHttpClient({ tls: { ca: options.ca }, stallMs, maxReplyBytes: 64 * 1024 });
  const url = `${options.url.replace(/\/+$/, '')}/api/v2/alerts`;
  /** By its labels, which are its identity there: what was said, and since when it is not so any more. */
  const said = new Map<string, { alert: Posted; overAt?: number }>();
  /** An alarm that is explained no longer, or over before anybody was told, stands there under labels it has no more. */
  const withEnds = (alerts: readonly Posted[], now: number): Posted[] => {
    const current = new Map(alerts.map((alert) => [JSON.stringify(alert.labels), alert]));
    for (const [labels, alert] of current) said.set(labels, { alert });
    const ended: Posted[] = [];
    for (const [labels, one] of said) {
      if (current.has(labels)) continue;
      one.overAt ??= now;
      if (now - one.overAt > overMs) said.delete(labels);
      else ended.push({ ...one.alert, endsAt: instantText(one.overAt) });
    }
    return [...alerts, ...ended];
  };
  return {
    async post(alarms, now, signal) {
      const alerts = withEnds(postedAlerts(alarms, options.form, now), now);
      if (alerts.length === 0) return;
      const body = Buffer.from(JSON.stringify(alerts));
      const { status } = await client.ask({
        method: 'POST',
        url,
        headers: { 'content-type': 'application/json' },
        body: {
          bytes: body.length,
          pieces: (async function* () {
            yield body;
          })(),
        },
        signal,
      });
      if (status !== 200)
        throw new Failure('transient', 'alertmanager-refused', `Alertmanager answers ${status}`);
    },
    close: () => client.close(),
  };
}
