import { type AddressInfo, createServer, type Socket } from 'node:net';

/** One local program that connected. */
export interface LoopbackPeer {
  write(bytes: string | Uint8Array): void;
  /** What it has not taken yet. */
  readonly unsentBytes: number;
  /** Sends what is written, then closes; with `abort` at once. Harmless when closed. */
  close(how?: 'abort'): void;
}

export interface LoopbackReceiver {
  /** Must not throw. */
  data(bytes: Buffer): void;
  /** The other end closed, or broke. Told once, and never after `close`. */
  ended(): void;
}

export interface LoopbackServer {
  readonly port: number;
  /** Nobody else may connect; who has keeps its connection. */
  stopListening(): void;
}

export type ListenLoopback = (accept: (peer: LoopbackPeer) => LoopbackReceiver) => Promise<LoopbackServer>;

/** More than the one that is waited for, and few: a stranger must neither take its place nor cost anything. */
const maxConnections = 8;

/** Listens on 127.0.0.1 alone, on a port that is free. Rejects with Node's own error. */
export const listenLoopback: ListenLoopback = (accept) =>
  new Promise((resolve, reject) => {
    const server = createServer((socket: Socket) => {
      let closed = false;
      const receiver = accept({
        write(bytes) {
          if (!closed) socket.write(bytes);
        },
        get unsentBytes() {
          return socket.writableLength;
        },
        close(how) {
          if (closed) return;
          closed = true;
          if (how === 'abort') socket.destroy();
          else socket.end();
        },
      });
      const end = (): void => {
        socket.destroy();
        if (closed) return;
        closed = true;
        receiver.ended();
      };
      socket.setNoDelay(true);
      socket.on('data', (bytes) => {
        if (!closed) receiver.data(bytes);
      });
      socket.on('end', end);
      socket.on('error', end);
      socket.on('close', end);
    });
    server.maxConnections = maxConnections;
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      server.off('error', reject);
      let listening = true;
      resolve({
        port: (server.address() as AddressInfo).port,
        stopListening() {
          if (listening) server.close();
          listening = false;
        },
      });
    });
  });
