import { createSocket } from 'node:dgram';
import { isIPv6 } from 'node:net';

/** A UDP socket bound to one other end: packets of anybody else never arrive. */
export interface UdpPeer {
  /** Harmless when closed. What the kernel refuses is told to `failed`. */
  send(bytes: Uint8Array): void;
  close(): void;
}

/** A UDP socket that hears everybody. */
export interface UdpListener {
  readonly port: number;
  send(bytes: Uint8Array, port: number, host: string): void;
  close(): Promise<void>;
}

export interface Udp {
  /**
   * Rejects with Node's own error when the name does not resolve or no route leads there. `failed` is told of what
   * comes back later, such as ECONNREFUSED.
   */
  connect(
    target: { host: string; port: number },
    take: (bytes: Buffer) => void,
    failed: (error: NodeJS.ErrnoException) => void,
  ): Promise<UdpPeer>;
  /**
   * With `group`, `host` is a multicast address, joined on the interface that has the address `group`. With `from`, what
   * is sent to a group leaves by the interface that has that address, and goes no further than its segment.
   */
  listen(
    where: { host: string; port: number; group?: string; from?: string; bufferBytes?: number },
    take: (bytes: Buffer, port: number, host: string) => void,
  ): Promise<UdpListener>;
}

export const systemUdp: Udp = {
  connect({ host, port }, take, failed) {
    return new Promise((resolve, reject) => {
      const socket = createSocket(isIPv6(host) ? 'udp6' : 'udp4');
      let closed = false;
      const close = (): void => {
        if (!closed) socket.close();
        closed = true;
      };
      socket.on('message', take);
      socket.once('error', (error) => {
        close();
        reject(error);
      });
      socket.connect(port, host, ((error?: Error) => {
        if (error) {
          close();
          return reject(error);
        }
        socket.removeAllListeners('error');
        socket.on('error', failed);
        resolve({
          send(bytes) {
            if (!closed) socket.send(bytes, (sendError) => sendError && !closed && failed(sendError));
          },
          close,
        });
      }) as () => void);
    });
  },
  listen({ host, port, group, from, bufferBytes }, take) {
    return new Promise((resolve, reject) => {
      const type = isIPv6(host) ? 'udp6' : 'udp4';
      const socket = createSocket({ type, reuseAddr: group !== undefined });
      const failed = (error: Error): void => {
        socket.close();
        reject(error);
      };
      socket.once('error', failed);
      socket.bind(port, host, () => {
        socket.off('error', failed);
        try {
          // The kernel gives less where its own limit is lower.
          if (bufferBytes !== undefined) socket.setRecvBufferSize(bufferBytes);
          if (group !== undefined) socket.addMembership(host, group);
          if (from !== undefined) socket.setMulticastInterface(from);
          if (from !== undefined) socket.setMulticastTTL(1);
        } catch (error) {
          return failed(error as Error);
        }
        socket.on('error', () => {}); // A refused answer: its asker is gone, and nobody else is concerned.
        socket.on('message', (bytes, from) => take(bytes, from.port, from.address));
        resolve({
          port: socket.address().port,
          send: (bytes, toPort, toHost) => socket.send(bytes, toPort, toHost, () => {}),
          close: () => new Promise((done) => socket.close(() => done())),
        });
      });
    });
  },
};
