import * as assert from 'uvu/assert';
import { type AgentChild, startAgent, startHub } from '../support/agent-child.ts';
import { watchAlarms } from '../support/alarm-watch.ts';
import { mosquittoBroker, mosquittoProgram } from '../support/brokers.ts';
import { cutLink } from '../support/cut-link.ts';
import { eventually } from '../support/eventually.ts';
import { makeNodes } from '../support/nodes-town.ts';
import { nutIsThere, startNut } from '../support/nut.ts';
import { suite } from '../support/suite.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { tapWire } from '../support/wire-tap.ts';

const test = suite('fault table: nodes, links, broker', { timeoutMs: 280_000 });
const title =
  'a node, a relay with all behind it, a link, the mains, the broker: one alarm each, and nothing else';

if (mosquittoProgram === undefined) test.skip(title, 'mosquitto is not installed');
else if (!nutIsThere) test.skip(title, 'nut-server is not installed');
else
  test(title, async () => {
    using folder = temporaryFolder();
    await using opened = new AsyncDisposableStack();
    const broker = await mosquittoBroker(folder.path);
    opened.defer(() => broker.close());
    const nutFolder = opened.use(temporaryFolder());
    const nut = opened.use(await startNut(nutFolder.path));
    const far = await cutLink();
    opened.defer(() => far.close());
    const probing = (id: string, to: string, port: number) => [
      { id, to, probe: 'stamp', target: `127.0.0.1:${port}` },
    ];
    const town = await makeNodes(folder.path, {
      mqtt: broker.url,
      nodes: [
        { id: 'relay-c', role: 'relay', name: 'San Rocco' },
        { id: 'site-02', role: 'site', name: 'Peio Fonti CRM', uplink: 'relay-c' },
        { id: 'site-03', role: 'site', name: 'Peio Fonti cassa Park', uplink: 'relay-c' },
        { id: 'site-04', role: 'site', name: 'Park-funivia' },
        {
          id: 'site-05',
          role: 'site',
          name: 'Celentino',
          agent: {
            links: probing('uplink', 'municipio', far.port),
            ups: { server: `127.0.0.1:${nut.address.port}`, name: 'ups' },
          },
        },
      ],
    });
    await using hub = await startHub({ ...town.box('site-04'), hub: town.hub, box: '' });
    await using tap = await tapWire(broker.url);
    const watch = watchAlarms(tap);
    const agents = new Map<string, AgentChild>();
    const start = async (...ids: string[]): Promise<void> => {
      for (const id of ids) agents.set(id, opened.use(startAgent(town.box(id))));
      for (const id of ids)
        await eventually(
          `${id} to be connected`,
          async () => {
            const agent = agents.get(id);
            if (agent?.ended()) throw new Error(`${id} ended: ${agent.err().slice(-2000)}`);
            return (await agent?.status())?.health.mqtt.connected;
          },
          60_000,
        );
    };
    const kill = async (...ids: string[]): Promise<void> => {
      for (const id of ids) agents.get(id)?.signal('SIGKILL');
      for (const id of ids) await agents.get(id)?.exit;
    };
    await start('relay-c', 'site-02', 'site-03', 'site-04', 'site-05');
    await eventually(
      'the link to be measured',
      async () => (await agents.get('site-05')?.status())?.health.links[0]?.state === 'up',
      30_000,
    );

    await Promise.all([
      watch.fault({
        cause: 'agent killed',
        alarm: 'site-04.node-down',
        says: 'Park-funivia',
        inject: () => kill('site-04'),
        // 30 s of its will, and what would explain it.
        limitMs: 90_000,
        clearedBy: 'its start',
        mend: () => start('site-04'),
      }),
      watch.fault({
        cause: 'relay down, two sites behind it',
        alarm: 'relay-c.node-down',
        says: 'San Rocco',
        inject: () => kill('site-02', 'site-03', 'relay-c'),
        limitMs: 90_000,
        clearedBy: 'their start',
        mend: () => start('relay-c', 'site-02', 'site-03'),
      }),
      watch.fault({
        cause: 'link down',
        alarm: 'site-05.link-down.uplink',
        inject: () => far.drop(true),
        limitMs: 90_000,
        clearedBy: 'its return',
        mend: () => far.drop(false),
      }),
      watch.fault({
        cause: 'mains lost',
        alarm: 'site-05.mains-lost.node',
        says: 'manca la corrente',
        inject: () => nut.set('OB DISCHRG', 80, 1200),
        limitMs: 60_000,
        clearedBy: 'mains back',
        mend: () => nut.set('OL CHRG', 81, 1300),
        clearLimitMs: 90_000,
      }),
    ]);
    assert.equal(watch.others(), []);

    // Not heard on the broker's topics while it is away: the hub's own list says it.
    const brokenAt = performance.now();
    await broker.kill();
    await eventually(
      'the hub to say that the broker is away',
      () => hubSays(town.hub, 'hub/broker-down'),
      40_000,
    );
    const raisedSeconds = (performance.now() - brokenAt) / 1000;
    const mendedAt = performance.now();
    await broker.start();
    await eventually(
      'the hub to take it back',
      async () => !(await hubSays(town.hub, 'hub/broker-down')),
      60_000,
    );
    watch.rows.push({
      cause: 'broker down',
      alarm: 'hub.broker-down',
      raisedSeconds,
      clearedBy: 'its start',
      clearedSeconds: (performance.now() - mendedAt) / 1000,
    });
    for (const [id, agent] of agents)
      await eventually(`${id} to be back`, async () => (await agent.status())?.health.mqtt.connected, 60_000);
    watch.print();
    assert.equal(
      watch.others().filter((line) => !line.startsWith('hub.broker-down:')),
      [],
    );
    assert.equal(await hub.stop(), { code: 0, signal: null });
  });

async function hubSays(dir: string, id: string): Promise<boolean> {
  const { openClient } = await import('../../deploy/hub/cli/client.ts');
  const { alarms } = await openClient(dir).get('GET /alarms');
  return alarms.some((alarm) => alarm.id === id && alarm.state === 'unacknowledged-active');
}
