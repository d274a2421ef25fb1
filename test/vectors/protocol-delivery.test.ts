// What a node and the town hall sign of one delivery, as somebody else would read it.
import * as assert from 'uvu/assert';
import { verifyCommand } from '#protocol/command.ts';
import { codeOf } from '#protocol/failure.ts';
import { verifyPolicy } from '#protocol/policy.ts';
import { isDelivered } from '../../deploy/hub/cases/case.ts';
import { requireManifestOf, verifyManifest } from '../../deploy/hub/cases/manifest.ts';
import { verifyStatus } from '../../deploy/hub/cases/status.ts';
import { proofSchema, verifyProof } from '../../deploy/hub/logs/proof.ts';
import { verifyContents } from '../../deploy/hub/viewing/contents.ts';
import { suite } from '../support/suite.ts';
import { vector, vectorKey } from '../support/vector.ts';

const test = suite('delivery vectors');
const { keys, policy: envelope, command: order, cases } = vector('delivery');
const policy = verifyPolicy(Buffer.from(envelope), { roots: [vectorKey(keys.root)], threshold: 1 });
const { command } = verifyCommand(Buffer.from(order), policy);
const [node, hub] = [vectorKey(keys.node), vectorKey(keys.hub)];

const readers: Record<string, (value: string) => void> = {
  manifest: (value) => {
    if (!isDelivered(command)) throw new Error('the command of the vectors delivers nothing');
    requireManifestOf(command, verifyManifest(Buffer.from(value), node));
  },
  status: (value) => {
    assert.is(verifyStatus(Buffer.from(value), node).id, command.id);
  },
  proof: (value) => {
    const { line } = verifyProof(proofSchema.parse(value), { node, hub }, 1);
    assert.is(line['id'], command.id);
  },
  contents: (value) => {
    assert.is(verifyContents(value, hub).case, command.id);
  },
};

for (const { name, of, code, value } of cases as { name: string; of: string; code?: string; value: string }[])
  test(`${of}: ${name}`, () => {
    let found: string | undefined;
    try {
      readers[of]?.(value);
    } catch (error) {
      found = codeOf(error);
      if (code === undefined) throw error;
    }
    assert.is(found, code);
  });

test('there is something good and something bad of each', () => {
  for (const of of Object.keys(readers)) {
    const mine = (cases as { of: string; code?: string }[]).filter((one) => one.of === of);
    assert.ok(mine.some(({ code }) => code === undefined) && mine.some(({ code }) => code !== undefined), of);
  }
});
