// Art. 9 c. 1 f (and D.Lgs. 51/2018 art. 21): every request is noted with its outcome, refusals included. At a box that
// is the log: no order runs, and none is refused, without its line.
import * as assert from 'uvu/assert';
import { eventually } from '../support/eventually.ts';
import { obeyingNode } from '../support/obeying-node.ts';
import { signedWorld } from '../support/signed-world.ts';
import { suite } from '../support/suite.ts';

const test = suite('Art. 9 c. 1: whatever is asked of a node is in its log');
const world = signedWorld();

test('f: what was done and what was refused, with when, for what, on which request and by whose keys', async () => {
  const box = await obeyingNode(world);
  const done = world.extract();
  const refused = world.hold({ purpose: 'defence' });
  assert.is(await box.order(done), 'accepted');
  assert.is(await box.order(refused), 'purpose-not-allowed');
  await eventually('the outcome', async () =>
    (await box.lines()).some((line) => line.includes('command-done')),
  );
  const lines = (await box.lines()).map((line) => JSON.parse(line));
  const of = (id: string, kind: string) => lines.find((line) => line.id === id && line.kind === kind);
  for (const [order, kind] of [
    [done, 'command-accepted'],
    [refused, 'command-refused'],
  ] as const) {
    const { at, type, camera, from, to, purpose, request, operator, officer } = of(order.id, kind);
    assert.ok(Date.parse(at) > 0);
    assert.equal(
      { type, camera, from, to, purpose, request, operator, officer },
      {
        type: order.type,
        camera: order.camera,
        from: order.from,
        to: order.to,
        purpose: order.purpose,
        request: order.request,
        operator: order.operator,
        officer: order.officer,
      },
    );
  }
  assert.is(of(refused.id, 'command-refused').code, 'purpose-not-allowed');
  assert.ok(of(done.id, 'command-done'));
  await box.close();
});

test('f: also what cannot be told from noise leaves its hash', async () => {
  const box = await obeyingNode(world);
  assert.is(await box.order(world.extract(), [world.keys.operator, world.keys.stranger]), 'bad-signature');
  const [line] = await box.lines();
  assert.match(JSON.parse(line!).hash, /^[0-9a-f]{64}$/);
  await box.close();
});
