import type { Clock, MonotonicMs, Timer } from '#agent/platform/clock.ts';
import type { Log } from '#agent/platform/log.ts';
import { wholeHealth } from '#protocol/brief-health.ts';
import { parseJson } from '#protocol/envelope.ts';
import { alertMessage, type Health, healthMessage, stateMessage } from '#protocol/messages.ts';
import type { Policy } from '#protocol/policy.ts';
import type { Alerts } from './alerts.ts';

/** Three heads of the agent's five minutes. */
const checkpointPatienceMs = 15 * 60_000;
const checkEveryMs = 15_000;
/** Far above a node of 64 cameras. */
const maxMessageBytes = 256 * 1024;
/** `camera-down.cam-1`. Without a subject it would be one of the hub's own names. */
const alertKey = /^(?=.{1,80}$)[a-z0-9][a-z0-9-]*\.[a-z0-9.-]+$/;

export interface NodeSight {
  id: string;
  /** `unknown` before the first word. */
  state: 'online' | 'offline' | 'unknown';
  /** UTC of the state, by the node's clock. */
  since?: number;
  version?: string;
  health?: Health;
  /** UTC of this hub at the last good checkpoint of this run. */
  checkpointAt?: number;
}

/** What the nodes say of themselves, and what their silence says. Comfort: the logs are what is proved. */
export interface Fleet {
  state(node: string, payload: Uint8Array): Promise<{ online: boolean } | undefined>;
  health(node: string, payload: Uint8Array): void;
  alert(node: string, key: string, payload: Uint8Array): Promise<void>;
  /** A good checkpoint came. */
  checkpoint(node: string): Promise<void>;
  nodes(): NodeSight[];
  /** When something live came of a node in this run; what a broker retained is no sign of life. */
  heardAt(node: string): MonotonicMs | undefined;
  /** Where a link of a node leads, and how it is measured, as the node says. */
  linkOf(node: string, link: string): { to: string; probe?: string | undefined } | undefined;
  close(): void;
}

export function openFleet(options: {
  clock: Clock;
  log: Log;
  alerts: Alerts;
  policy(): Policy;
  /** Something live came. */
  heard?(): void;
  /** A condition of the machine itself, such as a full disk: the process must not go on as if it had kept it. */
  broken(error: unknown): void;
}): Fleet {
  const { clock, log, alerts } = options;
  const seen = new Map<string, Omit<NodeSight, 'id'> & { sessionId?: string }>();
  const lastCheckpoint = new Map<string, MonotonicMs>();
  const opened = clock.monotonic();
  const lastHeard = new Map<string, MonotonicMs>();
  const hear = (node: string): void => {
    lastHeard.set(node, clock.monotonic());
    options.heard?.();
  };
  const sight = (node: string) => {
    const known = seen.get(node) ?? { state: 'unknown' as const };
    seen.set(node, known);
    return known;
  };
  const noise = (node: string, what: string): void => log.warn({ node, what }, 'message not understood');

  async function check(): Promise<void> {
    for (const { id } of options.policy().nodes)
      if (clock.monotonic() - (lastCheckpoint.get(id) ?? opened) >= checkpointPatienceMs)
        await alerts.raise({
          node: id,
          key: 'checkpoint-missing',
          severity: 'critical',
          detail:
            'da 15 minuti il nodo non mostra la testa del suo registro: controllare il programma sul nodo',
          from: 'hub',
        });
  }
  let timer: Timer;
  const schedule = (): void => {
    timer = clock.after(checkEveryMs, () => {
      check().catch(options.broken);
      schedule();
    });
  };
  schedule();

  return {
    async state(node, payload) {
      const parsed = stateMessage.safeParse(
        payload.length > maxMessageBytes ? undefined : parseJson(payload),
      );
      if (!parsed.success) return void noise(node, 'state');
      const { state, sessionId, at, version } = parsed.data;
      const known = sight(node);
      // The will of a connection that a newer one replaced says nothing of the newer.
      if (state === 'offline' && known.state === 'online' && known.sessionId !== sessionId) return undefined;
      Object.assign(known, { state, sessionId, since: at, version });
      if (state === 'online') await alerts.clear(node, 'node-down', 'hub');
      else
        await alerts.raise({
          node,
          key: 'node-down',
          severity: 'critical',
          detail: 'il nodo non risponde: controllare alimentazione e ponte radio',
          from: 'hub',
        });
      return { online: state === 'online' };
    },
    health(node, payload) {
      const parsed = healthMessage.safeParse(
        payload.length > maxMessageBytes ? undefined : parseJson(payload),
      );
      if (!parsed.success) return noise(node, 'health');
      const known = sight(node);
      const before = known.health;
      known.health = wholeHealth(before, parsed.data);
      if (before !== undefined && before.seq !== parsed.data.seq) hear(node);
    },
    async alert(node, key, payload) {
      if (!alertKey.test(key)) return noise(node, 'alert');
      if (payload.length === 0) return alerts.clear(node, key, 'node');
      const parsed = alertMessage.safeParse(
        payload.length > maxMessageBytes ? undefined : parseJson(payload),
      );
      if (!parsed.success || parsed.data.key !== key) return noise(node, 'alert');
      const { state, severity, since, detail } = parsed.data;
      if (state === 'cleared') await alerts.clear(node, key, 'node');
      else await alerts.raise({ node, key, severity, since, detail, from: 'node' });
    },
    async checkpoint(node) {
      lastCheckpoint.set(node, clock.monotonic());
      sight(node).checkpointAt = clock.utc();
      await alerts.clear(node, 'checkpoint-missing', 'hub');
      hear(node);
    },
    nodes: () =>
      options.policy().nodes.map(({ id }) => {
        const { sessionId: _, ...known } = seen.get(id) ?? { state: 'unknown' as const };
        return { id, ...known };
      }),
    heardAt: (node) => lastHeard.get(node),
    linkOf: (node, link) => seen.get(node)?.health?.links.find(({ id }) => id === link),
    close: () => timer.cancel(),
  };
}
