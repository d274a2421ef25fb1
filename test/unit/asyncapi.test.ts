import { readFileSync } from 'node:fs';
import * as assert from 'uvu/assert';
import { parse } from 'yaml';
import { parseTopic } from '#protocol/topics.ts';
import { suite } from '../support/suite.ts';
import { asyncApiFile, asyncApiText } from './asyncapi-make.ts';

const test = suite('asyncapi.yaml');

test('is what the schemas make: after a change run node test/unit/asyncapi-make.ts', () => {
  assert.ok(readFileSync(asyncApiFile, 'utf8') === asyncApiText(), 'asyncapi.yaml is not current');
});

test('names every topic that is understood, and its references lead somewhere', () => {
  const document = parse(readFileSync(asyncApiFile, 'utf8'));
  const kinds = Object.values<{ address: string }>(document.channels).map(({ address }) => {
    const topic = address.replace('{node}', 'site-01').replace('{key}', 'k').replace('{id}', 'i');
    return parseTopic(topic)?.kind;
  });
  const all = [
    'alert',
    'checkpoint',
    'command',
    'command-status',
    'cosignature',
    'event',
    'health',
    'policy',
  ];
  assert.equal([...new Set(kinds)].sort(), [...all, 'state']);
  const references = JSON.stringify(document).match(/"#\/[^"]+"/g) ?? [];
  assert.ok(references.length >= 20);
  for (const reference of references) {
    const path = JSON.parse(reference).slice(2).split('/');
    const found = path.reduce((at: Record<string, unknown>, name: string) => at?.[name], document);
    assert.ok(found, reference);
  }
  const types = document.components.messages.command.payload['x-payload'];
  const named = types.oneOf.map(
    (one: { properties: { type: { const: string } } }) => one.properties.type.const,
  );
  assert.equal(named, ['extract', 'hold', 'release', 'snapshot', 'probe']);
});
