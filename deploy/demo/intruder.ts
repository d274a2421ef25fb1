import { createPrivateKey, generateKeyPairSync, type KeyObject, randomUUIDv7 } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { openConnection } from '#agent/mqtt/connection.ts';
import { systemClock } from '#agent/platform/clock.ts';
import { openLog } from '#agent/platform/log.ts';
import { systemRandom } from '#agent/platform/random.ts';
import type { CommandPayload } from '#protocol/command.ts';
import { parseEnvelope, payloadTypes, signEnvelope } from '#protocol/envelope.ts';
import { publicKeyOf } from '#protocol/key.ts';
import { commandStatus } from '#protocol/status.ts';
import { topics } from '#protocol/topics.ts';
import { waitFor } from './wait.ts';

/** Somebody on the demo's network who sends what should not be obeyed. */
export interface Intruder {
  /** Sends a command for the last seconds of `camera` and gives what the node answers. */
  send(
    how: 'forged' | 'expired' | 'once-signed',
    camera: string,
  ): Promise<{ state: string; reason?: string | undefined }>;
  close(): Promise<void>;
}

const hourMs = 3_600_000;

export async function openIntruder(site: { mqttUrl: string; node: string; hub: string }): Promise<Intruder> {
  const bus = openConnection({
    url: site.mqttUrl,
    clientId: 'demo-intruder',
    tls: {},
    will: () => ({ topic: 'demo/intruder', payload: '', delaySeconds: 0 }),
    clock: systemClock,
    random: systemRandom,
    log: openLog('error'),
  });
  const answers: { id: string; state: string; reason?: string | undefined; at: number }[] = [];
  bus.subscribe(topics.commandStatus(site.node, '+'), async ({ payload }) => {
    if (payload.length === 0) return;
    const { id, state, reason } = commandStatus.parse(
      JSON.parse(parseEnvelope(payload, 64 * 1024).payload.toString()),
    );
    answers.push({ id, state, reason, at: performance.now() });
  });
  await waitFor('the broker', 30_000, () => bus.connected());
  const key = (name: string): KeyObject =>
    createPrivateKey(readFileSync(join(site.hub, 'keys', `${name}.key`)));
  const [operator, officer] = [key('operator'), key('officer')];
  const stranger = generateKeyPairSync('ed25519').privateKey;

  return {
    async send(how, camera) {
      const now = Date.now();
      const issuedAt = how === 'expired' ? now - 2 * hourMs : now;
      const payload: CommandPayload = {
        id: randomUUIDv7(),
        type: 'extract',
        node: site.node,
        issuedAt: new Date(issuedAt).toISOString(),
        expiresAt: new Date(issuedAt + hourMs).toISOString(),
        policyVersion: 1,
        operator: publicKeyOf(operator).id,
        officer: publicKeyOf(officer).id,
        camera,
        from: new Date(now - 10_000).toISOString(),
        to: new Date(now - 5000).toISOString(),
        purpose: 'judicial-police',
        request: {
          protocol: '0/2026',
          date: new Date(now).toISOString().slice(0, 10),
          recordHash: '0'.repeat(64),
        },
      };
      const keys = { forged: [operator, stranger], expired: [operator, officer], 'once-signed': [operator] }[
        how
      ];
      const text = signEnvelope(payloadTypes.command, Buffer.from(JSON.stringify(payload)), keys);
      const sentAt = performance.now();
      await bus.publish({ topic: topics.command(site.node), payload: text, retain: false });
      return await waitFor(`the answer to the ${how} command`, 30_000, () =>
        answers.find((answer) => answer.at >= sentAt),
      );
    },
    close: () => bus.close(),
  };
}
