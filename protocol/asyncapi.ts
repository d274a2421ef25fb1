import { z } from 'zod';
import { commandSchema } from './command.ts';
import { envelopeSchema, payloadTypes } from './envelope.ts';
import { alertMessage, auditLine, healthMessage, hubAlertMessage, stateMessage } from './messages.ts';
import { policySchema } from './policy.ts';
import { commandStatus } from './status.ts';
import { hubNode, topics } from './topics.ts';

/** What goes over MQTT as an AsyncAPI 3.0 document, made of the schemas that both sides parse with. */

type Who = 'node' | 'hub';

interface Channel {
  name: string;
  address: string;
  from: Who;
  retained: boolean;
  says: string;
  payload: Record<string, unknown>;
  contentType?: string;
}

/** As it is written: instants are text, keys base64. */
const jsonSchema = (schema: z.ZodType): Record<string, unknown> => {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
  return rest;
};

/** A signed envelope, and what its payload holds once decoded. */
const signed = (kind: keyof typeof payloadTypes, schema: z.ZodType): Record<string, unknown> => ({
  ...jsonSchema(envelopeSchema),
  'x-payload-type': payloadTypes[kind],
  'x-payload': jsonSchema(schema),
});
const note = { type: 'string', maxLength: 64 * 1024 };
const node = '{node}';

const channels: readonly Channel[] = [
  {
    name: 'state',
    address: topics.state(node),
    from: 'node',
    retained: true,
    says: 'Birth, and last will.',
    payload: jsonSchema(stateMessage),
  },
  {
    name: 'health',
    address: topics.health(node),
    from: 'node',
    retained: true,
    says: 'How node, cameras and links are.',
    payload: jsonSchema(healthMessage),
  },
  {
    name: 'alert',
    address: topics.alert(node, '{key}'),
    from: 'node',
    retained: true,
    says: 'A condition made known; empty once it is forgotten.',
    payload: jsonSchema(alertMessage),
  },
  {
    name: 'event',
    address: topics.event(node),
    from: 'node',
    retained: false,
    says: 'One line of the log, in order, byte for byte.',
    payload: jsonSchema(auditLine),
  },
  {
    name: 'checkpoint',
    address: topics.checkpoint(node),
    from: 'node',
    retained: false,
    says: 'The signed head of the log: C2SP tlog-checkpoint.',
    payload: note,
    contentType: 'text/plain',
  },
  {
    name: 'cosignature',
    address: topics.cosignature(node),
    from: 'hub',
    retained: false,
    says: 'The head with the hub’s cosignature, and the hub’s statement.',
    payload: note,
    contentType: 'text/plain',
  },
  {
    name: 'command',
    address: topics.command(node),
    from: 'hub',
    retained: false,
    says: 'What the node is to do, signed by persons.',
    payload: signed('command', commandSchema),
  },
  {
    name: 'commandStatus',
    address: topics.commandStatus(node, '{id}'),
    from: 'node',
    retained: true,
    says: 'What the node answers; emptied by the hub when the case is closed.',
    payload: signed('status', commandStatus),
  },
  {
    name: 'hubState',
    address: topics.hubState,
    from: 'hub',
    retained: true,
    says: 'Birth and last will of the hub.',
    payload: jsonSchema(stateMessage),
  },
  {
    name: 'hubAlert',
    address: topics.alert(hubNode, '{key}'),
    from: 'hub',
    retained: true,
    says: 'What the hub makes of the alerts of all nodes: one for a relay and everything behind it.',
    payload: jsonSchema(hubAlertMessage),
  },
  {
    name: 'hubPolicy',
    address: topics.hubPolicy,
    from: 'hub',
    retained: true,
    says: 'The policy in force, signed by the roots; a step towards it, for a node that missed one, is not retained.',
    payload: signed('policy', policySchema),
  },
];

/** Says what a node sends and receives; the hub does the opposite. */
export function asyncApi(version: string): Record<string, unknown> {
  const parameters = (address: string) =>
    Object.fromEntries(
      [...address.matchAll(/\{(\w+)\}/g)].map(([, name]) => [name, { description: described[name ?? ''] }]),
    );
  return {
    asyncapi: '3.0.0',
    info: {
      title: 'Peio edge agent',
      version,
      description: `What nodes and the hub (\`${hubNode}\`) say to each other over MQTT 5. Made of the schemas in this folder.`,
    },
    defaultContentType: 'application/json',
    channels: Object.fromEntries(
      channels.map(({ name, address }) => [
        name,
        {
          address,
          parameters: parameters(address),
          messages: { [name]: { $ref: `#/components/messages/${name}` } },
        },
      ]),
    ),
    operations: Object.fromEntries(
      channels.map(({ name, from, retained, says }) => [
        `${from === 'node' ? 'send' : 'receive'}${name[0]?.toUpperCase()}${name.slice(1)}`,
        {
          action: from === 'node' ? 'send' : 'receive',
          channel: { $ref: `#/channels/${name}` },
          summary: says,
          bindings: { mqtt: { qos: 1, retain: retained, bindingVersion: '0.2.0' } },
        },
      ]),
    ),
    components: {
      messages: Object.fromEntries(
        channels.map(({ name, payload, contentType }) => [
          name,
          { name, ...(contentType ? { contentType } : {}), payload },
        ]),
      ),
    },
  };
}

const described: Record<string, string> = {
  node: 'a site or a relay, such as site-09',
  key: '<condition>.<subject>',
  id: 'of the command; sha256-… for one that was not believed',
};
