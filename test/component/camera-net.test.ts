import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import * as assert from 'uvu/assert';
import { openRtspIngest } from '#agent/camera/rtsp-ingest.ts';
import { systemClock } from '#agent/platform/clock.ts';
import { openLog } from '#agent/platform/log.ts';
import { type Connection, openNet, type TlsTrust } from '#agent/platform/net.ts';
import { systemRandom } from '#agent/platform/random.ts';
import { codeOf } from '#protocol/failure.ts';
import { keepingSink } from '../fixtures/camera/keep.ts';
import { startSimulator } from '../simulator/simulator.ts';
import { eventually } from '../support/eventually.ts';
import { suite } from '../support/suite.ts';

const test = suite('sockets of the ingest');
const fixture = (name: string): string =>
  readFileSync(new URL(`../fixtures/camera/${name}`, import.meta.url), 'utf8');
// A key for tests alone: it protects nothing.
const certificate = { key: fixture('self-signed.key'), cert: fixture('self-signed.crt') };
const { fingerprint256 } = new X509Certificate(certificate.cert);
const net = openNet(40);
const never = new AbortController().signal;

async function listening(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

interface Heard {
  connection: Connection;
  bytes: Buffer[];
  reads: number[];
  ended: (Error | undefined)[];
}

async function open(port: number): Promise<Heard> {
  const bytes: Buffer[] = [];
  const reads: number[] = [];
  const ended: (Error | undefined)[] = [];
  const receiver = {
    data(shared: Buffer, length: number) {
      bytes.push(Buffer.from(shared.subarray(0, length)));
      reads.push(performance.now());
    },
    ended: (error: Error | undefined) => ended.push(error),
  };
  const connection = await net.connect({ host: '127.0.0.1', port }, receiver, never);
  return { connection, bytes, reads, ended };
}

/** A server and its newest connection. */
async function server(): Promise<
  { port: number; sockets: Socket[]; socket(): Promise<Socket> } & AsyncDisposable
> {
  const sockets: Socket[] = [];
  const listener = createServer((socket) => {
    socket.on('error', () => {}); // what an aborted client leaves is the test's own doing
    sockets.push(socket);
  });
  const port = await listening(listener);
  return {
    port,
    sockets,
    socket: () => eventually('a connection', () => sockets.at(-1)),
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => listener.close(resolve));
    },
  };
}

test('loses and mixes no byte of many connections that share a buffer, paced or not', async () => {
  await using listener = await server();
  const size = 3_000_000;
  const clients: { heard: Heard; content: Buffer }[] = [];
  for (let i = 0; i < 6; i++) {
    const heard = await open(listener.port);
    if (i % 2 === 0) heard.connection.pace();
    clients.push({ heard, content: Buffer.alloc(size, `${i}:`) });
  }
  const sockets = await eventually(
    'all connections',
    () => listener.sockets.length === 6 && listener.sockets,
  );
  for (const [i, socket] of sockets.entries()) socket.write(clients[i]!.content);
  for (const { heard, content } of clients) {
    await eventually('every byte', () => heard.bytes.reduce((sum, { length }) => sum + length, 0) === size);
    // Which socket belongs to which client is not known: each must have got one content whole.
    const got = Buffer.concat(heard.bytes);
    assert.ok(
      clients.some((other) => other.content.equals(got)),
      `${content.length}`,
    );
    heard.connection.close();
  }
});

test('reads a trickle on a common beat', async () => {
  await using listener = await server();
  const heard = await open(listener.port);
  heard.connection.pace();
  const socket = await listener.socket();
  const trickle = setInterval(() => socket.write('x'), 2);
  try {
    await eventually('a second of trickle', () => heard.reads.length > 10);
  } finally {
    clearInterval(trickle);
  }
  const pauses = heard.reads.slice(2).map((at, i) => at - heard.reads[i + 1]!);
  const mean = pauses.reduce((a, b) => a + b, 0) / pauses.length;
  assert.ok(mean > 30, `a read every ${mean} ms`);
  // Not the last: on a busy machine nothing may have been written before it.
  assert.ok(heard.bytes.some(({ length }) => length > 5));
  heard.connection.close();
});

