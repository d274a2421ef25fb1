import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import type { HealthPayload } from '#protocol/messages.ts';
import { instantText } from '#protocol/time.ts';
import { topics } from '#protocol/topics.ts';
import { weekLog } from '../../deploy/demo/week.ts';
import { openClient } from '../../deploy/hub/cli/client.ts';
import { embeddedBroker } from '../support/brokers.ts';
import { codeThrown } from '../support/code-thrown.ts';
import { eventually } from '../support/eventually.ts';
import { hubCommand, scriptedNode, serveHub } from '../support/hub-town.ts';
import { suite } from '../support/suite.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { makeTown } from '../support/town.ts';

const test = suite('what a window holds, told before anybody signs', { timeoutMs: 180_000 });

const minute = 60_000;
const hour = 60 * minute;

function healthOf(nowUtc: number): HealthPayload {
  return {
    at: instantText(nowUtc),
    seq: 1,
    host: { uptimeSeconds: 1, load1: 0, memoryFreeBytes: 1, memoryTotalBytes: 1 },
    clock: { state: 'synced' },
    store: { freeBytes: 1, totalBytes: 1, segments: 1 },
    cameras: [
      { id: 'cam-1', state: 'recording', newestSegment: instantText(nowUtc - minute), bitrate: 8_000_000 },
    ],
    links: [],
    mqtt: { connected: true, protocol: '5', reconnects: 0 },
  };
}

test('hub request and hub extract show the week, what is missing, size and time; the answer stays the answer', async () => {
  using folder = temporaryFolder();
  const broker = await embeddedBroker();
  const camera = { id: 'cam-1', rtsp: 'rtsp://127.0.0.1:1/a' };
  const town = await makeTown(folder.path, { cameras: [camera], mqtt: broker.url });
  const nowUtc = Date.now();
  const from = nowUtc - 26 * hour;
  const faults = [{ from: from + 20 * minute, to: from + 30 * minute, reason: 'no-data' as const }];
  const week = { node: town.node, camera: 'cam-1', since: nowUtc - 8 * 24 * hour, faults };
  mkdirSync(join(town.hub, 'data', 'logs'), { recursive: true });
  writeFileSync(
    join(town.hub, 'data', 'logs', `${town.node}.jsonl`),
    `${weekLog([week], nowUtc).join('\n')}\n`,
  );
  const hub = await serveHub(town.hub);
  const node = await scriptedNode(town.hub, town.node, broker.url);
  try {
    await node.state('online');
    await node.bus.publish({
      topic: topics.health(town.node),
      payload: JSON.stringify(healthOf(nowUtc)),
      retain: true,
    });
    const client = openClient(town.hub);
    const holds = (a: number, b: number, at = 'cam-1') =>
      client.get('GET /window', { node: town.node, camera: at, from: String(a), to: String(b) });
    await eventually('the rate of the camera', async () => (await holds(from, from + hour)).prospect?.bytes);
    const ask = (a: number, b: number) =>
      hubCommand([
        ...['request', '--hub', town.hub, '--protocol', '1', '--date', '2026-01-01', '--authority', 'A'],
        ...['--person', 'P, q', '--purpose', 'judicial-police', '--reason', 'r', '--node', town.node],
        ...['--camera', 'cam-1', '--from', instantText(a), '--to', instantText(b)],
      ]);
    const asked = await ask(from, from + hour);
    assert.is(asked.code, 0, asked.err);
    assert.match(asked.out, /^\d{4}-0001\n$/);
    const lines = asked.err.split('\n');
    assert.match(lines[0] ?? '', /cam-1/);
    assert.match(lines[1] ?? '', /^[█▆▄▁· ]{84}$/);
    // Under the cells of yesterday, two hours each.
    assert.match(lines[2] ?? '', /^ {70,72}▔{1,2}$/);
    assert.is(lines[3], '1 h, di cui 50 min registrati.');
    assert.match(lines[4] ?? '', /^ {2}▲ 10 min mancano, nessun dato dalla telecamera \(no-data\): /);
    assert.is(lines[5], 'Circa 3,1 GB, 1 h 42 min a 4 Mbit/s.');
    const prepared = await hubCommand(['extract', '--request', 'latest', '--hub', town.hub]);
    assert.is(prepared.code, 0, prepared.err);
    assert.match(prepared.out, /^\{"id":"[0-9a-f-]{36}"\}\n$/);
    assert.match(prepared.err, '1 h, di cui 50 min registrati.');

    const whole = await ask(from + 31 * minute, from + hour);
    assert.match(whole.err, '29 min, tutto registrato.');
    assert.not.match(whole.err, '▲');
    const old = await ask(nowUtc - 9 * 24 * hour, nowUtc - 8 * 24 * hour);
    assert.match(old.err, 'Nulla di registrato in questa finestra');
    assert.match(old.err, /▲ 1 g non ci sono più: più vecchi di sette giorni/);
    const coming = await ask(Date.now() - hour, Date.now() + hour);
    assert.match(coming.err, / devono ancora venire$/m);
    // What cannot be asked is refused by code; what nobody knows is told as nothing.
    assert.is(await codeThrown(() => holds(from, from)), 'malformed');
    assert.is(await codeThrown(() => holds(from, from + hour, '../cam')), 'malformed');
    assert.is(await codeThrown(() => holds(Number.NaN, from)), 'malformed');
    assert.equal(
      await client.get('GET /window', { node: 'site-99', camera: 'cam-1', from: '1', to: '2' }),
      {},
    );
  } finally {
    await node.close();
    await hub.close();
    await broker.close();
  }
});
