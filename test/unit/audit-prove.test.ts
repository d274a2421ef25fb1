import { generateKeyPairSync } from 'node:crypto';
import * as assert from 'uvu/assert';
import { openAudit } from '#agent/audit/audit.ts';
import { cosignCheckpoint, verifyCosigned } from '#protocol/checkpoint.ts';
import { publicKeyOf } from '#protocol/key.ts';
import { verifyLineProof } from '#protocol/proof.ts';
import { codeThrown } from '../support/code-thrown.ts';
import { fakeClock } from '../support/fake-clock.ts';
import { memoryDisk } from '../support/memory-disk.ts';
import { suite } from '../support/suite.ts';

const test = suite('audit proofs');
const key = generateKeyPairSync('ed25519').privateKey;
const hubKey = generateKeyPairSync('ed25519').privateKey;
const policy = { hash: 'ab'.repeat(32), version: 1 };

/** A log over three months, `count` lines in each. */
async function log(count: number) {
  const clock = fakeClock(Date.UTC(2026, 0, 31));
  const audit = await openAudit({
    files: memoryDisk(() => 0).files,
    clock,
    folder: '/audit',
    node: 'site-09',
    key,
  });
  for (const _ of [1, 2, 3]) {
    for (let i = 0; i < count; i++) await audit.append('line', { i });
    clock.stepUtc(30 * 86_400_000);
  }
  return audit;
}

test('any line is proved under the signed head, to somebody who has nothing else', async () => {
  for (const count of [1, 2, 5, 11]) {
    const audit = await log(count);
    for (let seq = 1; seq <= 3 * count; seq++) {
      const proof = await audit.prove(seq, policy);
      assert.is(verifyLineProof(proof, publicKeyOf(key)).line.seq, seq);
    }
    await audit.close();
  }
});

test('a line of the months that remain is proved when earlier months are gone', async () => {
  for (const count of [3, 4, 7]) {
    const audit = await log(count);
    const { note } = (await audit.checkpoint(policy))!;
    const statement = { policyVersion: 1, registerSize: 0, registerHead: '0'.repeat(64) };
    const answer = cosignCheckpoint('site-09', note, statement, hubKey, Date.UTC(2026, 3));
    await audit.takeCosigned(verifyCosigned('site-09', answer, publicKeyOf(key), publicKeyOf(hubKey)));
    assert.equal(await audit.expire(Date.UTC(2026, 2, 15)), ['2026-01']);
    assert.is(await codeThrown(() => audit.prove(count, policy)), 'audit-expired');
    for (let seq = count + 1; seq <= 3 * count; seq++)
      assert.is(verifyLineProof(await audit.prove(seq, policy), publicKeyOf(key)).line.seq, seq);
    await audit.close();
  }
});

test('a proof for another line, another head or another node proves nothing', async () => {
  const audit = await log(4);
  const proof = await audit.prove(6, policy);
  const node = publicKeyOf(key);
  const refused = (change: object) => codeThrown(() => verifyLineProof({ ...proof, ...change }, node));
  assert.is(await refused({}), undefined);
  assert.is(await refused({ seq: 7 }), 'proof-invalid');
  assert.is(await refused({ line: proof.line.replace('"i":1', '"i":2') }), 'proof-invalid');
  assert.is(await refused({ path: proof.path.slice(1) }), 'proof-invalid');
  assert.is(await refused({ size: 11 }), 'proof-invalid');
  assert.is(await refused({ node: 'site-10' }), 'note-signature');
  const other = await log(5);
  assert.is(await refused({ checkpoint: (await other.checkpoint(policy))!.note }), 'proof-invalid');
  await other.close();
  await audit.close();
});
