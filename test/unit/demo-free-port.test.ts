import { createServer, type Server } from 'node:net';
import * as assert from 'uvu/assert';
import { freePort } from '../../deploy/demo/free-port.ts';
import { suite } from '../support/suite.ts';

const test = suite('a port for a program of the demo');

function listening(port: number): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(port, '127.0.0.1', () => resolve(server));
  });
}

const closed = (server: Server): Promise<void> => new Promise((resolve) => server.close(() => resolve()));

test('is none that the kernel gives to whoever asks for any', async () => {
  assert.ok((await freePort()) < 32_768);
});

test('is another at every call, and one that can be listened at', async () => {
  const servers: Server[] = [];
  const ports: number[] = [];
  for (let i = 0; i < 20; i++) {
    const port = await freePort();
    ports.push(port);
    servers.push(await listening(port));
  }
  assert.is(new Set(ports).size, ports.length);
  await Promise.all(servers.map(closed));
});

test('is not one that somebody has', async () => {
  const before = await freePort();
  const taken = await Promise.all(
    [before + 1, before + 2].map((port) => listening(port).catch(() => undefined)),
  );
  const port = await freePort();
  assert.ok(port !== before + 1 && port !== before + 2);
  await Promise.all(taken.map((server) => server && closed(server)));
});
