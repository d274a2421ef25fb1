import { sentenceOf } from '#protocol/failure.ts';
import type { AlertPayload, HealthPayload, StatePayload } from '#protocol/messages.ts';
import { topics } from '#protocol/topics.ts';
import type { Bus } from '../mqtt/bus.ts';
import type { Log } from '../platform/log.ts';

/** Everything the node says that has only a newest value: state, health, alerts, statuses of commands. */
export interface Reporter {
  health(payload: HealthPayload): void;
  alert(payload: AlertPayload): void;
  /** `text` is the signed status; a status that is not retained is said once and not repeated. */
  status(id: string, text: string, retained: boolean): void;
  /** Says offline: a graceful end suppresses the will. Resolves when the broker has it, or the connection breaks. */
  goodbye(): Promise<void>;
}

/** Statuses waiting for a connection; beyond it the oldest go, since each is repeated on request. */
const maxWaiting = 1000;

/**
 * Publishes newest values. What changes while there is no connection is said once there is one, newest only; what the
 * broker has acknowledged is not said again, except state and health, which every connection begins with.
 */
export function openReporter(options: {
  node: string;
  bus: Bus;
  log: Log;
  state(state: StatePayload['state']): StatePayload;
  /** Alerts raised now: a new broker must learn of them. */
  raised(): AlertPayload[];
}): Reporter {
  const { node, bus, log } = options;
  const waiting = new Map<string, { payload: string; retain: boolean }>();
  const inFlight = new Set<string>();
  let newestHealth: HealthPayload | undefined;

  const flush = (topic: string): void => {
    const message = waiting.get(topic);
    if (message === undefined || inFlight.has(topic) || !bus.connected()) return;
    inFlight.add(topic);
    bus.publish({ topic, ...message }).then(
      () => {
        inFlight.delete(topic);
        if (waiting.get(topic) === message) waiting.delete(topic);
        else flush(topic);
      },
      (error: unknown) => {
        inFlight.delete(topic);
        log.debug({ topic, why: sentenceOf(error) }, 'not published yet');
      },
    );
  };
  const say = (topic: string, payload: string, retain: boolean): void => {
    waiting.delete(topic); // The newest goes to the end of the line.
    waiting.set(topic, { payload, retain });
    if (waiting.size > maxWaiting) waiting.delete(waiting.keys().next().value as string);
    flush(topic);
  };

  bus.onConnect(() => {
    say(topics.state(node), JSON.stringify(options.state('online')), true);
    if (newestHealth) say(topics.health(node), JSON.stringify(newestHealth), true);
    for (const alert of options.raised()) say(topics.alert(node, alert.key), JSON.stringify(alert), true);
    for (const topic of waiting.keys()) flush(topic);
  });

  return {
    health(payload) {
      newestHealth = payload;
      say(topics.health(node), JSON.stringify(payload), true);
    },
    alert: (payload) => say(topics.alert(node, payload.key), JSON.stringify(payload), true),
    status: (id, text, retained) => say(topics.commandStatus(node, id), text, retained),
    async goodbye() {
      if (!bus.connected()) return;
      const payload = JSON.stringify(options.state('offline'));
      await bus.publish({ topic: topics.state(node), payload, retain: true }).catch((error: unknown) => {
        log.info({ why: sentenceOf(error) }, 'the broker will learn from the will that we are gone');
      });
    },
  };
}
