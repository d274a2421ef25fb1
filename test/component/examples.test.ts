import { readFileSync } from 'node:fs';
import * as assert from 'uvu/assert';
import { embeddedBroker } from '../support/brokers.ts';
import { startProgram } from '../support/child-program.ts';
import { eventually } from '../support/eventually.ts';
import { suite } from '../support/suite.ts';
import { tapWire } from '../support/wire-tap.ts';

const test = suite('examples for other programs');
/** What an agent and a hub once said to each other. */
const { node, messages } = JSON.parse(
  readFileSync(new URL('../vectors/recorded/0.1.0.json', import.meta.url), 'utf8'),
) as { node: string; messages: { topic: string; payload: string }[] };
const about = (kind: string) => messages.filter(({ topic }) => topic.startsWith(`peio/v1/${node}/${kind}`));

test('watch-town.ts prints what a node says, and nothing that no schema takes', async () => {
  const broker = await embeddedBroker();
  await using opened = new AsyncDisposableStack();
  opened.defer(() => broker.close());
  await using tap = await tapWire(broker.url);
  const [state] = about('state');
  // Retained: the example learns of it whenever it subscribes.
  await tap.say(`peio/v1/${node}/state`, state?.payload as string, true);
  await using program = startProgram('deploy/examples/watch-town.ts', [broker.url]);
  await eventually('the state', () => program.out().includes(`${node}  online`), 30_000);

  await tap.say(`peio/v1/${node}/health`, '{"at":"never"}');
  await tap.say(`peio/v1/${node}/health`, 'no JSON');
  await tap.say(`peio/v1/${node}/command/x/status`, '{}');
  for (const { topic, payload } of [...about('health'), ...about('alert')]) await tap.say(topic, payload);
  const expected = 1 + about('health').length + about('alert').length;
  await eventually('every line', () => program.out().split('\n').length > expected);
  const lines = program.out().trim().split('\n');
  assert.is(lines.length, expected);
  for (const line of lines)
    assert.match(
      line,
      /^site-01 {2}(?:online|\d of \d cameras record, clock \w+|[\w.-]+ (?:raised|cleared) \(\w+\).*)$/,
    );
  assert.ok(
    lines.some((line) => line.includes('1 of 1 cameras record')),
    program.out(),
  );
  assert.is(program.err(), '');
});