test('tells the end once, and nothing after close', async () => {
  await using listener = await server();
  const first = await open(listener.port);
  first.connection.pace();
  (await listener.socket()).end('goodbye');
  await eventually('the end', () => first.ended.length > 0);
  assert.equal(first.ended, [undefined]);
  assert.is(Buffer.concat(first.bytes).toString(), 'goodbye');
  first.connection.close();

  const second = await open(listener.port);
  const socket = await listener.socket();
  let seen = '';
  let closed = false;
  socket.on('data', (bytes) => {
    seen += String(bytes);
  });
  socket.on('end', () => {
    closed = true;
  });
  second.connection.write('TEARDOWN');
  second.connection.close();
  socket.write('too late');
  await eventually('what was written, and the end', () => closed && seen === 'TEARDOWN');
  assert.equal(second.ended, []);
  assert.equal(second.bytes, []);
});

test('breaks a connection that takes nothing more', async () => {
  await using listener = await server();
  const heard = await open(listener.port);
  (await listener.socket()).pause();
  await eventually('the bound', () => {
    heard.connection.write(Buffer.alloc(1024 * 1024));
    return heard.ended.length > 0;
  });
  assert.instance(heard.ended[0], Error);
});

test('gives up a connection that was called off', async () => {
  const stop = new AbortController();
  const receiver = { data() {}, ended: () => assert.unreachable() };
  await using listener = await server();
  const target = { host: '127.0.0.1', port: listener.port };
  const pending = net.connect(target, receiver, stop.signal);
  stop.abort();
  const outcome = await pending.then(
    () => 'connected',
    () => 'refused',
  );
  assert.is(outcome, 'refused');
  assert.is(await net.connect(target, receiver, stop.signal).catch(() => 'refused'), 'refused');
});

test('records over TLS from a camera that somebody vouches for, and from no other', async () => {
  await using simulator = await startSimulator({ cameras: [{ path: '/cam', fromStart: true }] });
  const sockets: Socket[] = [];
  let clear = '';
  const front = createTlsServer(certificate, (socket) => {
    const back = connect(simulator.port, '127.0.0.1');
    sockets.push(socket, back);
    socket.on('error', () => back.destroy());
    back.on('error', () => socket.destroy());
    socket.on('data', (bytes) => {
      clear += bytes.toString();
    });
    // The simulated camera knows itself as rtsp alone.
    socket.on('data', (bytes) =>
      back.write(bytes.toString('latin1').replaceAll('rtsps:', 'rtsp:'), 'latin1'),
    );
    back.pipe(socket);
  });
  const port = await listening(front);
  const record = async (tls: TlsTrust | undefined): Promise<string> => {
    const sink = keepingSink();
    const stop = new AbortController();
    const url = `rtsps://127.0.0.1:${port}/cam`;
    const parts = { clock: systemClock, random: systemRandom, net, log: openLog('silent') };
    const ingest = openRtspIngest({ url, ...(tls ? { tls } : {}), ...parts });
    const ended = ingest.run(sink, stop.signal).then(() => 'recorded', codeOf);
    let over = false;
    void ended.then(() => {
      over = true;
    });
    await eventually('a GOP, or a refusal', () => over || sink.files[0]?.fragments[0] !== undefined);
    stop.abort();
    return ended;
  };
  try {
    assert.is(await record({ ca: certificate.cert }), 'recorded');
    assert.is(await record({ fingerprint256 }), 'recorded');
    assert.match(clear, 'OPTIONS');
    clear = '';
    assert.is(await record(undefined), 'no-connection');
    assert.is(await record({ fingerprint256: fingerprint256.replace(/^../, '00') }), 'no-connection');
    assert.is(clear, '', 'nothing is sent to a camera that is not trusted');
  } finally {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => front.close(resolve));
  }
});
