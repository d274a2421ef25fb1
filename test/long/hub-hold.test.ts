import { createHash } from 'node:crypto';
import { appendFileSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { recipientsFor } from '#protocol/policy.ts';
import { segmentDay, segmentName } from '#protocol/segment-name.ts';
import { readTrusted } from '../../deploy/hub/trust.ts';
import { logOf, startAgent, startHub, statusOf, verifyTown } from '../support/agent-child.ts';
import { mosquittoBroker, mosquittoProgram } from '../support/brokers.ts';
import { runProgram } from '../support/child-program.ts';
import { eventually } from '../support/eventually.ts';
import { sealBytes } from '../support/sealed-bytes.ts';
import { suite } from '../support/suite.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { makeTown, type Town } from '../support/town.ts';

const test = suite('a hold against the sweeps of a real box', { timeoutMs: 600_000 });

const hour = 3_600_000;

/** A sealed segment in the store of a box that is off, as it would have left it; its path. */
async function recorded(town: Town, start: number, durationMs: number): Promise<string> {
  const recipients = recipientsFor(readTrusted(town.hub).policy, town.node, Date.now());
  const sealed = await sealBytes(recipients, Buffer.alloc(100_000, 1));
  const file = segmentName({ state: 'sealed', start, durationMs, torn: false });
  const camera = join(town.store, 'segments', 'cam-1');
  const folder = join(camera, segmentDay(start));
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, file), sealed);
  const text = (utcMs: number): string => new Date(utcMs).toISOString();
  const line = {
    kind: 'segment',
    start: text(start),
    end: text(start + durationMs),
    durationMs,
    file,
    bytes: sealed.length,
    sha256: createHash('sha256').update(sealed).digest('hex'),
    clock: 'synced',
    run: 'run-1',
    torn: false,
  };
  appendFileSync(join(camera, 'ledger.jsonl'), `${JSON.stringify(line)}\n`);
  return join(folder, file);
}

if (mosquittoProgram === undefined) test.skip('by a real broker', 'mosquitto is not installed');
else
  test('what is held outlives the sweep that takes its neighbour, and goes by itself after its day', async () => {
    using folder = temporaryFolder();
    await using opened = new AsyncDisposableStack();
    const broker = await mosquittoBroker(folder.path);
    opened.defer(() => broker.close());
    const town = await makeTown(folder.path, {
      mqtt: broker.url,
      cameras: [{ id: 'cam-1', rtsp: 'rtsp://127.0.0.1:1/a' }],
      agent: { store: { path: join(folder.path, 'store'), retention: '1h', segment: '2s' } },
    });
    // Both expire half a minute from now; most of the footage is younger, so that no sweep holds back.
    const old = Date.now() - hour + 30_000;
    const held = await recorded(town, old, 1000);
    const neighbour = await recorded(town, old + 1000, 1000);
    for (let index = 1; index <= 8; index++) await recorded(town, old + index * 300_000, 1000);

    await using _hub = await startHub(town);
    await using agent = startAgent(town);
    await eventually('the agent', async () => (await statusOf(town.socket)) !== undefined);
    const hub = async (...args: string[]): Promise<string> => {
      const { code, out, err } = await runProgram('deploy/hub/main.ts', [...args, '--hub', town.hub]);
      assert.is(code, 0, `hub ${args[0]}: ${err}`);
      return out.trim();
    };
    const text = (utcMs: number): string => new Date(utcMs).toISOString();
    const request = await hub(
      ...['request', '--protocol', '8/2026', '--date', '2026-11-20', '--authority', 'Procura di Trento'],
      ...['--person', 'Mario Rossi, maresciallo', '--purpose', 'judicial-police', '--reason', 'furto'],
      ...['--node', town.node, '--camera', 'cam-1', '--from', text(old), '--to', text(old + 1000)],
    );
    const until = Date.now() + 240_000;
    const { id } = JSON.parse(await hub('hold', '--request', request, '--until', text(until))) as {
      id: string;
    };
    await hub('authorise', id, '--yes');
    await hub('follow', id);
    assert.ok(existsSync(held) && existsSync(neighbour), 'nothing has expired yet');

    await eventually('the sweep takes the neighbour', () => !existsSync(neighbour), 200_000);
    assert.ok(existsSync(held), 'what is held stays');
    assert.ok(Date.now() < until);
    await eventually('the held one goes by itself', () => !existsSync(held), 300_000);
    assert.ok(Date.now() >= until, 'and not before its day');
    const ended = logOf(town).find(({ kind }) => kind === 'hold-ended');
    assert.equal([ended?.['hold'], ended?.['cause']], [id, 'expired']);
    assert.is((await agent.stop()).code, 0);
    const { findings } = await verifyTown(town);
    assert.equal(
      findings.filter(({ severity }) => severity === 'error'),
      [],
    );
  });
