import * as assert from 'uvu/assert';
import { type AgentChild, startAgent, startHub } from '../support/agent-child.ts';
import { giveWaysOut, hookServer } from '../support/alarm-town.ts';
import { watchAlarms } from '../support/alarm-watch.ts';
import { embeddedBroker, mosquittoBroker, mosquittoProgram } from '../support/brokers.ts';
import { eventually } from '../support/eventually.ts';
import { mailServer } from '../support/mail-server.ts';
import { makeNodes } from '../support/nodes-town.ts';
import { suite } from '../support/suite.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { tapWire } from '../support/wire-tap.ts';

const minute = 60_000;
const test = suite('fault table: the town', { timeoutMs: 15 * minute });
const key = 'chiave-del-webhook-0123456789';

test('all nodes silent at once, a way out that fails: one alarm each, and no letter of a single node', async () => {
  using folder = temporaryFolder();
  await using opened = new AsyncDisposableStack();
  const broker = mosquittoProgram ? await mosquittoBroker(folder.path) : await embeddedBroker();
  opened.defer(() => broker.close());
  await using mail = await mailServer();
  await using hook = await hookServer(key);
  const ids = ['relay-b', 'relay-c', 'site-02', 'site-12', 'site-13'];
  const uplinks: Record<string, string> = {
    'site-02': 'relay-c',
    'site-12': 'relay-b',
    'site-13': 'relay-b',
  };
  const town = await makeNodes(folder.path, {
    mqtt: broker.url,
    nodes: ids.map((id) => ({
      id,
      role: id.startsWith('relay') ? 'relay' : 'site',
      name: `Luogo ${id}`,
      ...(uplinks[id] ? { uplink: uplinks[id] } : {}),
    })),
  });
  giveWaysOut(
    town.hub,
    {
      mail: {
        server: `smtp://127.0.0.1:${mail.port}`,
        from: 'telecamere@comune.example',
        to: ['manutentore@comune.example'],
      },
      webhook: { url: hook.url, key: 'secrets/hook' },
    },
    { hook: key },
  );
  await using hub = await startHub({ ...town.box('site-02'), hub: town.hub, box: '' });
  await using tap = await tapWire(broker.url);
  const watch = watchAlarms(tap);
  const agents = new Map<string, AgentChild>();
  const start = async (): Promise<void> => {
    for (const id of ids) agents.set(id, opened.use(startAgent(town.box(id))));
    for (const [id, agent] of agents)
      await eventually(
        `${id} to be connected`,
        async () => (await agent.status())?.health.mqtt.connected,
        2 * minute,
      );
  };
  await start();
  hook.status = 503;
  await Promise.all([
    watch.fault({
      cause: 'all nodes silent at once',
      alarm: 'hub.all-silent',
      says: 'broker',
      inject: async () => {
        for (const agent of agents.values()) agent.signal('SIGKILL');
        for (const agent of agents.values()) await agent.exit;
      },
      limitMs: 3 * minute,
      clearedBy: 'the first that returns',
      mend: start,
      clearLimitMs: 3 * minute,
    }),
    watch.fault({
      cause: 'a webhook that refuses',
      alarm: 'hub.delivery-failed.webhook',
      says: 'risponde 503',
      inject: () => {},
      limitMs: 6 * minute,
      clearedBy: 'its taking again',
      mend: () => {
        hook.status = 204;
      },
      clearLimitMs: 5 * minute,
    }),
  ]);
  watch.print();
  assert.equal(watch.others(), []);
  const subjects = mail.mails.map(({ headers }) => headers['subject'] ?? '');
  assert.ok(subjects.some((subject) => subject.includes('nessun nodo risponde')));
  assert.equal(
    subjects.filter((subject) => subject.includes('nodo muto')),
    [],
  );
  await eventually('what the webhook refused to be there', () => hook.calls.length > 0, minute);
  for (const [id, agent] of agents) assert.equal(await agent.stop(), { code: 0, signal: null }, id);
  assert.equal(await hub.stop(), { code: 0, signal: null });
});
