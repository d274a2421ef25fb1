import { openConnection } from '#agent/mqtt/connection.ts';
import { systemClock } from '#agent/platform/clock.ts';
import { systemRandom } from '#agent/platform/random.ts';
import type { CommandStatus } from '#protocol/status.ts';
import { commandStatus } from '#protocol/status.ts';
import { eventually } from './eventually.ts';
import { payloadOf } from './hub-town.ts';
import { quietLog } from './log.ts';

export interface Heard {
  topic: string;
  payload: Buffer;
  retained: boolean;
  /** performance.now() */
  at: number;
}

/** Somebody else on the broker: hears everything below the project's root, in order, and can say anything. */
export interface WireTap extends AsyncDisposable {
  readonly heard: Heard[];
  /** Waits for a message that comes after `sinceMs` (performance.now()). */
  wait(what: string, match: (heard: Heard) => boolean, sinceMs?: number, limitMs?: number): Promise<Heard>;
  /** The newest payload of a topic, as JSON. */
  newest(topic: string): Record<string, unknown> | undefined;
  /** Sequence numbers of a node's events, each once, in the order of their first coming. */
  events(node: string): { seq: number; kind: string; [field: string]: unknown }[];
  statuses(node: string): CommandStatus[];
  say(topic: string, payload: string | Buffer, retain?: boolean): Promise<void>;
  connected(): boolean;
  close(): Promise<void>;
}

/** What was said of alarms and commands since then, newest last: why a wait was in vain. */
function toldSince(heard: readonly Heard[], sinceMs: number): string {
  return heard
    .filter(({ topic, at }) => at >= sinceMs && /\/(alert|command|alarm)/.test(topic))
    .slice(-40)
    .map(
      ({ topic, payload, at }) =>
        `${((at - sinceMs) / 1000).toFixed(1)} s ${topic} ${payload.toString().slice(0, 240)}`,
    )
    .join('\n');
}

export async function tapWire(url: string, clientId = 'test-tap'): Promise<WireTap> {
  const heard: Heard[] = [];
  const bus = openConnection({
    url,
    clientId,
    tls: {},
    will: () => ({ topic: `test/${clientId}`, payload: '', delaySeconds: 0 }),
    clock: systemClock,
    random: systemRandom,
    log: quietLog,
  });
  bus.subscribe('peio/v1/#', async ({ topic, payload, retained }) => {
    heard.push({ topic, payload, retained, at: performance.now() });
  });
  const close = () => bus.close();
  await eventually('the tap to be connected', () => bus.connected());
  return {
    heard,
    wait: (what, match, sinceMs = 0, limitMs = 20_000) =>
      eventually(what, () => heard.find((one) => one.at >= sinceMs && match(one)), limitMs).catch((error) => {
        throw new Error(`${(error as Error).message}; heard meanwhile:\n${toldSince(heard, sinceMs)}`);
      }),
    newest(topic) {
      const found = heard.findLast((one) => one.topic === topic);
      return found && JSON.parse(found.payload.toString());
    },
    events(node) {
      const lines = heard
        .filter(({ topic }) => topic === `peio/v1/${node}/event`)
        .map(({ payload }) => JSON.parse(payload.toString()));
      return [...new Map(lines.map((line) => [line.seq, line])).values()];
    },
    statuses: (node) =>
      heard
        .filter(({ topic, payload }) => topic.startsWith(`peio/v1/${node}/command/`) && payload.length > 0)
        .map(({ payload }) => commandStatus.parse(payloadOf(payload))),
    say: (topic, payload, retain = false) => bus.publish({ topic, payload, retain }),
    connected: () => bus.connected(),
    close,
    [Symbol.asyncDispose]: close,
  };
}
