import { cpSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { topics } from '#protocol/topics.ts';
import { freePort } from '../../deploy/demo/free-port.ts';
import { openClient } from '../../deploy/hub/cli/client.ts';
import { startSimulator } from '../simulator/simulator.ts';
import { ledgerOf, startAgent, startHub } from '../support/agent-child.ts';
import { opensslProgram, testAuthority } from '../support/certificates.ts';
import { runProgram } from '../support/child-program.ts';
import { eventually } from '../support/eventually.ts';
import { suite } from '../support/suite.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { makeTown } from '../support/town.ts';
import { type Caller, call, noTownBroker, townBroker } from '../support/town-broker.ts';

const test = suite("a town over its own broker's one door", { timeoutMs: 240_000 });
const why = noTownBroker ?? (opensslProgram === undefined ? 'openssl is not installed' : undefined);

if (why !== undefined) test.skip('agent and hub', why);
else
  test('agent and hub: alive, witnessed, obeyed, delivered, closed; and an intruder hears none of it', async () => {
    using folder = temporaryFolder();
    await using opened = new AsyncDisposableStack();
    const authority = testAuthority(join(folder.path, 'ca'));
    const broker = await townBroker(join(folder.path, 'broker'), authority);
    opened.defer(() => broker.stop());
    await using simulator = await startSimulator({ cameras: [{ path: '/cam-1', frameRate: 40 }] });
    const port = await freePort();
    const town = await makeTown(folder.path, {
      mqtt: broker.url,
      upload: `https://127.0.0.1:${port}/upload`,
      listen: `127.0.0.1:${port}`,
      cameras: [{ id: 'cam-1', rtsp: simulator.camera('/cam-1').url }],
    });
    // As the files that `hub init` wrote name them.
    const node = authority.issue(town.node);
    const hub = authority.issue('hub', { addresses: ['127.0.0.1'] });
    for (const [from, to] of [
      [authority.ca, join(town.box, 'ca.crt')],
      [node.cert, join(town.box, `${town.node}.crt`)],
      [node.key, join(town.box, `${town.node}.key`)],
      [authority.ca, join(town.hub, 'ca.crt')],
      [hub.cert, join(town.hub, 'hub.crt')],
      [hub.key, join(town.hub, 'hub-tls.key')],
    ] as const)
      cpSync(from, to);

    const entered = await call(broker, authority.ca, authority.issue('site-05'), { clientId: 'site-05' });
    if (entered instanceof Error) throw entered;
    const intruder: Caller = entered;
    opened.defer(() => intruder.close());
    await intruder.subscribe('#').catch(() => 128);

    await using _serving = await startHub(town);
    await using agent = startAgent(town);
    await agent.recording();
    assert.is((await agent.status())?.health.mqtt.protocol, '5');
    const first = await eventually('a sealed segment', () =>
      ledgerOf(town, 'cam-1').find(({ kind }) => kind === 'segment'),
    );
    const from = new Date(first.start).toISOString();
    const to = new Date(first.end).toISOString();

    const say = async (...args: string[]): Promise<string> => {
      const { code, out, err } = await runProgram('deploy/hub/main.ts', [...args, '--hub', town.hub]);
      assert.is(code, 0, `hub ${args[0]}: ${err}`);
      return out.trim();
    };
    const what = ['--node', town.node, '--camera', 'cam-1', '--from', from, '--to', to];
    const request = await say(
      ...['request', '--protocol', '77/2026', '--date', '2026-01-16', '--authority', 'Carabinieri di Cogolo'],
      ...[
        '--person',
        'Mario Rossi, maresciallo',
        '--purpose',
        'judicial-police',
        '--reason',
        'furto',
        ...what,
      ],
    );
    const { id } = JSON.parse(await say('extract', '--request', request)) as { id: string };
    await say('authorise', id, '--yes');
    await say('follow', id);
    await say('close', id);

    assert.is((await agent.stop()).code, 0);
    const { get } = openClient(town.hub);
    await eventually('the hub to have heard that it went', async () => {
      const { nodes } = await get('GET /status');
      return nodes.some(({ id: name, state }) => name === town.node && state === 'offline');
    });
    const own = [topics.hubState, topics.hubPolicy];
    await eventually('the hub', () => intruder.heard.some(({ topic }) => topic === topics.hubPolicy));
    assert.equal(
      intruder.heard.filter(({ topic }) => !own.includes(topic as never)),
      [],
    );
  });
