import { connect, createServer, type Socket } from 'node:net';

/** A TCP relay on loopback that counts what passes, both ways. */
export interface WireMeter extends AsyncDisposable {
  port: number;
  /** Bytes of payload, and reads as a rough count of segments, since the start. */
  reading(): { upBytes: number; downBytes: number; upReads: number; downReads: number };
}

export async function openMeter(targetPort: number): Promise<WireMeter> {
  const sockets = new Set<Socket>();
  const seen = { upBytes: 0, downBytes: 0, upReads: 0, downReads: 0 };
  const server = createServer((near) => {
    const far = connect({ port: targetPort, host: '127.0.0.1', noDelay: true });
    near.setNoDelay(true);
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(socket);
      socket.on('error', () => {}); // The other side hears of it by the close.
      socket.once('close', () => {
        sockets.delete(socket);
        other.destroy();
      });
      socket.pipe(other);
    }
    near.on('data', (chunk) => {
      seen.upBytes += chunk.length;
      seen.upReads += 1;
    });
    far.on('data', (chunk) => {
      seen.downBytes += chunk.length;
      seen.downReads += 1;
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as { port: number }).port,
    reading: () => ({ ...seen }),
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy();
        server.close(() => resolve());
      }),
  };
}
