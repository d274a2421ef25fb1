import { spawnSync } from 'node:child_process';
import { closeSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { codeOf } from '#protocol/failure.ts';
import { startSimulator } from '../simulator/simulator.ts';
import { type AgentChild, startAgent, startHub } from '../support/agent-child.ts';
import { watchAlarms } from '../support/alarm-watch.ts';
import { embeddedBroker, mosquittoBroker, mosquittoProgram } from '../support/brokers.ts';
import { makeNodes } from '../support/nodes-town.ts';
import { smallDisk, whyNoMounts } from '../support/small-disk.ts';
import { suite } from '../support/suite.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { tapWire } from '../support/wire-tap.ts';

const test = suite('fault table: disks', { timeoutMs: 240_000 });
const title =
  'a disk that is full, that the kernel makes read-only, that has errors: one alarm each, and nothing else';
const why = whyNoMounts();

/** Takes every byte that is free, again and again, as a log that nobody rotates does. */
function fill(path: string): { stop(): void } {
  const file = openSync(path, 'w');
  const piece = Buffer.alloc(64 * 1024);
  const timer = setInterval(() => {
    try {
      for (;;) writeSync(file, piece);
    } catch (error) {
      if (codeOf(error) !== 'ENOSPC') throw error;
    }
  }, 20);
  return {
    stop() {
      clearInterval(timer);
      closeSync(file);
      rmSync(path);
    },
  };
}

if (why !== undefined) test.skip(title, why);
else
  test(title, async () => {
    using folder = temporaryFolder();
    await using opened = new AsyncDisposableStack();
    const broker = mosquittoProgram ? await mosquittoBroker(folder.path) : await embeddedBroker();
    opened.defer(() => broker.close());
    const disks = {
      'site-02': opened.use(smallDisk({ megabytes: 64 })),
      'site-03': opened.use(smallDisk({ megabytes: 64 })),
      'site-04': opened.use(smallDisk({ megabytes: 64 })),
    };
    // An administrator chose that its file system goes on.
    spawnSync('mount', ['-o', 'remount,errors=continue', disks['site-04'].path]);
    const ids = Object.keys(disks) as (keyof typeof disks)[];
    await using simulator = await startSimulator({ cameras: ids.map((id) => ({ path: `/${id}` })) });
    const town = await makeNodes(folder.path, {
      mqtt: broker.url,
      nodes: ids.map((id) => ({
        id,
        role: 'site',
        name: `Luogo ${id}`,
        cameras: [{ id: 'cam-1', rtsp: simulator.url(`/${id}`) }],
        agent: { store: { path: join(disks[id].path, 'store'), segment: '2s' } },
      })),
    });
    await using hub = await startHub({ ...town.box('site-02'), hub: town.hub, box: '' });
    await using tap = await tapWire(broker.url);
    const watch = watchAlarms(tap);
    const agents = new Map<string, AgentChild>();
    const start = async (id: string): Promise<void> => {
      const agent = opened.use(startAgent(town.box(id)));
      agents.set(id, agent);
      await agent.recording(['cam-1'], 60_000);
    };
    const kill = async (id: string): Promise<void> => {
      agents.get(id)?.signal('SIGKILL');
      await agents.get(id)?.exit;
    };
    // Files are closed before disks are taken away.
    opened.defer(async () => {
      for (const id of ids) await kill(id);
    });
    await Promise.all(ids.map(start));
    let filling: ReturnType<typeof fill> | undefined;
    opened.defer(() => filling?.stop());
    await Promise.all([
      watch.fault({
        cause: 'disk filled by something else',
        alarm: 'site-02.disk-error.store',
        says: 'pieno',
        inject: () => {
          filling = fill(join(disks['site-02'].path, 'filler'));
        },
        limitMs: 60_000,
        clearedBy: 'its being freed',
        mend: () => {
          filling?.stop();
          filling = undefined;
        },
        clearLimitMs: 90_000,
      }),
      watch.fault({
        cause: 'file system made read-only by the kernel',
        alarm: 'site-03.disk-error.store',
        inject: () => disks['site-03'].fault(),
        limitMs: 60_000,
        clearedBy: 'another disk with its copy, and a start of the agent',
        mend: async () => {
          await kill('site-03');
          const broken = disks['site-03'];
          const fresh = opened.use(smallDisk({ megabytes: 64 }));
          spawnSync('cp', ['-a', join(broken.path, 'store'), fresh.path]);
          broken.detach();
          spawnSync('mount', ['--bind', fresh.path, broken.path]);
          await start('site-03');
        },
        clearLimitMs: 120_000,
      }),
      watch.fault({
        cause: 'file system counts errors and goes on',
        alarm: 'site-04.disk-dying.store',
        says: 'file system',
        inject: () => disks['site-04'].fault(),
        limitMs: 60_000,
        clearedBy: '',
      }),
    ]);
    watch.print();
    assert.equal(watch.others(), []);
    assert.equal(await hub.stop(), { code: 0, signal: null });
  });
