// Prints what nodes say of themselves, a line each:
//     node_modules/.bin/node deploy/examples/watch-town.ts mqtt://127.0.0.1:1883
//
// For whoever wants the state of cameras in another program. Reads three topics, writes none, and believes a message
// only once the schema of protocol/asyncapi.yaml has taken it. Over TLS give PEM files: --ca, --cert, --key.
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { connect } from 'mqtt';
import { wholeHealth } from '#protocol/brief-health.ts';
import { alertMessage, type Health, healthMessage, stateMessage } from '#protocol/messages.ts';
import { parseTopic } from '#protocol/topics.ts';

const file = { type: 'string' } as const;
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { ca: file, cert: file, key: file },
});
const [url] = positionals;
if (url === undefined) throw new Error('the address of the broker is missing, such as mqtt://127.0.0.1:1883');
const tls = Object.fromEntries(Object.entries(values).map(([name, path]) => [name, readFileSync(path)]));

const client = connect(url, tls);
/** A brief message leaves out what has not changed since the last whole one. */
const last = new Map<string, Health>();

client.on('connect', () => {
  client.subscribe(['peio/v1/+/state', 'peio/v1/+/health', 'peio/v1/+/alert/+'], { qos: 1 });
});
client.on('error', (error) => process.stderr.write(`${error.message}\n`));
client.on('message', (topic, payload) => {
  const about = parseTopic(topic);
  if (about === undefined) return;
  let said: unknown;
  try {
    said = JSON.parse(payload.toString());
  } catch {
    return;
  }
  const print = (words: string): void => void process.stdout.write(`${about.node}  ${words}\n`);
  if (about.kind === 'state') {
    const { success, data } = stateMessage.safeParse(said);
    if (success) print(data.state);
  } else if (about.kind === 'alert') {
    const { success, data } = alertMessage.safeParse(said);
    if (success) print(`${data.key} ${data.state} (${data.severity}) ${data.detail}`.trimEnd());
  } else if (about.kind === 'health') {
    const { success, data } = healthMessage.safeParse(said);
    if (!success) return;
    const health = wholeHealth(last.get(about.node), data);
    last.set(about.node, health);
    const cameras = health.cameras ?? [];
    const recording = cameras.filter(({ state }) => state === 'recording').length;
    print(`${recording} of ${cameras.length} cameras record, clock ${health.clock.state}`);
  }
});
