import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { whyNoBroker } from '../../deploy/fleet/broker.ts';
import { whyNoNamespaces } from '../../deploy/fleet/namespaces.ts';
import { startProgram } from '../support/child-program.ts';
import { eventually } from '../support/eventually.ts';
import { suite } from '../support/suite.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const test = suite('the fleet on one machine, nine nodes of it', { timeoutMs: 500_000 });
const why = whyNoBroker() ?? whyNoNamespaces();
const startMs = 240_000;

/** What stands on this machine of the fleet in `dir`: its processes, namespaces and mounts. */
function leftOf(dir: string): string[] {
  const records = '/run/peio-fleet';
  const record = readdirSync(records).find(
    (name) => name.endsWith('.json') && JSON.parse(readFileSync(join(records, name), 'utf8')).dir === dir,
  );
  const processes = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && name !== String(process.pid))
    .filter((pid) => {
      const file = `/proc/${pid}/cmdline`;
      return existsSync(file) && readFileSync(file, 'latin1').includes(dir);
    });
  const mounts = readFileSync('/proc/mounts', 'utf8')
    .split('\n')
    .filter((line) => line.includes(dir));
  return [...(record ? [record] : []), ...processes, ...mounts];
}

function namespaces(): string[] {
  const { stdout } = spawnSync('ip', ['netns', 'list'], { encoding: 'utf8' });
  return stdout.split('\n').filter((line) => line.startsWith('peio-fleet-'));
}

if (why !== undefined) test.skip('every step holds; whoever ends it, nothing is left', why);
else {
  test('every step holds, and nothing is left', async () => {
    using folder = temporaryFolder();
    const dir = join(folder.path, 'fleet');
    const before = namespaces();
    await using fleet = startProgram('deploy/fleet/main.ts', ['--quick', '--dir', dir]);
    const { code } = await fleet.exit;
    assert.is(code, 0, `${fleet.out()}\n${fleet.err()}`);
    assert.match(fleet.out(), /^Everything held: 8 of 8 steps/m);
    assert.match(fleet.out(), /^Memory \(PSS\) \d+ MiB/m);
    assert.equal(leftOf(dir), []);
    assert.equal(namespaces(), before);
    assert.not(existsSync(dir));
  });

  test('what a killed run leaves is cleared by the next, and what a stopped one leaves is nothing', async () => {
    using folder = temporaryFolder();
    const dir = join(folder.path, 'fleet');
    const before = namespaces();
    {
      await using killed = startProgram('deploy/fleet/main.ts', ['--quick', '--dir', dir]);
      await eventually('agents to run', () => running(killed, /3 of 9 agents started/), startMs);
      killed.signal('SIGKILL');
      await killed.exit;
    }
    assert.ok(leftOf(dir).length > 0 && namespaces().length > before.length);
    await using next = startProgram('deploy/fleet/main.ts', ['--quick', '--dir', dir]);
    await eventually('agents to run again', () => running(next, /3 of 9 agents started/), startMs);
    assert.match(next.out(), /Cleared away what a killed run left/);
    next.signal('SIGTERM');
    assert.is((await next.exit).code, 1);
    assert.equal(leftOf(dir), []);
    assert.equal(namespaces(), before);
  });
}

function running({ out, err, ended }: ReturnType<typeof startProgram>, said: RegExp): boolean {
  if (ended() !== undefined) throw new Error(`it ended: ${out()}\n${err()}`);
  return said.test(out());
}
