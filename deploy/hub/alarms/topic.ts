import type { Bus } from '#agent/mqtt/bus.ts';
import type { HubAlertPayload } from '#protocol/messages.ts';
import { instantText } from '#protocol/time.ts';
import { hubNode, topics } from '#protocol/topics.ts';
import type { Way } from './outbox.ts';
import { type Form, placeOf, saidOf } from './words.ts';

/** The hub's own `alert` topics, retained: what the town's other programs listen to. */
export function topicWay(bus: Bus, form: Form): Way {
  return {
    name: 'topic',
    most: 20,
    async send({ notices }) {
      for (const { kind, alarm } of notices) {
        const key = `${alarm.node}.${alarm.key}`;
        const payload = {
          key,
          state: kind === 'cleared' ? 'cleared' : 'raised',
          severity: alarm.severity,
          since: instantText(alarm.since),
          detail: saidOf(alarm, form.places, form.lang).text,
          place: placeOf(alarm, form.places),
        } satisfies HubAlertPayload;
        await bus.publish({
          topic: topics.alert(hubNode, key),
          payload: JSON.stringify(payload),
          retain: true,
        });
      }
    },
  };
}
