// The far end of the upload bench, in a network namespace of its own: a tus server and a plain sink.
// Lines on standard input: `cut` resets every connection. The first line of output is {"tus":port,"sink":port}.
import { mkdirSync } from 'node:fs';
import { createServer as createHttp } from 'node:http';
import { createServer, type Server, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { FileStore } from '@tus/file-store';
import { Server as TusServer } from '@tus/server';

const directory = process.argv[2] as string;
mkdirSync(directory, { recursive: true });
const tus = new TusServer({
  path: '/upload',
  datastore: new FileStore({ directory }),
  relativeLocation: true,
});
const sockets = new Set<Socket>();
const http = createHttp((request, response) => void tus.handle(request, response));
const sink = createServer({ allowHalfOpen: true }, (socket) => {
  socket.resume();
  socket.on('end', () => socket.end());
});
for (const server of [http, sink])
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => {}); // Cut on command.
    socket.on('close', () => sockets.delete(socket));
  });
const listen = (server: Server | typeof http): Promise<number> =>
  new Promise((resolve) =>
    server.listen(0, '0.0.0.0', () => resolve((server.address() as { port: number }).port)),
  );
process.stdout.write(`${JSON.stringify({ tus: await listen(http), sink: await listen(sink) })}\n`);
const lines = createInterface({ input: process.stdin });
lines.on('line', () => {
  for (const socket of sockets) socket.resetAndDestroy();
});
lines.on('close', () => process.exit());
