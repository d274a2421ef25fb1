import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { systemClock } from '#agent/platform/clock.ts';
import { systemFiles } from '#agent/platform/files.ts';
import type { Random } from '#agent/platform/random.ts';
import { openUploads, type Parcel } from '#agent/upload/uploads.ts';
import { codeThrown } from '../support/code-thrown.ts';
import { eventually } from '../support/eventually.ts';
import { openLink } from '../support/link.ts';
import { quietLog } from '../support/log.ts';
import { suite } from '../support/suite.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { openTusServer } from '../support/tus-server.ts';

const test = suite('upload');
const command = '0196e6a0-0000-7000-8000-000000000001';
/** Retries at their shortest, so that a test does not wait. */
const eager: Random = { bytes: randomBytes, fraction: () => 0 };

function uploads(folder: string, url: string, limitBits = 1_000_000_000, stallMs = 30_000) {
  return openUploads({
    stallMs,
    files: systemFiles,
    clock: systemClock,
    random: eager,
    log: quietLog,
    folder: join(folder, 'uploads'),
    url,
    limitBits,
    tls: {},
  });
}

function parcel(folder: string, sizes: number[]): Parcel & { sent: Buffer[] } {
  const manifest = Buffer.from('{"manifest":true}');
  const sent = [manifest, ...sizes.map((size) => randomBytes(size))];
  const items = sent.map((bytes, index) => {
    if (index === 0) return { file: 'manifest.dsse.json', content: { bytes } };
    const path = join(folder, `${index}.mp4.age`);
    writeFileSync(path, bytes);
    return { file: `${index}.mp4.age`, content: { path, size: bytes.length } };
  });
  return { command, items, sent };
}

async function served(folder: string, name = 'hub') {
  mkdirSync(join(folder, name));
  return openTusServer(join(folder, name));
}
const never = new AbortController().signal;

test('the manifest goes first, then every file, with its name and command and nothing else', async () => {
  using folder = temporaryFolder();
  const server = await served(folder.path);
  const sender = await uploads(folder.path, server.url);
  const goods = parcel(folder.path, [700_000, 1, 65_536]);
  const progress: number[] = [];
  await sender.deliver(goods, ({ bytes }) => progress.push(bytes), never);
  assert.equal(
    server
      .whole()
      .map(({ command, file, bytes }, index) => [command, file, bytes.equals(goods.sent[index]!)]),
    goods.items.map(({ file }) => [command, file, true]),
  );
  assert.equal(
    [...progress].sort((a, b) => a - b),
    progress,
  );
  assert.is(
    progress.at(-1),
    goods.sent.reduce((sum, { length }) => sum + length, 0),
  );
  // Nothing is sent while a file is created, and no chunk is larger than its bound.
  assert.ok(server.requests().every(({ method, bytes }) => method === 'PATCH' || bytes === 0));
  assert.ok(server.requests().every(({ bytes }) => bytes <= 4 * 1024 * 1024));
  sender.close();
  await server.close();
});

test('cut again and again, it resumes where the server stands', async () => {
  using folder = temporaryFolder();
  const server = await served(folder.path);
  const link = await openLink(server.port, { bitsPerSecond: 40_000_000 });
  const sender = await uploads(folder.path, `http://127.0.0.1:${link.port}/upload`);
  const goods = parcel(folder.path, [4_000_000]);
  const delivered = sender.deliver(goods, () => {}, never);
  for (let cuts = 1; cuts <= 3; cuts++) {
    await eventually(`bytes before cut ${cuts}`, () => link.bytesUp() > cuts * 900_000);
    link.cut();
  }
  await delivered;
  assert.ok(server.whole()[1]?.bytes.equals(goods.sent[1]!));
  assert.ok(link.bytesUp() < 1.25 * 4_000_000, `${link.bytesUp()} bytes`);
  assert.is(server.requests().filter(({ method }) => method === 'POST').length, 2);
  sender.close();
  await link.close();
  await server.close();
});

test('a connection that dies in silence is noticed and replaced', async () => {
  using folder = temporaryFolder();
  const server = await served(folder.path);
  const link = await openLink(server.port, { bitsPerSecond: 40_000_000 });
  const sender = await uploads(folder.path, `http://127.0.0.1:${link.port}/upload`, 1_000_000_000, 500);
  const goods = parcel(folder.path, [4_000_000]);
  const delivered = sender.deliver(goods, () => {}, never);
  await eventually('some bytes', () => link.bytesUp() > 1_500_000);
  link.hush();
  await delivered;
  assert.ok(server.whole()[1]?.bytes.equals(goods.sent[1]!));
  assert.is(server.requests().filter(({ method }) => method === 'POST').length, 2);
  sender.close();
  await link.close();
  await server.close();
});

