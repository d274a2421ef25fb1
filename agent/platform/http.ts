import { chmodSync, existsSync, unlinkSync } from 'node:fs';
import { createServer, request, type Server } from 'node:http';
import { connect } from 'node:net';
import { Failure } from '#protocol/failure.ts';

export interface Reply {
  status: number;
  type: string;
  body: string | Buffer;
}

/** Answers one request; `body` is bounded by the listener. */
export type Answer = (asked: { method: string; path: string; body: Buffer }) => Promise<Reply>;

export type Listen = { socket: string } | { host: string; port: number };

/** A request on a local socket is answered within this, or its connection is closed. */
const requestTimeoutMs = 30_000;

function serve(answer: Answer, maxBodyBytes: number, failed: (error: unknown) => void): Server {
  const server = createServer({ requestTimeout: requestTimeoutMs }, (incoming, outgoing) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    incoming.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= maxBodyBytes) chunks.push(chunk);
    });
    incoming.on('error', () => {}); // The asker went away: nobody to answer.
    incoming.on('end', () => {
      const path = (incoming.url ?? '/').split('?')[0] ?? '/';
      const replying =
        bytes > maxBodyBytes
          ? Promise.resolve<Reply>({ status: 413, type: 'text/plain', body: 'too large\n' })
          : answer({ method: incoming.method ?? 'GET', path, body: Buffer.concat(chunks) });
      replying
        .catch((error: unknown): Reply => {
          failed(error);
          return { status: 500, type: 'text/plain', body: 'failed\n' };
        })
        .then(({ status, type, body }) => {
          outgoing.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' });
          outgoing.end(body);
        });
    });
  });
  server.maxConnections = 32;
  return server;
}

/** Whether somebody answers on a unix socket: tells a living owner from a file that a crash left. */
function answered(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(path);
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
    probe.once('error', () => resolve(false));
  });
}

/**
 * Listens; a unix socket is for its owner alone (0600) and replaces one that nobody answers on. Throws `listen-busy`
 * or `listen-failed`.
 */
export async function listenHttp(
  at: Listen,
  answer: Answer,
  options: { maxBodyBytes: number; failed(error: unknown): void },
): Promise<{ port: number; close(): Promise<void> }> {
  const where = 'socket' in at ? at.socket : `${at.host}:${at.port}`;
  if ('socket' in at && existsSync(at.socket)) {
    if (await answered(at.socket)) throw new Failure('unavailable', 'listen-busy', `${where} is in use`);
    unlinkSync(at.socket);
  }
  const server = serve(answer, options.maxBodyBytes, options.failed);
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) =>
      reject(
        new Failure('unavailable', 'listen-failed', `cannot listen on ${where}: ${cause.message}`, { cause }),
      ),
    );
    // Nobody else may connect between bind and chmod.
    const mask = process.umask(0o177);
    try {
      server.listen('socket' in at ? { path: at.socket } : at, resolve);
    } finally {
      process.umask(mask);
    }
  });
  if ('socket' in at) chmodSync(at.socket, 0o600);
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** Asks over a unix socket. Throws `socket-away` when nobody listens, `process-timeout` past the limit. */
export function askSocket(
  socketPath: string,
  asked: { method: string; path: string; body?: Buffer },
  bounds: { timeoutMs: number; maxBytes: number },
): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const outgoing = request(
      { socketPath, method: asked.method, path: asked.path, timeout: bounds.timeoutMs },
      (incoming) => {
        const chunks: Buffer[] = [];
        let bytes = 0;
        incoming.on('data', (chunk: Buffer) => {
          bytes += chunk.length;
          if (bytes > bounds.maxBytes) incoming.destroy(new Error('the answer is too long'));
          else chunks.push(chunk);
        });
        incoming.on('error', away);
        incoming.on('end', () =>
          resolve({
            status: incoming.statusCode ?? 0,
            type: incoming.headers['content-type'] ?? '',
            body: Buffer.concat(chunks),
          }),
        );
      },
    );
    const away = (cause: unknown): void =>
      reject(
        new Failure(
          'unavailable',
          'socket-away',
          `nobody answers on ${socketPath}: is the program running?`,
          { cause },
        ),
      );
    outgoing.on('error', away);
    outgoing.on('timeout', () => outgoing.destroy(new Error('timeout')));
    outgoing.end(asked.body);
  });
}
