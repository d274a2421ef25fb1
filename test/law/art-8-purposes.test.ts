// Art. 8 c. 1 a–e and Art. 9 last paragraph: what footage may be asked for is a closed list.
import * as assert from 'uvu/assert';
import { purposes } from '#protocol/purpose.ts';
import { obeyingNode } from '../support/obeying-node.ts';
import { signedWorld } from '../support/signed-world.ts';
import { suite } from '../support/suite.ts';

const test = suite('Art. 8: a closed list of purposes');
const world = signedWorld();

test("c. 1: the five purposes of the article and the controller's own, and no other", async () => {
  assert.equal([...purposes].sort(), [
    'controller',
    'data-subject',
    'defence',
    'judicial-police',
    'public-safety',
    'records-access',
  ]);
  const box = await obeyingNode(world);
  for (const purpose of purposes) assert.is(await box.order(world.extract({ purpose })), 'accepted');
  // Watching of workers (L. 300/1970 art. 4) is none of them, whoever signs for it.
  for (const purpose of ['staff-discipline', 'statistics', 'maintenance', 'Judicial-Police', ''])
    for (const order of [world.extract({ purpose }), world.hold({ purpose })])
      assert.is(await box.order(order), 'purpose-not-allowed');
  for (const purpose of [undefined, null, 1, ['judicial-police']])
    assert.is(await box.order(world.extract({ purpose })), 'malformed');
  await box.close();
});

test('the log says for what purpose each extraction was', async () => {
  const box = await obeyingNode(world);
  await box.order(world.extract({ purpose: 'data-subject' }));
  const [line] = await box.lines();
  assert.is(JSON.parse(line!).purpose, 'data-subject');
  await box.close();
});

test('a still for the maintainer is no way around the list (Art. 6 c. 8)', async () => {
  const box = await obeyingNode(world);
  assert.is(await box.order(world.snapshot()), 'accepted');
  for (const purpose of purposes)
    assert.is(await box.order(world.snapshot({ purpose })), 'purpose-not-allowed');
  assert.is(
    await box.order(world.snapshot({ from: world.extract().from, to: world.extract().to })),
    'malformed',
  );
  const { attending: _, ...alone } = world.snapshot();
  assert.is(await box.order(alone), 'malformed');
  await box.close();
});
