import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import type { Socket } from 'node:net';

export interface CappedAgent {
  /** For `http.request` or `https.request`. */
  agent: HttpAgent | HttpsAgent;
  /** Resolves when all connections together have read more than allowed; they are cut then. */
  exceeded: Promise<void>;
  close(): void;
}

/** At a gigabit 6 MB pass between two looks. */
const lookMs = 50;

/**
 * An agent whose connections may read `maxBytes` in all: for a library that would take any answer into memory. With
 * TLS no certificate is asked for, as cameras make their own: it is trusted no more than plain HTTP.
 */
export function openCappedAgent(maxBytes: number, tls: boolean): CappedAgent {
  const sockets = new Set<Socket>();
  const agent = tls ? new HttpsAgent({ rejectUnauthorized: false }) : new HttpAgent();
  const exceeded = Promise.withResolvers<void>();
  let closedBytes = 0;
  agent.on('free', (socket: Socket) => socket.destroy()); // Never kept: each is counted until it closes.
  const connect = agent.createConnection.bind(agent);
  agent.createConnection = ((options: object, done: never) => {
    const socket = connect(options as never, done) as Socket;
    sockets.add(socket);
    socket.once('close', () => {
      sockets.delete(socket);
      closedBytes += socket.bytesRead;
    });
    return socket;
  }) as typeof agent.createConnection;
  const timer = setInterval(() => {
    const read = [...sockets].reduce((sum, { bytesRead }) => sum + bytesRead, closedBytes);
    if (read <= maxBytes) return;
    for (const socket of sockets) socket.destroy();
    exceeded.resolve();
  }, lookMs);
  return {
    agent,
    exceeded: exceeded.promise,
    close() {
      clearInterval(timer);
      agent.destroy();
      for (const socket of sockets) socket.destroy();
    },
  };
}
