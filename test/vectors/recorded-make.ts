// Writes test/vectors/recorded/<version>.json: everything that an agent and a hub of this version said to each other
// over the life of one case, for later versions to understand. Run once a release: node test/vectors/recorded-make.ts
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import mqtt from 'mqtt';
import { version } from '#agent/platform/node-version.ts';
import { openClient } from '../../deploy/hub/cli/client.ts';
import { startSimulator } from '../simulator/simulator.ts';
import { ledgerOf, startAgent, startHub } from '../support/agent-child.ts';
import { embeddedBroker } from '../support/brokers.ts';
import { commandsOf } from '../support/enrolled-town.ts';
import { eventually } from '../support/eventually.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { makeTown } from '../support/town.ts';

using folder = temporaryFolder();
await using opened = new AsyncDisposableStack();
const broker = await embeddedBroker();
opened.defer(() => broker.close());
await using simulator = await startSimulator({ cameras: [{ path: '/cam-1', frameRate: 40 }] });
const town = await makeTown(folder.path, {
  mqtt: broker.url,
  upload: 'http://127.0.0.1:1/upload',
  listen: '127.0.0.1:0',
  cameras: [{ id: 'cam-1', rtsp: simulator.camera('/cam-1').url }],
});
const said: { topic: string; payload: string; retained: boolean }[] = [];
const listener = await mqtt.connectAsync(broker.url);
opened.defer(() => listener.endAsync());
listener.on('message', (topic, payload, { retain }) =>
  said.push({ topic, payload: payload.toString('utf8'), retained: retain }),
);
await listener.subscribeAsync('peio/v1/#', { qos: 1 });

const { hub, agent, must, root } = commandsOf(town);
await using _serving = await startHub(town);
const { upload } = await openClient(town.hub).get('GET /status');
writeFileSync(town.config, readFileSync(town.config, 'utf8').replace('http://127.0.0.1:1/upload', upload));
const running = startAgent(town);
opened.defer(() => running[Symbol.asyncDispose]());
await running.recording();
const { start, end } = await eventually('a sealed segment', () =>
  ledgerOf(town, 'cam-1').find(({ kind }) => kind === 'segment'),
);
const from = new Date(start).toISOString();
const to = new Date(end).toISOString();
const what = ['--node', town.node, '--camera', 'cam-1', '--from', from, '--to', to];
const request = await must(
  hub(
    ...['request', '--protocol', '77/2026', '--date', '2026-01-16', '--authority', 'Carabinieri di Cogolo'],
    ...['--person', 'Mario Rossi, maresciallo', '--purpose', 'judicial-police', '--reason', 'furto', ...what],
  ),
);
const { id } = JSON.parse(await must(hub('extract', '--request', request))) as { id: string };
await must(hub('authorise', id, '--yes'));
await must(hub('follow', id));
const kept = join(town.hub, 'data', 'cases', id);
const manifest = readFileSync(join(kept, 'manifest.dsse.json'), 'utf8');
const command = readFileSync(join(kept, 'command.dsse.json'), 'utf8');
await simulator.close();
await eventually('an alert of the camera', () => said.some(({ topic }) => topic.includes('/alert/')), 30_000);

// A box that asks for its place, and the answer.
const bundleAt = join(folder.path, 'stick');
await must(hub('ca', 'init'));
const bundle = await must(hub('provision', town.node, '--out', bundleAt));
const box = join(folder.path, 'other', 'agent.yaml');
const asked = join(bundleAt, 'request.json');
await must(agent('enrol', '--bundle', bundle, '--config', box, '--out', asked));
await must(hub('enrol', asked, '--out', bundleAt, ...root, '--yes', '--no-secrets'));
await running.stop();

const secret = (name: string): string => readFileSync(join(town.box, 'secrets', name), 'utf8');
const recorded = {
  version,
  at: new Date().toISOString(),
  node: town.node,
  // Its public half is in the first policy; that policy is the first hub/policy.
  root: readFileSync(join(town.hub, 'root.pub'), 'utf8'),
  case: { id, command, manifest },
  enrolment: {
    request: readFileSync(asked, 'utf8'),
    answer: readFileSync(join(bundleAt, `${town.node}.answer.json`), 'utf8'),
  },
  messages: said,
};
if (JSON.stringify(recorded).includes(secret('node-key').split('\n')[1] as string))
  throw new Error('a private key was recorded');
const file = join(import.meta.dirname, 'recorded', `${version}.json`);
writeFileSync(file, `${JSON.stringify(recorded, null, 2)}\n`);
const kinds = new Set(said.map(({ topic }) => topic.split('/').slice(3).join('/')));
process.stdout.write(`${file}: ${said.length} messages: ${[...kinds].sort().join(' ')}\n`);
process.stdout.write(`${readdirSync(kept).join(' ')}\n`);
process.exit(0);
