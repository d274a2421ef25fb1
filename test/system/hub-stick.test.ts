import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { openClient } from '../../deploy/hub/cli/client.ts';
import { startSimulator } from '../simulator/simulator.ts';
import { startAgent } from '../support/agent-child.ts';
import { runProgram } from '../support/child-program.ts';
import { eventually } from '../support/eventually.ts';
import { hubCommand, serveHub } from '../support/hub-town.ts';
import { suite } from '../support/suite.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { makeTown } from '../support/town.ts';

const test = suite('a stick between hub and box', { timeoutMs: 240_000 });

test('no network: the command goes to the box and the footage comes back on a stick, checked as an upload', async () => {
  using folder = temporaryFolder();
  await using simulator = await startSimulator({ cameras: [{ path: '/cam-1', frameRate: 40 }] });
  const camera = { id: 'cam-1', rtsp: simulator.url('/cam-1') };
  const town = await makeTown(folder.path, { cameras: [camera], segment: '1s' });
  let hub = await serveHub(town.hub);
  const run = (...args: string[]) => hubCommand([...args, '--hub', town.hub]);
  try {
    await using agent = startAgent(town);
    await agent.recording();
    const from = Date.now();
    await eventually('three seconds of footage', () => Date.now() > from + 3500);
    const at = (ms: number) => new Date(ms).toISOString();
    const window = ['--from', at(from + 500), '--to', at(from + 3000)];
    const who = ['--protocol', '5/2026', '--date', '2026-11-22', '--authority', 'Carabinieri'];
    const why = ['--person', 'M. Rossi, maresciallo', '--purpose', 'judicial-police', '--reason', 'furto'];
    const where = ['--node', town.node, '--camera', 'cam-1'];
    const asked = await run('request', ...who, ...why, ...where, ...window);
    assert.is(asked.code, 0, asked.err);
    const prepared = await run('extract', '--request', asked.out.trim());
    const { id } = JSON.parse(prepared.out);
    const command = join(folder.path, 'command.json');
    const signed = await run('authorise', id, '--yes', '--save', command);
    assert.is(signed.code, 0, signed.err);

    const stick = join(folder.path, 'stick');
    const applied = await runProgram('agent/main.ts', [
      'apply',
      command,
      '--config',
      town.config,
      '--out',
      stick,
    ]);
    assert.is(applied.code, 0, applied.err);
    const segments = readdirSync(stick).filter((name) => name.endsWith('.mp4.age'));
    assert.ok(segments.length >= 2);

    // What is not what the node signed does not get in.
    const [first = '', second = ''] = segments;
    const good = readFileSync(join(stick, first));
    const bad = Buffer.from(good);
    bad[bad.length - 1] = (bad.at(-1) as number) ^ 1;
    writeFileSync(join(stick, first), bad);
    assert.is((await run('import', stick)).code, 2);
    const proof = readFileSync(join(stick, 'proof.json'), 'utf8');
    writeFileSync(join(stick, 'proof.json'), proof.replace('command-accepted', 'command-accepteD'));
    assert.is((await run('import', stick)).code, 1, 'a proof that proves nothing');
    writeFileSync(join(stick, 'proof.json'), proof);

    // One file is missing: what is there comes in, and the rest later.
    writeFileSync(join(stick, first), good);
    const kept = readFileSync(join(stick, second));
    rmSync(join(stick, second));
    const partly = await run('import', stick, '--json');
    assert.is(partly.code, 1, partly.err);
    assert.equal(JSON.parse(partly.out).missing, [second]);
    writeFileSync(join(stick, second), kept);
    // The stick was pulled in the middle of a file, and the hub restarted: it goes on where it was.
    const client = openClient(town.hub);
    const piece = { id, file: second, size: kept.length, offset: 0 };
    const half = kept.subarray(0, kept.length >> 1);
    await client.post('piece', { ...piece, bytes: '' });
    await client.post('piece', { ...piece, bytes: half.toString('base64') });
    await hub.close();
    hub = await serveHub(town.hub);
    assert.is((await client.post('piece', { ...piece, bytes: '' })).offset, half.length);
    const whole = await run('import', stick, '--json');
    assert.is(whole.code, 0, whole.err);
    assert.equal(JSON.parse(whole.out), { id, state: 'complete', files: segments.length, missing: [] });
    assert.is((await openClient(town.hub).get('GET /case', { id })).status?.state, 'done');
    const opened = await run(
      'open',
      id,
      '--identity',
      join(town.hub, 'identities', 'officer.age'),
      '--once',
      '--json',
    );
    assert.is(opened.code, 0, opened.err);
    const kinds = JSON.parse((await run('register', '--json')).out).lines.map(
      ({ kind }: { kind: string }) => kind,
    );
    assert.equal(kinds.slice(0, 6), ['request', 'prepared', 'authorised', 'imported', 'delivered', 'opened']);
  } finally {
    await hub.close();
  }
});
