import { spawn } from 'node:child_process';
import { createPrivateKey, randomUUIDv7 } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { openConnection } from '#agent/mqtt/connection.ts';
import { systemClock } from '#agent/platform/clock.ts';
import { openLog } from '#agent/platform/log.ts';
import { systemRandom } from '#agent/platform/random.ts';
import type { CommandPayload } from '#protocol/command.ts';
import { payloadTypes, sha256, signEnvelope } from '#protocol/envelope.ts';
import { publicKeyOf } from '#protocol/key.ts';
import { longestHoldMs } from '#protocol/policy.ts';
import { topics } from '#protocol/topics.ts';
import { freePort } from '../../deploy/demo/free-port.ts';
import { openClient } from '../../deploy/hub/cli/client.ts';
import { readTrusted } from '../../deploy/hub/trust.ts';
import { startSimulator } from '../simulator/simulator.ts';
import {
  type LedgerLine,
  ledgerOf,
  logOf,
  startAgent,
  startHub,
  verifyTown,
} from '../support/agent-child.ts';
import { mosquittoBroker, mosquittoProgram } from '../support/brokers.ts';
import { runProgram } from '../support/child-program.ts';
import { eventually } from '../support/eventually.ts';
import { suite } from '../support/suite.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { makeTown, type Town } from '../support/town.ts';

const test = suite('every command from the town hall to a box and back', { timeoutMs: 240_000 });

/** A hold by two, for a day more than the policy allows. */
function tooLong(town: Town, { start, end }: LedgerLine): string {
  const key = (name: string) => createPrivateKey(readFileSync(join(town.hub, 'keys', `${name}.key`)));
  const text = (utcMs: number): string => new Date(utcMs).toISOString();
  const now = Date.now();
  const payload: CommandPayload = {
    id: randomUUIDv7(),
    type: 'hold',
    node: town.node,
    issuedAt: text(now),
    expiresAt: text(now + 3_600_000),
    policyVersion: 1,
    operator: publicKeyOf(key('operator')).id,
    officer: publicKeyOf(key('officer')).id,
    camera: 'cam-1',
    from: text(start),
    to: text(end),
    until: text(now + longestHoldMs(readTrusted(town.hub).policy) + 86_400_000),
    purpose: 'judicial-police',
    request: { protocol: '9/2026', date: '2026-11-20', recordHash: sha256('salt and record') },
  };
  const keys = [key('operator'), key('officer')];
  return signEnvelope(payloadTypes.command, Buffer.from(JSON.stringify(payload)), keys);
}

/** Runs until the picture is shown, looks at it, and ends as a person does. */
async function lookedAt(town: Town, id: string): Promise<Buffer> {
  const identity = join(town.hub, 'identities', 'officer.age');
  const main = join(import.meta.dirname, '..', '..', 'deploy', 'hub', 'main.ts');
  const args = ['open', id, '--identity', identity, '--with', 'Luca Verdi', '--json', '--hub', town.hub];
  const child = spawn(process.execPath, [main, ...args], { stdio: ['pipe', 'pipe', 'inherit'] });
  let out = '';
  child.stdout.on('data', (chunk: Buffer) => {
    out += chunk.toString();
  });
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
  const { picture } = await eventually('the picture', () =>
    out.endsWith('\n')
      ? (JSON.parse(out) as { picture: string })
      : child.exitCode !== null && { picture: '' },
  );
  const bytes = readFileSync(picture);
  child.stdin.end('\n');
  assert.is(await ended, 0);
  assert.not(existsSync(picture), 'gone with the command');
  return bytes;
}

/** What a subscriber that comes late is told of the node's commands. */
async function retainedStatuses(url: string, node: string): Promise<string[]> {
  const heard: string[] = [];
  const late = openConnection({
    url,
    clientId: 'late',
    tls: {},
    will: () => ({ topic: 'late', payload: '', delaySeconds: 0 }),
    clock: systemClock,
    random: systemRandom,
    log: openLog('silent'),
  });
  try {
    await new Promise<void>((resolve) => {
      late.subscribe(topics.commandStatus(node, '+'), async ({ topic }) => void heard.push(topic));
      late.subscribe('late', async () => resolve());
      late.onConnect(() => void late.publish({ topic: 'late', payload: 'now', retain: false }));
    });
  } finally {
    await late.close();
  }
  return heard;
}

