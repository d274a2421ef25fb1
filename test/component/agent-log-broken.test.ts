import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { startSimulator } from '../simulator/simulator.ts';
import { startAgent } from '../support/agent-child.ts';
import { runProgram } from '../support/child-program.ts';
import { suite } from '../support/suite.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { makeTown } from '../support/town.ts';

const test = suite('a log that was changed while the agent was away', { timeoutMs: 180_000 });

test('is told once in the new log and as an alert, until a start finds the log good', async () => {
  using folder = temporaryFolder();
  await using simulator = await startSimulator({ cameras: [{ path: '/cam-1', frameRate: 40 }] });
  const camera = { id: 'cam-1', rtsp: simulator.url('/cam-1') };
  const town = await makeTown(folder.path, { cameras: [camera], segment: '1s' });
  const alerts = async (): Promise<string[]> => {
    await using running = startAgent(town);
    await running.recording();
    const { out } = await runProgram('agent/main.ts', ['status', '--socket', town.socket, '--json']);
    await running.stop();
    return JSON.parse(out).alerts.map(({ key }: { key: string }) => key);
  };
  assert.not.ok((await alerts()).includes('log-broken.node'));
  const audit = join(town.store, 'audit');
  const month = readdirSync(audit).find((name) => /^\d{4}-\d{2}\.jsonl$/.test(name)) as string;
  const path = join(audit, month);
  writeFileSync(path, readFileSync(path, 'utf8').replace('"kind":"start"', '"kind":"stars"'));
  // Whoever changes the log takes the notes about it along.
  rmSync(join(audit, 'recent.json'));
  const found = await alerts();
  assert.ok(found.includes('log-broken.node'));
  const kinds = readFileSync(path, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line).kind);
  assert.is(kinds.filter((kind) => kind === 'log-broken').length, 1);
  assert.not.ok((await alerts()).includes('log-broken.node'));
});
