import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { systemClock } from '#agent/platform/clock.ts';
import { freePort } from '../../deploy/demo/free-port.ts';
import type { FleetKnowledge } from '../../deploy/hub/alarms/alarms.ts';
import { openAlertmanager } from '../../deploy/hub/alarms/alertmanager.ts';
import { topologyOf } from '../../deploy/hub/alarms/topology.ts';
import { testAlarms } from '../support/alarms.ts';
import { eventually } from '../support/eventually.ts';
import { findProgram } from '../support/real-parts.ts';
import { suite } from '../support/suite.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const test = suite('Alertmanager', { timeoutMs: 240_000 });
const program = findProgram('prometheus-alertmanager');

interface Known {
  labels: Record<string, string>;
  annotations: Record<string, string>;
  status: { state: string; inhibitedBy: string[] };
}

/** The rule of `deploy/hub/alarms/README.md`. */
const config = `
route: { receiver: nobody }
receivers: [{ name: nobody }]
inhibit_rules:
  - source_matchers: ['explained="no"']
    target_matchers: ['explained="yes"']
    equal: [cause]
`;

const title = 'takes what stands, inhibits what a relay explains by one rule, and hears when it is over';
if (program === undefined) test.skip(title, 'prometheus-alertmanager is not installed');
else
  test(title, async () => {
    using folder = temporaryFolder();
    const port = await freePort();
    writeFileSync(join(folder.path, 'alertmanager.yml'), config);
    const child = spawn(
      program,
      [
        `--config.file=${join(folder.path, 'alertmanager.yml')}`,
        `--storage.path=${join(folder.path, 'data')}`,
        `--web.listen-address=127.0.0.1:${port}`,
        '--cluster.listen-address=',
      ],
      { stdio: 'ignore' },
    );
    const url = `http://127.0.0.1:${port}`;
    const known = async (): Promise<Known[] | undefined> => {
      try {
        return (await (await fetch(`${url}/api/v2/alerts`)).json()) as Known[];
      } catch {
        return undefined; // Not up yet.
      }
    };
    const knowledge: FleetKnowledge = {
      topology: () =>
        topologyOf(
          ['relay-c', 'site-02', 'site-03'],
          [
            { id: 'site-02', uplink: 'relay-c' },
            { id: 'site-03', uplink: 'relay-c' },
          ],
        ),
      linkOf: () => undefined,
      // Everybody has just spoken: nothing waits.
      heardAt: () => systemClock.monotonic(),
    };
    const alarms = testAlarms(folder.path, systemClock, { knowledge });
    const places = { nodes: [{ id: 'relay-c', role: 'relay' as const, name: 'San Rocco', cameras: [] }] };
    const client = openAlertmanager({
      url,
      ca: undefined,
      form: { lang: 'it', zone: 'Europe/Rome', places },
    });
    try {
      await eventually('Alertmanager to answer', known, 30_000);
      for (const node of ['relay-c', 'site-02', 'site-03'])
        await alarms.raise({ node, key: 'node-down', severity: 'critical', detail: 'x', from: 'hub' });
      await alarms.raise({
        node: 'hub',
        key: 'case-overdue.1',
        severity: 'warning',
        detail: 'x',
        from: 'hub',
      });
      const post = () =>
        client.post(alarms.store.book().alarms.values(), alarms.now(), new AbortController().signal);
      await post();
      const heard = await eventually('three alerts', async () => {
        const all = await known();
        return (
          all?.length === 3 && all.filter(({ status }) => status.inhibitedBy.length > 0).length === 2 && all
        );
      });
      const relay = heard.find(({ labels }) => labels['node'] === 'relay-c');
      assert.is(relay?.status.state, 'active');
      assert.equal(relay?.labels, {
        alertname: 'node-down',
        node: 'relay-c',
        place: 'San Rocco (relay-c)',
        severity: 'critical',
        explained: 'no',
        cause: 'relay-c/node-down',
      });
      assert.is(relay?.annotations['summary'], 'nodo muto');
      for (const { labels, status } of heard)
        if (labels['node'] !== 'relay-c') assert.is(status.state, 'suppressed');
      for (const node of ['site-02', 'site-03', 'relay-c']) await alarms.clear(node, 'node-down', 'hub');
      await post();
      await eventually('all of them to be over', async () => (await known())?.length === 0);
    } finally {
      client.close();
      alarms.close();
      child.kill('SIGKILL');
      await new Promise((resolve) => child.once('exit', resolve));
    }
  });
