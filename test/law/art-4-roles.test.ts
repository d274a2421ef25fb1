// Art. 4: the controller names who is responsible, one officer per structure; each officer names the operators. Roles
// stand in a signed policy, and a key may do what its role may, where it may.
import * as assert from 'uvu/assert';
import { verifyPolicy } from '#protocol/policy.ts';
import { codeThrown } from '../support/code-thrown.ts';
import { obeyingNode } from '../support/obeying-node.ts';
import { signedWorld } from '../support/signed-world.ts';
import { suite } from '../support/suite.ts';

const test = suite('Art. 4: who may do what');
const world = signedWorld();
const { operator, officer, officer2, maintainer, root, node } = world.keys;

test('c. 1: the controller names: only the roots sign a policy', async () => {
  const next = world.policyPayload({ version: 2 });
  for (const signer of [operator, officer, maintainer, node, world.keys.hub])
    assert.is(
      await codeThrown(() => verifyPolicy(world.signPolicy(next, [signer]), world.trust, world.policy)),
      'policy-signature',
    );
  assert.is(verifyPolicy(world.signPolicy(next, [root]), world.trust, world.policy).version, 2);
});

test('c. 2: an officer acts for the structure he is responsible for, and for no other', async () => {
  const box = await obeyingNode(world);
  const byOther = world.extract({ officer: world.idOf(officer2) });
  assert.is(await box.order(byOther, [operator, officer2]), 'missing-signature');
  const there = await obeyingNode(world, { node: 'site-10' });
  const own = world.extract({ node: 'site-10', officer: world.idOf(officer2) });
  assert.is(await there.order(own, [operator, officer2]), 'accepted');
  await box.close();
  await there.close();
});

test('c. 3: footage is given out only when operator and officer, two persons, ordered it', async () => {
  const box = await obeyingNode(world);
  const as = (operatorKey: typeof operator, officerKey: typeof officer) =>
    world.extract({ operator: world.idOf(operatorKey), officer: world.idOf(officerKey) });
  assert.is(await box.order(as(operator, officer), [operator]), 'missing-signature');
  assert.is(await box.order(as(operator, officer), [officer]), 'missing-signature');
  assert.is(await box.order(as(operator, operator), [operator]), 'missing-signature');
  assert.is(await box.order(as(officer, operator), [operator, officer]), 'missing-signature');
  assert.is(await box.order(as(maintainer, officer), [maintainer, officer]), 'missing-signature');
  assert.is(await box.order(as(operator, maintainer), [operator, maintainer]), 'missing-signature');
  // The root has no part in daily work: its signature is not even one.
  assert.is(await box.order(as(root, officer), [root, officer]), 'bad-signature');
  assert.equal(box.done, []);
  assert.is(await box.order(as(operator, officer), [operator, officer]), 'accepted');
  await box.close();
});

test('c. 3: no policy can make one person both, or do without one of them', async () => {
  const person = (name: string, role: 'operator' | 'officer', key: typeof operator) => {
    const entry = world
      .policyPayload()
      .persons.flatMap(({ keys }) => keys)
      .find(({ keyid }) => keyid === world.idOf(key));
    return { name, keys: [{ ...entry!, role }] };
  };
  const [rootEntry] = world.policyPayload().persons;
  const twice = [
    rootEntry!,
    {
      name: 'Anna',
      keys: [...person('', 'operator', operator).keys, ...person('', 'officer', officer).keys],
    },
  ];
  const unsound = (change: object) =>
    codeThrown(() =>
      verifyPolicy(
        world.signPolicy(world.policyPayload({ version: 2, ...change })),
        world.trust,
        world.policy,
      ),
    );
  assert.is(await unsound({ persons: twice }), 'policy-unsound');
  const thresholds = world.policyPayload().thresholds;
  for (const act of ['extract', 'hold', 'release', 'snapshot'] as const)
    for (const needed of [{ operator: 1 }, { officer: 1 }, { operator: 2 }])
      assert.is(await unsound({ thresholds: { ...thresholds, [act]: needed } }), 'policy-unsound');
});

test('c. 1: the maintainer orders nothing, not even a look at health', async () => {
  const box = await obeyingNode(world);
  const probe = world.probe({ operator: world.idOf(maintainer) });
  assert.is(await box.order(probe, [maintainer]), 'missing-signature');
  await box.close();
});
