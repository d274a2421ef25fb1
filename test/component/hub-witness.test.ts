import { appendFileSync, existsSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import * as assert from 'uvu/assert';
import { systemFiles } from '#agent/platform/files.ts';
import { sha256 } from '#protocol/envelope.ts';
import { openClient } from '../../deploy/hub/cli/client.ts';
import { openMirror } from '../../deploy/hub/logs/mirror.ts';
import type { Hub } from '../../deploy/hub/server/hub.ts';
import { embeddedBroker, type TestBroker } from '../support/brokers.ts';
import { eventually } from '../support/eventually.ts';
import { hubCommand, requestRecord, type ScriptedNode, scriptedNode, serveHub } from '../support/hub-town.ts';
import { suite } from '../support/suite.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { makeTown, type Town } from '../support/town.ts';

const test = suite('the hub as witness of a log', { timeoutMs: 120_000 });

interface World {
  town: Town;
  broker: TestBroker;
  hub: Hub;
  node: ScriptedNode;
  alerts(): Promise<string[]>;
}

async function inTown(body: (world: World) => Promise<void>): Promise<void> {
  using folder = temporaryFolder();
  const broker = await embeddedBroker();
  const camera = { id: 'cam-1', rtsp: 'rtsp://127.0.0.1:1/a' };
  const town = await makeTown(folder.path, { cameras: [camera], mqtt: broker.url });
  const world = {
    town,
    broker,
    hub: await serveHub(town.hub),
    node: await scriptedNode(town.hub, town.node, broker.url),
    async alerts() {
      const { alerts } = await openClient(town.hub).get('GET /status');
      return alerts.map(({ key }) => key).sort();
    },
  };
  try {
    await eventually('the hub is connected', async () => {
      return (await openClient(town.hub).get('GET /status')).broker.connected;
    });
    await body(world);
  } finally {
    await world.node.close();
    await world.hub.close();
    await broker.close();
  }
}

test('a head over shown lines is cosigned, with the newest policy and the head of the register', () =>
  inTown(async ({ node }) => {
    await node.show(node.log('started'), node.log('probe'));
    await node.checkpoint(node.head());
    const answer = await eventually('a cosignature', () => node.cosigned[0]);
    assert.is(answer.head.size, 2);
    assert.equal(answer.statement, { policyVersion: 1, registerSize: 0, registerHead: '0'.repeat(64) });
  }));

test('a head that outruns its lines is answered when they come', () =>
  inTown(async ({ node, alerts }) => {
    const lines = [node.log('started'), node.log('probe')];
    await node.checkpoint(node.head());
    await node.show(...lines);
    assert.is((await eventually('a cosignature', () => node.cosigned[0])).head.size, 2);
    assert.equal(await alerts(), []);
  }));

test('a head of fewer lines than are shown is cosigned at its own size', () =>
  inTown(async ({ node }) => {
    await node.show(node.log('a'), node.log('b'), node.log('c'));
    await node.checkpoint(node.head(2));
    assert.is((await eventually('a cosignature', () => node.cosigned[0])).head.size, 2);
  }));

test('another history is refused and stays an alert, whatever comes after', () =>
  inTown(async ({ node, alerts }) => {
    await node.show(node.log('a'), node.log('b'));
    await node.checkpoint(node.head());
    await eventually('a cosignature', () => node.cosigned[0]);
    await node.checkpoint(node.head(2, [node.lines[0] as string, 'another']));
    await eventually('an alert', async () => (await alerts()).includes('log-fork'));
    await node.show(node.log('c'));
    await node.checkpoint(node.head());
    await eventually('the honest head is cosigned', () => node.cosigned[1]);
    assert.equal(await alerts(), ['log-fork']);
    assert.is(node.cosigned.length, 2);
  }));

test('another line at a place that was shown is a fork', () =>
  inTown(async ({ node, alerts }) => {
    const first = node.log('a');
    await node.show(first, first.replace('"a"', '"b"'));
    await eventually('an alert', async () => (await alerts()).includes('log-fork'));
  }));

test('a line that does not follow from the one before is a fork', () =>
  inTown(async ({ node, alerts }) => {
    await node.show(
      node.log('a'),
      JSON.stringify({ seq: 2, at: '2026-01-15T12:00:00.000Z', prev: '', kind: 'b' }),
    );
    await eventually('an alert', async () => (await alerts()).includes('log-fork'));
  }));

test('a shorter log is refused, also by a hub that was restarted, and passes when the whole one is back', () =>
  inTown(async (world) => {
    const { node, town, alerts } = world;
    await node.show(node.log('a'), node.log('b'));
    await node.checkpoint(node.head());
    await eventually('a cosignature', () => node.cosigned[0]);
    await world.hub.close();
    world.hub = await serveHub(town.hub);
    await eventually('the hub is connected', async () => {
      return (await openClient(town.hub).get('GET /status')).broker.connected;
    });
    await node.checkpoint(node.head(1));
    await eventually('an alert', async () => (await alerts()).includes('log-rollback'));
    assert.is(node.cosigned.length, 1);
    await node.checkpoint(node.head(2));
    await eventually('a cosignature', () => node.cosigned[1]);
    assert.equal(await alerts(), []);
  }));

test('an older policy than before is refused', () =>
  inTown(async ({ node, alerts }) => {
    await node.show(node.log('a'));
    await node.checkpoint(node.head(1, node.lines, 2, 'a'.repeat(64)));
    await eventually('a newer policy is the node’s to hold', () => node.cosigned[0]);
    await node.checkpoint(node.head());
    await eventually('an alert', async () => (await alerts()).includes('policy-rollback'));
    assert.is(node.cosigned.length, 1);
  }));

test('another policy under the version of the hub’s is refused', () =>
  inTown(async ({ node, alerts }) => {
    await node.show(node.log('a'));
    await node.checkpoint(node.head(1, node.lines, 1, 'b'.repeat(64)));
    await eventually('an alert', async () => (await alerts()).includes('policy-fork'));
    assert.is(node.cosigned.length, 0);
  }));

test('a head that the node has not signed is refused', () =>
  inTown(async ({ node, alerts }) => {
    await node.show(node.log('a'));
    await node.checkpoint(node.head().replace(/\n1\n/, '\n2\n'));
    await eventually('an alert', async () => (await alerts()).includes('checkpoint-refused'));
    await node.checkpoint('nonsense');
    await node.checkpoint(node.head());
    await eventually('a cosignature', () => node.cosigned[0]);
    assert.equal(await alerts(), []);
  }));

test('lines as another program writes them are held: the first names what it likes, and no kind is needed', () =>
  inTown(async (world) => {
    const { town, node } = world;
    const at = new Date().toISOString().replace(/\.\d+/, '');
    const first = JSON.stringify({ seq: 1, at, prev: '0'.repeat(64), event: 'start' });
    const second = JSON.stringify({ seq: 2, at, prev: sha256(first), event: 'è successo' });
    await node.show(first, second);
    await node.checkpoint(node.head(2, [first, second]));
    assert.is((await eventually('a cosignature', () => node.cosigned[0])).head.size, 2);
    const astray = JSON.stringify({ seq: 3, at, prev: '0'.repeat(64), event: 'x' });
    await node.show(astray);
    await eventually('the fork', async () => {
      const { alerts } = await openClient(town.hub).get('GET /status');
      return alerts.some(({ key }) => key === 'log-fork');
    });
    // Read back at a start, from the beginning where no head was remembered.
    await world.hub.close();
    const mirror = await openMirror(systemFiles, join(town.hub, 'data', 'logs'), town.node);
    assert.is(mirror.size(), 2);
    world.hub = await serveHub(town.hub);
  }));

test('a repeated line is held once, and what comes too early is not taken', () =>
  inTown(async ({ node, alerts }) => {
    const [a, b, c] = [node.log('a'), node.log('b'), node.log('c')];
    await node.show(a, a, c, b, c);
    await node.checkpoint(node.head());
    assert.is((await eventually('a cosignature', () => node.cosigned[0])).head.size, 3);
    assert.equal(await alerts(), []);
  }));

test('a node that falls silent is an alert until it is back; the will of an older connection is not', () =>
  inTown(async ({ node, alerts }) => {
    await node.state('online', 'second');
    await node.state('offline', 'first');
    await node.state('offline', 'second');
    await eventually('an alert', async () => (await alerts()).includes('node-down'));
    await node.state('online', 'third');
    await node.state('offline', 'second');
    await node.show(node.log('a'));
    await node.checkpoint(node.head());
    await eventually('a cosignature', () => node.cosigned[0]);
    assert.equal(await alerts(), []);
  }));

test('a node cannot clear what the hub says of it', () =>
  inTown(async ({ node, town, alerts }) => {
    await node.show(
      node.log('a'),
      JSON.stringify({ seq: 1, at: '2026-01-15T12:00:00.000Z', prev: '', kind: 'b' }),
    );
    await eventually('an alert', async () => (await alerts()).includes('log-fork'));
    const said = { key: 'log-fork', severity: 'info', since: '2026-01-15T12:00:00.000Z', detail: '' };
    const topic = `peio/v1/${town.node}/alert/log-fork`;
    await node.bus.publish({ topic, payload: JSON.stringify({ ...said, state: 'cleared' }), retain: true });
    await node.bus.publish({ topic, payload: '', retain: true });
    await node.checkpoint(node.head());
    await eventually('a cosignature', () => node.cosigned[0]);
    assert.equal(await alerts(), ['log-fork']);
  }));

test('a damaged copy is an alert and cosigns nothing; the hub goes on', () =>
  inTown(async (world) => {
    const { node, town, alerts } = world;
    await node.show(node.log('a'));
    await node.checkpoint(node.head());
    await eventually('a cosignature', () => node.cosigned[0]);
    await world.hub.close();
    appendFileSync(join(town.hub, 'data', 'logs', `${town.node}.jsonl`), 'nonsense\n');
    world.hub = await serveHub(town.hub);
    await node.state('offline');
    await eventually('the hub hears', async () => (await alerts()).includes('node-down'));
    await node.checkpoint(node.head());
    await node.state('online');
    await eventually('the hub hears', async () => !(await alerts()).includes('node-down'));
    assert.equal(await alerts(), ['mirror-broken']);
    assert.is(node.cosigned.length, 1);
  }));

/** A log of a new box: nothing before its first line. */
function freshLog({ node }: World): void {
  node.lines.length = 0;
}

const replace = (town: Town, ...args: string[]) =>
  hubCommand(['node', 'replace', town.node, '--hub', town.hub, ...args]);

test('a replaced box is a fork until somebody says so; then its log begins anew, and the old one is kept', () =>
  inTown(async (world) => {
    const { node, town, alerts } = world;
    await node.state('online');
    await node.show(node.log('a'), node.log('b'));
    await node.checkpoint(node.head());
    await eventually('a cosignature', () => node.cosigned[0]);
    const early = await replace(town, '--reason', 'svista', '--json');
    assert.is(early.code, 2, 'a log that goes on is not ended');
    assert.match(early.err, 'nothing was replaced');

    freshLog(world);
    await node.show(node.log('new-box'), node.log('c'), node.log('d'));
    await node.checkpoint(node.head());
    await eventually('an alert', async () => (await alerts()).includes('log-fork'));
    assert.is(node.cosigned.length, 1, 'no cosignature for another history');

    const done = await replace(town, '--reason', 'disco guasto, sostituito il 3 marzo', '--json');
    assert.is(done.code, 0, done.err);
    assert.equal(JSON.parse(done.out), { node: town.node, lines: 2 });
    assert.equal(await alerts(), [], 'what was held against the old log is taken back');
    await node.show(...node.lines);
    await node.checkpoint(node.head());
    assert.is((await eventually('a cosignature', () => node.cosigned[1])).head.size, 3);

    const { lines } = await openClient(town.hub).get('GET /register');
    const said = lines.at(-1);
    assert.is(said?.kind, 'replaced');
    assert.equal(
      [said?.['node'], said?.['lines'], said?.['reason']],
      [town.node, 2, 'disco guasto, sostituito il 3 marzo'],
    );
    const kept = join(town.hub, 'data', 'logs', 'archive', said?.['archive'] as string);
    assert.equal(readdirSync(kept).sort(), [`${town.node}.head.json`, `${town.node}.jsonl`]);
    assert.is(readFileSync(join(kept, `${town.node}.jsonl`), 'utf8').split('\n').length - 1, 2);

    await node.show(JSON.stringify({ seq: 4, at: '2026-01-15T12:00:00.000Z', prev: '', kind: 'x' }));
    await eventually('the new log is watched as the old one was', async () =>
      (await alerts()).includes('log-fork'),
    );
    assert.is((await replace({ ...town, node: 'site-99' }, '--reason', 'x')).code, 2);
    assert.is((await replace(town)).code, 64, 'a reason is needed');
  }));

test('an archiving that a crash cut off is ended at the next start, with one line', () =>
  inTown(async (world) => {
    const { node, town, alerts } = world;
    await node.show(node.log('a'));
    await node.checkpoint(node.head());
    await eventually('a cosignature', () => node.cosigned[0]);
    const logs = join(town.hub, 'data', 'logs');
    const meant = {
      archive: `${town.node}-20260115120000000`,
      by: 'maria',
      reason: 'sostituito',
      lines: 1,
      last: '',
    };
    for (const step of ['meant', 'the copy moved'] as const) {
      await world.hub.close();
      if (step === 'the copy moved') {
        // As a crash between the two renames leaves it.
        renameSync(
          join(logs, 'archive', meant.archive, `${town.node}.head.json`),
          join(logs, `${town.node}.head.json`),
        );
      }
      writeFileSync(join(logs, `${town.node}.replaced.json`), JSON.stringify(meant));
      world.hub = await serveHub(town.hub);
      const { lines } = await openClient(town.hub).get('GET /register');
      assert.equal(
        lines.map(({ kind }) => kind),
        ['replaced'],
      );
      assert.equal(readdirSync(join(logs, 'archive', meant.archive)).sort(), [
        `${town.node}.head.json`,
        `${town.node}.jsonl`,
      ]);
      assert.not(existsSync(join(logs, `${town.node}.replaced.json`)));
    }
    await eventually('the hub is connected', async () => {
      return (await openClient(town.hub).get('GET /status')).broker.connected;
    });
    freshLog(world);
    await node.show(node.log('new-box'));
    await node.checkpoint(node.head());
    await eventually('the new log is cosigned', () => node.cosigned[1]);
    assert.equal(await alerts(), []);
  }));

/** Rewrites every line of a register so that each follows from the one before again, as its owner could. */
function rewritten(file: string, change: (text: string) => string): void {
  const database = new DatabaseSync(file);
  database.exec('DROP TRIGGER line_never_changes; DROP TRIGGER line_never_goes;');
  let prev = '';
  for (const row of database.prepare('SELECT seq, text FROM line ORDER BY seq').all()) {
    const line = { ...(JSON.parse(change(String(row['text']))) as object), prev };
    const text = JSON.stringify(line);
    prev = sha256(text);
    database
      .prepare('UPDATE line SET text = ?, hash = ? WHERE seq = ?')
      .run(text, prev, row['seq'] as number);
  }
  database.close();
}

test('a register that was rewritten or cut off contradicts what the nodes wrote down of it', () =>
  inTown(async (world) => {
    const { node, town } = world;
    const shown = async (): Promise<void> => {
      const before = node.cosigned.length;
      await node.checkpoint(node.head());
      await eventually('an answer', () => node.cosigned.length > before);
    };
    const checked = async (): Promise<[number, Record<string, unknown>]> => {
      const { code, out } = await hubCommand(['register', '--check', '--json', '--hub', town.hub]);
      return [code, JSON.parse(out).nodes[0]];
    };
    // As an agent does: what the hub said of its register goes into the log, and under a head.
    for (let request = 0; request < 2; request++) {
      await openClient(town.hub).post('request', {
        by: 'anna',
        record: requestRecord({
          node: town.node,
          camera: 'cam-1',
          from: '2026-01-15T10:00:00.000Z',
          to: '2026-01-15T11:00:00.000Z',
        }),
      });
      await node.show(node.log('started'));
      await shown();
      const { registerSize, registerHead } = node.cosigned.at(-1)?.statement ?? {};
      await node.show(node.log('register-head', { size: registerSize, head: registerHead }));
      await shown();
    }
    const [code, said] = await checked();
    assert.is(code, 0);
    assert.equal(said['against'], []);
    assert.is(said['heads'], 2);

    const file = join(town.hub, 'data', 'register.sqlite');
    const rewrite = async (change: () => void): Promise<void> => {
      await world.hub.close();
      change();
      world.hub = await serveHub(town.hub);
    };
    const whyOf = (one: Record<string, unknown>): unknown[] =>
      (one['against'] as { size: number; why: string }[]).map(({ size, why }) => `${size} ${why}`);
    const original = readFileSync(file);
    await rewrite(() => rewritten(file, (text) => text.replaceAll('furto', 'visita')));
    const [changed, after] = await checked();
    assert.is(changed, 1);
    assert.equal(whyOf(after), ['1 other', '2 other']);

    await rewrite(() => {
      writeFileSync(file, original);
      const database = new DatabaseSync(file);
      database.exec('DROP TRIGGER line_never_goes; DELETE FROM line WHERE seq = 2');
      database.close();
    });
    const [cut, shorter] = await checked();
    assert.is(cut, 1);
    assert.equal(whyOf(shorter), ['2 shorter']);

    // Whoever changes the copies too has nobody's signature for them.
    await rewrite(() => {
      const copy = join(town.hub, 'data', 'logs', `${town.node}.jsonl`);
      const text = readFileSync(copy, 'utf8').split('\n');
      writeFileSync(
        copy,
        text.map((line) => line.replace('"register-head","size":2', '"register-head","size":1')).join('\n'),
      );
    });
    const [forged, broken] = await checked();
    assert.is(forged, 1);
    assert.is(broken['broken'], true);
  }));
