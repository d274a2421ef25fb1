import { createPrivateKey, randomUUIDv7 } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import type { CommandPayload } from '#protocol/command.ts';
import { parseEnvelope, payloadTypes, sha256, signEnvelope, verifyEnvelope } from '#protocol/envelope.ts';
import { publicKeyOf } from '#protocol/key.ts';
import { manifestSchema } from '#protocol/manifest.ts';
import { readIdentity } from '../../deploy/hub/viewing/identity.ts';
import { startSimulator } from '../simulator/simulator.ts';
import { startAgent } from '../support/agent-child.ts';
import { runProgram } from '../support/child-program.ts';
import { eventually } from '../support/eventually.ts';
import { openBytes } from '../support/sealed-bytes.ts';
import { suite } from '../support/suite.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { makeTown, type Town } from '../support/town.ts';

const test = suite('Art. 6 c. 8: who maintains sees one still, sealed, with an authorised person', {
  timeoutMs: 180_000,
});

function snapshotFile(town: Town, folder: string, signers: string[], change: object = {}): string {
  const key = (name: string) => createPrivateKey(readFileSync(join(town.hub, 'keys', `${name}.key`)));
  const now = Date.now();
  const payload: CommandPayload = {
    id: randomUUIDv7(),
    type: 'snapshot',
    node: town.node,
    issuedAt: new Date(now).toISOString(),
    expiresAt: new Date(now + 3_600_000).toISOString(),
    policyVersion: 1,
    operator: publicKeyOf(key('operator')).id,
    officer: publicKeyOf(key('officer')).id,
    camera: 'cam-1',
    purpose: 'maintenance',
    attending: sha256('salt and names'),
    ...change,
  };
  const path = join(folder, `${payload.id}.json`);
  const text = signEnvelope(payloadTypes.command, Buffer.from(JSON.stringify(payload)), signers.map(key));
  writeFileSync(path, text);
  return path;
}

test('one keyframe of now, opened by the officer alone; nothing in the clear on the box; never by one signature', async () => {
  using folder = temporaryFolder();
  const frameRate = 40;
  /** 20 pictures of the clip from keyframe to keyframe. */
  const gopMs = (20 * 1000) / frameRate;
  await using simulator = await startSimulator({ cameras: [{ path: '/cam-1', frameRate }] });
  const camera = { id: 'cam-1', rtsp: simulator.url('/cam-1') };
  const town = await makeTown(folder.path, { cameras: [camera], segment: '1s' });
  await using agent = startAgent(town);
  await agent.recording();
  const apply = (file: string, out: string) =>
    runProgram('agent/main.ts', ['apply', file, '--config', town.config, '--out', join(folder.path, out)]);
  const asked = Date.now();
  const both = ['operator', 'officer'];
  const done = await apply(snapshotFile(town, folder.path, both), 'stick');
  assert.is(done.code, 0, done.err);
  const stick = join(folder.path, 'stick');
  const nodeKey = createPrivateKey(readFileSync(join(town.box, 'secrets', 'node-key')));
  const { payload } = verifyEnvelope(
    parseEnvelope(readFileSync(join(stick, 'manifest.dsse.json')), 100_000),
    payloadTypes.manifest,
    [publicKeyOf(nodeKey)],
  );
  const { files } = manifestSchema.parse(JSON.parse(payload.toString()));
  assert.is(files.length, 1);
  const [file] = files;
  assert.match(file?.name ?? '', /^snapshot-\w{19}\.jpg\.age$/);
  // A keyframe is known when the next one comes: the one that was there when it was asked may be taken.
  assert.ok(
    (file?.start ?? 0) >= asked - gopMs - 1000 && (file?.start ?? 0) <= Date.now(),
    'a picture of now',
  );
  const sealed = readFileSync(join(stick, file?.name ?? ''));
  assert.is(sha256(sealed), file?.sha256);
  const { secret } = await readIdentity(join(town.hub, 'identities', 'officer.age'), async () => '');
  const picture = await openBytes(secret, sealed);
  assert.is(picture.readUInt16BE(0), 0xffd8);
  assert.is(picture.readUInt16BE(picture.length - 2), 0xffd9);
  assert.ok(picture.length > 2000);
  await eventually(
    'it is delivered, and gone from the box',
    () => readdirSync(join(town.store, 'snapshots')).length === 0,
  );

  for (const [name, signers] of [
    ['one', ['operator']],
    ['other', ['officer']],
  ] as const) {
    const refused = await apply(snapshotFile(town, folder.path, [...signers]), name);
    assert.is(refused.code, 2);
    assert.match(refused.out, /missing-signature/);
  }
  const curious = await apply(snapshotFile(town, folder.path, both, { purpose: 'controller' }), 'curious');
  assert.is(curious.code, 2);
  assert.match(curious.out, /purpose-not-allowed/);
  assert.match(
    (await apply(snapshotFile(town, folder.path, both, { camera: 'cam-9' }), 'none')).out,
    /unknown-camera/,
  );
  assert.equal(await agent.stop(), { code: 0, signal: null });

  // With nobody looking through the camera there is no picture, and the command is not spent.
  const later = snapshotFile(town, folder.path, both);
  const stopped = await apply(later, 'stopped');
  assert.is(stopped.code, 69, stopped.out);
  assert.match(stopped.err, /while it runs/);
  await using again = startAgent(town);
  await again.recording();
  const taken = await apply(later, 'started');
  assert.is(taken.code, 0, taken.err);
});
