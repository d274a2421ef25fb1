import { createPrivateKey, randomUUIDv7 } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import type { CommandPayload } from '#protocol/command.ts';
import { payloadTypes, signEnvelope } from '#protocol/envelope.ts';
import { publicKeyOf } from '#protocol/key.ts';
import { start, type } from '../../deploy/demo/programs.ts';
import { startSimulator } from '../simulator/simulator.ts';
import { eventually } from '../support/eventually.ts';
import { suite } from '../support/suite.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { makeTown, type Town } from '../support/town.ts';

const test = suite('agent apply', { timeoutMs: 240_000 });

function extractFile(
  town: Town,
  folder: string,
  from: number,
  to: number,
  signers = ['operator', 'officer'],
): string {
  const key = (name: string) => createPrivateKey(readFileSync(join(town.hub, 'keys', `${name}.key`)));
  const now = Date.now();
  const payload: CommandPayload = {
    id: randomUUIDv7(),
    type: 'extract',
    node: town.node,
    issuedAt: new Date(now).toISOString(),
    expiresAt: new Date(now + 3_600_000).toISOString(),
    policyVersion: 1,
    operator: publicKeyOf(key('operator')).id,
    officer: publicKeyOf(key('officer')).id,
    camera: 'cam-1',
    from: new Date(from).toISOString(),
    to: new Date(to).toISOString(),
    purpose: 'judicial-police',
    request: { protocol: '1/2026', date: '2026-11-22', recordHash: '0'.repeat(64) },
  };
  const path = join(folder, `${payload.id}.json`);
  const text = signEnvelope(payloadTypes.command, Buffer.from(JSON.stringify(payload)), signers.map(key));
  writeFileSync(path, text);
  return path;
}

test('footage and proofs reach the stick, whether the agent runs or not; a bad command reaches only a refusal', async () => {
  using folder = temporaryFolder();
  await using simulator = await startSimulator({ cameras: [{ path: '/cam-1' }] });
  const town = await makeTown(folder.path, { cameras: [{ id: 'cam-1', rtsp: simulator.url('/cam-1') }] });
  const agent = start('agent', ['run', '--config', town.config], join(folder.path, 'agent.log'));
  const sealed = (): string[] => {
    const day = join(town.store, 'segments', 'cam-1');
    return readdirSync(day, { recursive: true, encoding: 'utf8' }).filter((name) =>
      name.endsWith('.mp4.age'),
    );
  };
  try {
    mkdirSync(join(town.store, 'segments', 'cam-1'), { recursive: true });
    const started = Date.now();
    await eventually('three segments', () => sealed().length >= 3 && Date.now() > started + 6000, 30_000);
    const file = extractFile(town, folder.path, Date.now() - 4000, Date.now() - 1000);
    const apply = (path: string, out: string) =>
      type('agent', ['apply', path, '--config', town.config, '--out', out]);
    const stick = join(folder.path, 'stick');
    const done = await apply(file, stick);
    assert.is(done.code, 0, done.stderr);
    const names = readdirSync(stick);
    for (const name of ['command.dsse.json', 'manifest.dsse.json', 'proof.json', 'status.dsse.json'])
      assert.ok(names.includes(name), `${name} in ${names.join(' ')}`);
    assert.ok(names.some((name) => name.endsWith('.mp4.age')));
    assert.is((await apply(file, stick)).code, 64, 'a folder that is not empty');
    const below = await apply(file, join(file, 'stick'));
    assert.is(below.code, 69, below.stderr);
    assert.match(below.stderr, /does not take files \(ENOTDIR\)/);
    // Encrypted to the machine, as a box has them: who runs has them open.
    const secrets = join(town.box, 'secrets');
    renameSync(secrets, `${secrets}.away`);
    const again = await apply(file, join(folder.path, 'stick-again'));
    renameSync(`${secrets}.away`, secrets);
    assert.is(again.code, 0, again.stderr);

    await agent.stop();
    const away = join(folder.path, 'stick-2');
    const offline = await apply(extractFile(town, folder.path, Date.now() - 8000, Date.now() - 5000), away);
    assert.is(offline.code, 0, offline.stderr);
    assert.ok(readdirSync(away).some((name) => name.endsWith('.mp4.age')));
    const once = extractFile(town, folder.path, Date.now() - 8000, Date.now() - 5000, ['operator']);
    const refused = await apply(once, join(folder.path, 'stick-3'));
    assert.is(refused.code, 2);
    assert.match(refused.stdout, /missing-signature/);
    assert.is(
      (await type('agent', ['verify', '--store', town.store, '--root', join(town.hub, 'root.pub')])).code,
      0,
    );
  } finally {
    await agent.stop();
  }
});
