import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import * as assert from 'uvu/assert';
import { openHttpClient } from '#agent/platform/http-client.ts';
import { codeThrown } from '../support/code-thrown.ts';
import { suite } from '../support/suite.ts';

const test = suite('http client');
const never = new AbortController().signal;

async function served(answer: (request: IncomingMessage, response: ServerResponse) => void) {
  let connections = 0;
  const server = createServer(answer);
  server.on('connection', () => {
    connections += 1;
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const client = openHttpClient({ tls: {}, stallMs: 300, maxReplyBytes: 1000 });
  return {
    url: `http://127.0.0.1:${(server.address() as { port: number }).port}/`,
    client,
    connections: () => connections,
    async [Symbol.asyncDispose]() {
      client.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
const body = (count: number, size: number, each?: () => Promise<void>) => ({
  bytes: count * size,
  pieces: (async function* () {
    for (let i = 0; i < count; i++) {
      await each?.();
      yield Buffer.alloc(size, i);
    }
  })(),
});
const get = { method: 'GET', headers: {}, signal: never };

test('one connection for many requests, bodies and answers whole', async () => {
  let received = 0;
  await using far = await served((request, response) => {
    request.on('data', (chunk: Buffer) => {
      received += chunk.length;
    });
    request.on('end', () => response.writeHead(204, { 'X-Count': String(received) }).end());
  });
  for (let i = 1; i <= 5; i++) {
    const reply = await far.client.ask({ ...get, method: 'PATCH', url: far.url, body: body(40, 16_384) });
    assert.equal([reply.status, reply.headers['x-count']], [204, String(i * 40 * 16_384)]);
  }
  assert.is(far.connections(), 1);
});

test('a server that says nothing, one that stops reading, one that stops in its answer: stalled', async () => {
  await using silent = await served(() => {});
  assert.is(await codeThrown(() => silent.client.ask({ ...get, url: silent.url })), 'http-stalled');
  const large = { ...get, method: 'PATCH', url: silent.url, body: body(2000, 65_536) };
  assert.is(await codeThrown(() => silent.client.ask(large)), 'http-stalled');
  await using half = await served((_, response) =>
    response.writeHead(200, { 'content-length': '9' }).write('half'),
  );
  assert.is(await codeThrown(() => half.client.ask({ ...get, url: half.url })), 'http-stalled');
});

test('an endless answer, a broken connection, nobody there: named', async () => {
  await using endless = await served((_, response) => response.end(Buffer.alloc(2000)));
  assert.is(await codeThrown(() => endless.client.ask({ ...get, url: endless.url })), 'http-reply');
  await using broken = await served((request) => request.socket.resetAndDestroy());
  assert.is(await codeThrown(() => broken.client.ask({ ...get, url: broken.url })), 'http-broken');
  const gone = await served(() => {});
  await gone[Symbol.asyncDispose]();
  const client = openHttpClient({ tls: {}, stallMs: 300, maxReplyBytes: 1000 });
  assert.is(await codeThrown(() => client.ask({ ...get, url: gone.url })), 'http-broken');
  client.close();
});

test('an answer before the end of the body is the answer; the rest is not sent', async () => {
  let pieces = 0;
  await using far = await served((_, response) => response.writeHead(413).end());
  const sent = body(100_000, 16_384, async () => {
    pieces += 1;
  });
  const reply = await far.client.ask({ ...get, method: 'PATCH', url: far.url, body: sent });
  assert.is(reply.status, 413);
  assert.ok(pieces < 10_000, `${pieces} pieces`);
});

test("aborted it ends with the signal's reason, and a source that fails with its own", async () => {
  await using far = await served(() => {});
  const stop = new AbortController();
  const asked = far.client
    .ask({ ...get, url: far.url, signal: stop.signal })
    .catch((error: Error) => error.message);
  stop.abort(new Error('closing'));
  assert.is(await asked, 'closing');
  const broken = body(5, 10, async () => {
    throw Object.assign(new Error('gone'), { code: 'footage-missing' });
  });
  assert.is(
    await codeThrown(() => far.client.ask({ ...get, method: 'PATCH', url: far.url, body: broken })),
    'footage-missing',
  );
});
