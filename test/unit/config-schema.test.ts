import { readFileSync } from 'node:fs';
import * as assert from 'uvu/assert';
import { parse } from 'yaml';
import { z } from 'zod';
import { agentConfig } from '../../deploy/hub/setup/agent-config.ts';
import { readSites } from '../../deploy/hub/setup/sites.ts';
import { suite } from '../support/suite.ts';
import { editorSchemaFile, editorSchemaText } from './config-schema-make.ts';

const test = suite('agent.schema.json');
const text = readFileSync(editorSchemaFile, 'utf8');
const schema = z.fromJSONSchema(JSON.parse(text));
const sites = readSites();
const configOf = (id: string) =>
  parse(agentConfig(sites, sites.nodes.find((node) => node.id === id) as never));
const codes = (config: unknown): string[] =>
  schema.safeParse(config).error?.issues.map(({ path, code }) => `${path.join('.')}: ${code}`) ?? [];

test('is what the schema makes: after a change run node test/unit/config-schema-make.ts', () => {
  assert.ok(text === editorSchemaText(), 'agent.schema.json is not current');
});

test('takes what the town hall writes for every node', () => {
  for (const node of sites.nodes) assert.equal(codes(configOf(node.id)), [], node.id);
});

test('sees a misspelt key, a duration of nothing and an address of another kind', () => {
  const config = configOf('site-01');
  const wrong = {
    ...config,
    camaras: [],
    store: { ...config.store, retention: 'a week' },
    mqtt: { ...config.mqtt, url: 'https://broker' },
  };
  assert.equal(codes(wrong).sort(), [
    ': unrecognized_keys',
    'mqtt.url: invalid_format',
    'store.retention: invalid_format',
  ]);
});

test('a disk of its own, named in the list of sites, is expected by the agent', () => {
  const node = { ...sites.nodes[0]!, mount: '/var/lib/peio-agent' };
  assert.is(parse(agentConfig(sites, node)).store.mount, '/var/lib/peio-agent');
  assert.is(parse(agentConfig(sites, sites.nodes[0]!)).store.mount, undefined);
});
