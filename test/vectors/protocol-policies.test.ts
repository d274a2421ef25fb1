import * as assert from 'uvu/assert';
import { verifyPolicy } from '#protocol/policy.ts';
import { codeThrown } from '../support/code-thrown.ts';
import { suite } from '../support/suite.ts';
import { vector, vectorKey } from '../support/vector.ts';

const test = suite('policy vectors');
const { keys, inForce, cases } = vector('policies');
const trust = { roots: [vectorKey(keys.root)], threshold: 1 };

for (const { name, message, fresh, code } of cases)
  test(`${code ?? 'taken'}: ${name}`, async () => {
    const before = fresh ? undefined : verifyPolicy(Buffer.from(inForce), trust);
    assert.is(await codeThrown(() => verifyPolicy(Buffer.from(message), trust, before)), code);
  });
