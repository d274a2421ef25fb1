import { connect, createServer, type Socket } from 'node:net';

/** A TCP relay on loopback that fails on command. */
export interface TcpProxy {
  port: number;
  /** Bytes that went towards the target since the start. */
  bytesUp(): number;
  /** Calls of {@link cut} that met a connection. */
  cuts(): number;
  /** Resets every connection; new ones pass. */
  cut(): void;
  /** Resets every connection and refuses new ones until {@link open}. */
  shut(): void;
  open(): void;
  close(): Promise<void>;
}

export async function tcpProxy(targetPort: number): Promise<TcpProxy> {
  const sockets = new Set<Socket>();
  let refusing = false;
  let up = 0;
  let cuts = 0;
  const server = createServer((near) => {
    if (refusing) return void near.resetAndDestroy();
    const far = connect(targetPort, '127.0.0.1');
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on('error', () => {}); // A cut is what the proxy is for.
      socket.once('close', () => {
        sockets.delete(socket);
        near.destroy();
        far.destroy();
      });
    }
    near.on('data', (chunk) => {
      up += chunk.length;
    });
    near.pipe(far);
    far.pipe(near);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const cut = (): void => {
    if (sockets.size > 0) cuts += 1;
    for (const socket of sockets) socket.resetAndDestroy();
  };
  return {
    port: (server.address() as { port: number }).port,
    bytesUp: () => up,
    cuts: () => cuts,
    cut,
    shut() {
      refusing = true;
      cut();
    },
    open() {
      refusing = false;
    },
    close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      cut();
      return closed;
    },
  };
}