if (mosquittoProgram === undefined) test.skip('by a real broker', 'mosquitto is not installed');
else
  test('a probe answered, footage held and released, one picture opened; seen in the log of the box', async () => {
    using folder = temporaryFolder();
    await using opened = new AsyncDisposableStack();
    const broker = await mosquittoBroker(folder.path);
    opened.defer(() => broker.close());
    const port = await freePort();
    await using simulator = await startSimulator({ cameras: [{ path: '/cam-1', frameRate: 40 }] });
    const town = await makeTown(folder.path, {
      mqtt: broker.url,
      upload: `http://127.0.0.1:${port}/upload`,
      listen: `127.0.0.1:${port}`,
      cameras: [{ id: 'cam-1', rtsp: simulator.camera('/cam-1').url }],
      segment: '1s',
    });
    await using _hub = await startHub(town);
    let agent = startAgent(town);
    opened.defer(async () => void (await agent.stop()));
    await agent.recording();
    const hub = async (...args: string[]): Promise<string> => {
      const { code, out, err } = await runProgram('deploy/hub/main.ts', [...args, '--hub', town.hub]);
      assert.is(code, 0, `hub ${args[0]}: ${err}`);
      return out.trim();
    };
    const idOf = (text: string): string => (JSON.parse(text) as { id: string }).id;
    const { get } = openClient(town.hub);

    const probe = idOf(await hub('probe', town.node));
    await hub('follow', probe);

    const segment = await eventually('a sealed segment', () =>
      ledgerOf(town, 'cam-1').find(({ kind }) => kind === 'segment'),
    );
    const where = ['--node', town.node, '--camera', 'cam-1'];
    const request = await hub(
      ...['request', '--protocol', '8/2026', '--date', '2026-11-20', '--authority', 'Procura di Trento'],
      ...[
        '--person',
        'Mario Rossi, maresciallo',
        '--purpose',
        'judicial-police',
        '--reason',
        'furto',
        ...where,
      ],
      ...['--from', new Date(segment.start).toISOString(), '--to', new Date(segment.end).toISOString()],
    );
    const until = new Date(Date.now() + 30 * 86_400_000).toISOString();
    const hold = idOf(await hub('hold', '--request', request, '--until', until));
    await hub('authorise', hold, '--yes');
    await hub('follow', hold);
    const held = JSON.parse(readFileSync(join(town.store, 'holds', `${hold}.json`), 'utf8'));
    assert.equal([held.ordered, held.until], [true, Date.parse(until)]);
    assert.is((await get('GET /case', { id: hold })).status?.segments, 1);

    const release = idOf(await hub('release', hold));
    await hub('authorise', release, '--yes');
    await hub('follow', release);
    const releasing = JSON.parse(readFileSync(join(town.store, 'holds', `${hold}.json`), 'utf8')).release;
    assert.is(releasing.command, release);
    assert.ok(releasing.at > Date.now() + 23 * 3_600_000, 'in a day, not now');
    await eventually('an alert says what will go', async () =>
      (await get('GET /status')).alerts.some(({ key }) => key.startsWith('hold-releasing')),
    );

    // By hand as well: what the box says there is its answer, and proved. It ran once, whichever way came first.
    const file = join(folder.path, 'again.json');
    const byHand = idOf(await hub('hold', '--request', request, '--until', until, '--hours', '2'));
    await hub('authorise', byHand, '--yes', '--save', file);
    const out = join(folder.path, 'by-hand');
    const applied = await runProgram('agent/main.ts', ['apply', file, '--config', town.config, '--out', out]);
    assert.is(applied.code, 0, applied.err);
    await hub('import', out);
    assert.is((await get('GET /case', { id: byHand })).state, 'executed');

    // The box asks the policy itself: two persons past the town hall's own check get no longer hold.
    const long = join(folder.path, 'long.json');
    writeFileSync(long, tooLong(town, segment));
    const stick = ['apply', long, '--config', town.config, '--out', join(folder.path, 'stick')];
    const refused = await runProgram('agent/main.ts', stick);
    assert.is(refused.code, 2, refused.err);
    assert.match(refused.out, /outside-retention/);

    const snapshot = idOf(
      await hub('snapshot', ...where, '--person', 'Luca Verdi, manutentore', '--reason', 'ragnatele'),
    );
    await hub('authorise', snapshot, '--yes');
    await hub('follow', snapshot);
    await hub('verify', join(town.hub, 'data', 'cases', snapshot));
    const jpeg = await lookedAt(town, snapshot);
    assert.is(jpeg.readUInt16BE(0), 0xffd8);
    assert.is(jpeg.readUInt16BE(jpeg.length - 2), 0xffd9);
    assert.ok(jpeg.length > 2000);
    await hub('close', snapshot);

    // What came by hand past the town hall is none of its cases.
    const ours = (topic: string): boolean =>
      [probe, hold, release, byHand, snapshot].some((id) => topic.includes(id));
    await eventually(
      'nothing of it stays on the broker',
      async () => !(await retainedStatuses(broker.url, town.node)).some((topic) => ours(topic)),
    );
    assert.is((await agent.stop()).code, 0);
    const lines = logOf(town);
    for (const id of [probe, hold, release, byHand, snapshot]) {
      const kinds = lines.filter((line) => line['id'] === id).map(({ kind }) => kind);
      assert.is(kinds[0], 'command-accepted', id);
      assert.ok(kinds.includes('command-done'), kinds.join());
    }
    assert.not.match(JSON.stringify(lines), /Verdi|Rossi|ragnatele|Procura/);
    assert.ok((await verifyTown(town)).ok);

    // A box that starts again says what it said last; what is over at the town hall goes from the broker again.
    agent = startAgent(town);
    await agent.recording();
    await eventually('the hub hears it again', async () =>
      (await get('GET /status')).nodes.some(({ id, state }) => id === town.node && state === 'online'),
    );
    await eventually(
      'and nothing stays on the broker',
      async () => !(await retainedStatuses(broker.url, town.node)).some((topic) => ours(topic)),
    );
    assert.ok(existsSync(join(town.store, 'holds', `${hold}.json`)), 'the hold outlives a restart');
  });
