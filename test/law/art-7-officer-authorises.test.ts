// Art. 7: images are seen or copied only on a written request, and the officer's authorisation; the persons it names
// are known at the town hall, not in the boxes.
import * as assert from 'uvu/assert';
import { obeyingNode } from '../support/obeying-node.ts';
import { signedWorld } from '../support/signed-world.ts';
import { suite } from '../support/suite.ts';

const test = suite('Art. 7 c. 3–4: a written request, and the officer authorises');
const world = signedWorld();

test('c. 3: without a reference to a written request there is no extraction and no hold', async () => {
  const box = await obeyingNode(world);
  for (const make of [world.extract, world.hold]) {
    const { request, ...without } = make();
    assert.is(await box.order(without), 'malformed');
    for (const field of Object.keys(request))
      assert.is(await box.order({ ...without, request: { ...request, [field]: undefined } }), 'malformed');
    assert.is(await box.order({ ...without, request: { ...request, protocol: '' } }), 'malformed');
  }
  assert.equal(box.done, []);
  await box.close();
});

test("c. 4: the officer's signature is the authorisation", async () => {
  const box = await obeyingNode(world);
  const { operator, officer } = world.keys;
  const extract = world.extract();
  assert.is(await box.order(extract, [operator]), 'missing-signature');
  assert.is(await box.order(extract, [operator, officer]), 'accepted');
  await box.close();
});

test('c. 3: a box and its log know the request by number and hash, and no person by name', async () => {
  const box = await obeyingNode(world);
  await box.order(world.extract());
  await box.order(world.extract(), [world.keys.operator]);
  const lines = await box.lines();
  const accepted = JSON.parse(lines.find((line) => line.includes('command-accepted'))!);
  assert.equal(accepted.request, world.extract().request);
  assert.equal(
    [accepted.operator, accepted.officer],
    [world.idOf(world.keys.operator), world.idOf(world.keys.officer)],
  );
  // As a word: four letters can stand in the base64 of a signature by chance.
  for (const { name } of world.policy.persons)
    assert.not.match(box.disk(), new RegExp(`(?<![\\w+/])${name}(?![\\w+/])`));
  // There is no place for one: a command with a name in it is refused.
  for (const extra of [
    { authority: 'Carabinieri' },
    { persons: ['Maresciallo Bianchi'] },
    { reason: 'furto' },
  ])
    assert.is(await box.order({ ...world.extract(), ...extra }), 'malformed');
  assert.is(
    await box.order({ ...world.extract(), request: { ...world.extract().request, name: 'Bianchi' } }),
    'malformed',
  );
  await box.close();
});
