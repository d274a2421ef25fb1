import { createPrivateKey, type KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { openConnection } from '#agent/mqtt/connection.ts';
import { systemClock } from '#agent/platform/clock.ts';
import { openLog } from '#agent/platform/log.ts';
import { systemRandom } from '#agent/platform/random.ts';
import { signCheckpoint } from '#protocol/checkpoint.ts';
import { payloadTypes, signEnvelope } from '#protocol/envelope.ts';
import { Failure } from '#protocol/failure.ts';
import { leafHash, merkleRoot } from '#protocol/merkle.ts';
import type { AlertPayload, HealthPayload } from '#protocol/messages.ts';
import type { CommandStatus } from '#protocol/status.ts';
import { instantText } from '#protocol/time.ts';
import { topics } from '#protocol/topics.ts';
import { readTrusted } from '../hub/trust.ts';
import type { CameraWeek } from './week.ts';

/** A node that records nothing and says what one would say. */
export interface SimulatedNode {
  id: string;
  uplink: string | undefined;
  weeks: readonly CameraWeek[];
  /** Lines of its log; the town hall has the same. */
  log: readonly string[];
  alerts: readonly AlertPayload[];
  lossPercent: number;
}

export interface SimulatedNodes {
  /** As if the nodes were cut off, or were back. */
  cut(ids: readonly string[], away: boolean): Promise<void>;
  /** What a node answers to a command. */
  answer(node: string, status: CommandStatus): Promise<void>;
  close(): Promise<void>;
}

const healthEveryMs = 15_000;
/** As agents do. */
const headEveryMs = 240_000;

/** Says for each node, with its own key, what an agent would: birth, health, alerts, and the signed head of its log. */
export async function simulateNodes(
  hub: string,
  url: string,
  nodes: readonly SimulatedNode[],
): Promise<SimulatedNodes> {
  const { policy, hash } = readTrusted(hub);
  const keys = new Map(
    nodes.map(({ id }): [string, KeyObject] => [
      id,
      createPrivateKey(readFileSync(join(hub, 'nodes', id, 'secrets', 'node-key'))),
    ]),
  );
  const keyOf = (id: string): KeyObject => keys.get(id) as KeyObject;
  const away = new Set<string>();
  const bus = openConnection({
    url,
    clientId: 'simulated-nodes',
    tls: {},
    will: () => ({ topic: 'peio/v1/simulated-nodes/state', payload: '{}', delaySeconds: 0 }),
    clock: systemClock,
    random: systemRandom,
    log: openLog('silent'),
  });
  const say = async (topic: string, payload: string, retain: boolean): Promise<void> => {
    try {
      await bus.publish({ topic, payload, retain });
    } catch (error) {
      // The broker went first: the demo is ending.
      if (!(error instanceof Failure) || error.code !== 'offline') throw error;
    }
  };
  const birth = (id: string, state: 'online' | 'offline'): Promise<void> =>
    say(
      topics.state(id),
      JSON.stringify({
        state,
        bootId: 'demo',
        sessionId: 'demo',
        version: '0.1.0',
        at: instantText(Date.now()),
      }),
      true,
    );
  const head = ({ id, log }: SimulatedNode): Promise<void> => {
    const root = merkleRoot(log.map(leafHash));
    const note = signCheckpoint(
      id,
      { size: log.length, root, policyVersion: policy.version, policyHash: hash },
      keyOf(id),
    );
    return say(topics.checkpoint(id), note, false);
  };
  const health = (node: SimulatedNode): Promise<void> =>
    say(topics.health(node.id), JSON.stringify(healthOf(node, Date.now())), true);
  const present = (): SimulatedNode[] => nodes.filter(({ id }) => !away.has(id));

  await new Promise<void>((resolve) => bus.onConnect(resolve));
  for (const node of nodes) {
    await birth(node.id, 'online');
    await health(node);
    await head(node);
    for (const alert of node.alerts) await say(topics.alert(node.id, alert.key), JSON.stringify(alert), true);
  }
  let failed: unknown;
  const every = (pauseMs: number, tell: (node: SimulatedNode) => Promise<void>): NodeJS.Timeout =>
    setInterval(() => {
      Promise.all(present().map(tell)).catch((error: unknown) => {
        failed ??= error;
      });
    }, pauseMs);
  const timers = [every(healthEveryMs, health), every(headEveryMs, head)];
  return {
    async cut(ids, gone) {
      for (const id of ids) {
        if (gone) away.add(id);
        else away.delete(id);
        await birth(id, gone ? 'offline' : 'online');
      }
    },
    answer: (node, status) =>
      say(
        topics.commandStatus(node, status.id),
        signEnvelope(payloadTypes.status, Buffer.from(JSON.stringify(status)), [keyOf(node)]),
        true,
      ),
    async close() {
      for (const timer of timers) clearInterval(timer);
      await bus.close();
      if (failed !== undefined) throw failed;
    },
  };
}

let seq = 0;

function healthOf({ weeks, uplink, lossPercent, alerts }: SimulatedNode, nowUtc: number): HealthPayload {
  const ago = (ms: number): string => instantText(nowUtc - ms);
  const down = new Set(alerts.map(({ key }) => key));
  seq += 1;
  return {
    at: ago(0),
    seq,
    host: {
      uptimeSeconds: 500_000,
      load1: 0.3,
      memoryFreeBytes: 3e9,
      memoryTotalBytes: 8e9,
      temperatureCelsius: 48,
    },
    clock: { state: 'synced' },
    store: {
      freeBytes: 4e11,
      totalBytes: 9.6e11,
      segments: 10_080 * weeks.length,
      oldest: ago(7 * 86_400_000),
    },
    ...(weeks.length === 0
      ? {}
      : {
          cameras: weeks.map(({ camera, silent }) => {
            const lost = silent ?? (down.has(`camera-down.${camera}`) ? 'no-data' : undefined);
            return {
              id: camera,
              state: lost ? ('failed' as const) : ('recording' as const),
              ...(lost ? { reason: lost } : {}),
              newestSegment: ago(lost ? 18 * 3_600_000 : 40_000),
              bitrate: lost ? 0 : 3_900_000,
              fps: lost ? 0 : 25,
              codec: 'h264',
              width: 2560,
              height: 1440,
              gopSeconds: 2,
              ...(lost ? {} : { picture: 'ok' as const }),
              onvif: {
                state: lost ? ('away' as const) : ('ok' as const),
                model: 'Telecamera simulata',
                firmware: '1.0',
                ...(lost ? {} : { clockOffsetMs: 300, records: false }),
              },
            };
          }),
        }),
    links:
      uplink === undefined
        ? []
        : [
            {
              id: 'uplink',
              to: uplink,
              state: 'up',
              probe: 'stamp',
              lossPercent,
              delayMs: 8,
              capacityMbit: 120,
            },
          ],
    mqtt: { connected: true, protocol: '5', reconnects: 0 },
  };
}
