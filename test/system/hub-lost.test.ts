import { cpSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { generateX25519Identity, identityToRecipient } from 'age-encryption';
import * as assert from 'uvu/assert';
import { startAgent, startHub } from '../support/agent-child.ts';
import { embeddedBroker } from '../support/brokers.ts';
import { commandsOf } from '../support/enrolled-town.ts';
import { eventually } from '../support/eventually.ts';
import { suite } from '../support/suite.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { makeTown } from '../support/town.ts';

const test = suite('the hub is lost, and restored from a backup older than what it had cosigned', {
  timeoutMs: 240_000,
});

test('a node tells it again what it had told the lost one, and is cosigned', async () => {
  using folder = temporaryFolder();
  await using opened = new AsyncDisposableStack();
  const broker = await embeddedBroker();
  opened.defer(() => broker.close());
  const town = await makeTown(folder.path, {
    mqtt: broker.url,
    cameras: [{ id: 'cam-1', rtsp: 'rtsp://127.0.0.1:1/a' }],
  });
  // The box keeps what is its own when the hub's folder goes.
  const box = join(folder.path, 'box');
  cpSync(town.box, box, { recursive: true });
  const node = { ...town, config: join(box, 'agent.yaml') };
  const { hub, must } = commandsOf(town);
  const identity = await generateX25519Identity();
  const file = join(folder.path, 'identity');
  writeFileSync(file, identity);
  const backup = join(folder.path, 'hub.backup');
  const head = join(town.hub, 'data', 'logs', `${town.node}.head.json`);
  /** Lines that the hub has cosigned. */
  const cosigned = (): number =>
    existsSync(head) ? (JSON.parse(readFileSync(head, 'utf8')) as { size: number }).size : 0;

  let serving = await startHub(town);
  opened.defer(() => serving[Symbol.asyncDispose]());
  let agent = startAgent(node);
  opened.defer(() => agent[Symbol.asyncDispose]());
  await eventually('a first cosigned head', () => cosigned() > 0, 30_000);
  await must(hub('backup', backup, '--for', await identityToRecipient(identity)));
  const saved = cosigned();

  // Lines that the lost hub cosigned and no backup holds: an end and a start.
  await agent.stop();
  agent = startAgent(node);
  await eventually('their cosignature', () => cosigned() > saved, 30_000);
  await agent.logged('connected to the broker');
  const lost = cosigned();
  await agent.stop();
  await serving[Symbol.asyncDispose]();
  rmSync(town.hub, { recursive: true });

  await must(hub('restore', town.hub, '--from', backup, '--identity', file));
  serving = await startHub(town);
  assert.is(cosigned(), saved);
  agent = startAgent(node);
  await eventually('the restored hub to cosign', () => cosigned() > lost, 60_000);
  assert.ok(agent.log.some(({ msg }) => msg.startsWith('the hub holds fewer lines')));
});