test('after a restart it goes on with the same upload', async () => {
  using folder = temporaryFolder();
  const server = await served(folder.path);
  const link = await openLink(server.port, { bitsPerSecond: 16_000_000 });
  const goods = parcel(folder.path, [2_000_000]);
  const url = `http://127.0.0.1:${link.port}/upload`;
  const first = await uploads(folder.path, url);
  const stop = new AbortController();
  const stopped = first.deliver(goods, () => {}, stop.signal).catch((error: Error) => error.message);
  await eventually('some bytes', () => link.bytesUp() > 1_000_000);
  stop.abort(new Error('stopping'));
  assert.is(await stopped, 'stopping');
  first.close();
  const second = await uploads(folder.path, url);
  assert.equal(await second.known(), [command]);
  await second.deliver(goods, () => {}, never);
  assert.ok(server.whole()[1]?.bytes.equals(goods.sent[1]!));
  assert.is(server.requests().filter(({ method }) => method === 'POST').length, 2);
  assert.ok(link.bytesUp() < 1.25 * 2_000_000, `${link.bytesUp()} bytes`);
  await second.forget(command);
  assert.equal(await second.known(), []);
  second.close();
  await link.close();
  await server.close();
});

test('a hub that is away, answers 500 or has lost an upload is asked again', async () => {
  using folder = temporaryFolder();
  const server = await served(folder.path);
  const link = await openLink(server.port);
  link.refuse(true);
  const sender = await uploads(folder.path, `http://127.0.0.1:${link.port}/upload`);
  const goods = parcel(folder.path, [300_000]);
  // Its address is remembered and the server knows nothing of it.
  writeFileSync(
    join(folder.path, 'uploads', `${command}.json`),
    JSON.stringify({ '1.mp4.age': { url: `http://127.0.0.1:${link.port}/upload/gone`, whole: false } }),
  );
  server.answer(500);
  const delivered = sender.deliver(goods, () => {}, never);
  link.refuse(false);
  await eventually('a question answered with 500', () => server.requests().length > 0);
  server.answer(undefined);
  await delivered;
  assert.ok(server.whole()[1]?.bytes.equals(goods.sent[1]!));
  sender.close();
  await link.close();
  await server.close();
});

test('a hub that does not want it, and changed footage end it, each with its code', async () => {
  using folder = temporaryFolder();
  const server = await served(folder.path);
  const sender = await uploads(folder.path, server.url);
  const goods = parcel(folder.path, [100_000]);
  const deliver = () => sender.deliver(goods, () => {}, never);
  server.answer(403);
  assert.is(await codeThrown(deliver), 'upload-refused');
  server.answer(undefined);
  await sender.forget(command);
  writeFileSync(join(folder.path, '1.mp4.age'), readFileSync(join(folder.path, '1.mp4.age')).subarray(5));
  assert.is(await codeThrown(deliver), 'footage-changed');
  await systemFiles.remove(join(folder.path, '1.mp4.age'));
  assert.is(await codeThrown(deliver), 'footage-missing');
  sender.close();
  await server.close();
});

test('a hub that has lost the manifest gets it again, before the rest', async () => {
  using folder = temporaryFolder();
  const server = await served(folder.path);
  const sender = await uploads(folder.path, server.url);
  const goods = parcel(folder.path, [50_000, 60_000]);
  let lost = true;
  server.answer((method, file) => {
    if (method === 'POST' && file === '2.mp4.age' && lost) {
      lost = false;
      return 412;
    }
    return undefined;
  });
  await sender.deliver(goods, () => {}, never);
  assert.equal(
    server.whole().map(({ file }) => file),
    ['manifest.dsse.json', '1.mp4.age', 'manifest.dsse.json', '1.mp4.age', '2.mp4.age'],
  );
  sender.close();
  await server.close();
});

test('a file that arrives wrong again and again is wrong on disk', async () => {
  using folder = temporaryFolder();
  const server = await served(folder.path);
  const sender = await uploads(folder.path, server.url);
  server.answer((method) => (method === 'PATCH' ? 460 : undefined));
  assert.is(
    await codeThrown(() => sender.deliver(parcel(folder.path, [100]), () => {}, never)),
    'footage-changed',
  );
  assert.is(server.requests().filter(({ method }) => method === 'PATCH').length, 3);
  sender.close();
  await server.close();
});

test('whatever address an answer names, bytes go to the one that is configured', async () => {
  using folder = temporaryFolder();
  const server = await served(folder.path);
  const elsewhere = await served(folder.path, 'elsewhere');
  const sender = await uploads(folder.path, server.url);
  writeFileSync(
    join(folder.path, 'uploads', `${command}.json`),
    JSON.stringify({ 'manifest.dsse.json': { url: `${elsewhere.url}/x`, whole: false } }),
  );
  const goods = parcel(folder.path, [100_000]);
  await sender.deliver(goods, () => {}, never);
  assert.is(server.whole().length, 2);
  assert.equal(elsewhere.requests(), []);
  sender.close();
  await server.close();
  await elsewhere.close();
});

test('keeps to its rate', async () => {
  using folder = temporaryFolder();
  const server = await served(folder.path);
  const sender = await uploads(folder.path, server.url, 8_000_000);
  const began = performance.now();
  await sender.deliver(parcel(folder.path, [1_500_000]), () => {}, never);
  const seconds = (performance.now() - began) / 1000;
  // 1.5 MB at 1 MB/s, less the quarter of a second that may go at once.
  assert.ok(seconds > 1.2, `${seconds} s`);
  sender.close();
  await server.close();
});
