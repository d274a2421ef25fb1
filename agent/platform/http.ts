import { chmodSync, existsSync, mkdirSync, unlinkSync } from 'node:fs';
import { createServer, type RequestListener, request, type Server, type ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { connect } from 'node:net';
import { dirname } from 'node:path';
import { codeOf, Failure } from '#protocol/failure.ts';

interface Head {
  status: number;
  type: string;
  headers?: Readonly<Record<string, string>>;
}

export interface Reply extends Head {
  body: string | Buffer;
}

/** An answer without an end: whoever asked is told what happens until it goes. */
export interface Told extends Head {
  tell(to: Listener): void;
}

export interface Listener {
  /** Someone who does not read what is written is hung up on. */
  write(text: string): void;
  /** Hangs up. */
  end(): void;
  /** Aborts when it went, or the listener closes. */
  gone: AbortSignal;
}

export interface Asked {
  method: string;
  path: string;
  query: URLSearchParams;
  /** Names in lower case. */
  headers: Readonly<Record<string, string | string[] | undefined>>;
  /** Of whoever asks; empty on a unix socket. */
  address: string;
  /** Bounded by the listener. */
  body: Buffer;
}

/** Answers one request. */
export type Answer = (asked: Asked) => Promise<Reply | Told>;

export type Listen = { socket: string } | { host: string; port: number; tls?: { cert: string; key: string } };

/** Whoever asks has said all of it within this, or is hung up on; the answer may take longer. */
const requestTimeoutMs = 30_000;
/** What may wait for somebody who reads slowly: a page's worth. */
const maxUnreadBytes = 4 * 1024 * 1024;

function tellTo(outgoing: ServerResponse, { tell }: Told): void {
  const going = new AbortController();
  outgoing.on('close', () => going.abort());
  outgoing.flushHeaders();
  tell({
    write(text) {
      if (going.signal.aborted) return;
      if (outgoing.writableLength > maxUnreadBytes) outgoing.destroy();
      else outgoing.write(text);
    },
    end: () => void outgoing.end(),
    gone: going.signal,
  });
}

function serve(at: Listen, answer: Answer, { maxBodyBytes, maxConnections, failed }: ListenOptions): Server {
  const handle: RequestListener = (incoming, outgoing) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    incoming.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= maxBodyBytes) chunks.push(chunk);
    });
    incoming.on('error', () => {}); // The asker went away: nobody to answer.
    incoming.on('end', () => {
      const [path = '/', query] = (incoming.url ?? '/').split('?', 2);
      const replying: Promise<Reply | Told> =
        bytes > maxBodyBytes
          ? Promise.resolve({ status: 413, type: 'text/plain', body: 'too large\n' })
          : answer({
              method: incoming.method ?? 'GET',
              path,
              query: new URLSearchParams(query),
              headers: incoming.headers,
              address: incoming.socket.remoteAddress ?? '',
              body: Buffer.concat(chunks),
            });
      replying
        .catch((error: unknown): Reply => {
          failed(error);
          return { status: 500, type: 'text/plain', body: 'failed\n' };
        })
        .then((reply) => {
          if (outgoing.closed) return; // The asker did not wait.
          const { status, type, headers } = reply;
          outgoing.writeHead(status, { 'content-type': type, 'cache-control': 'no-store', ...headers });
          if ('tell' in reply) tellTo(outgoing, reply);
          else outgoing.end(reply.body);
        });
    });
  };
  const tls = 'tls' in at ? at.tls : undefined;
  const server: Server = tls
    ? createSecureServer({ requestTimeout: requestTimeoutMs, ...tls }, handle)
    : createServer({ requestTimeout: requestTimeoutMs }, handle);
  server.maxConnections = maxConnections ?? 32;
  return server;
}

/** Where no service manager made the folder of a socket. Whether it could, listening says. */
function makeFolder(path: string): void {
  try {
    mkdirSync(path, { recursive: true });
  } catch (error) {
    throw new Failure('unavailable', 'listen-failed', `cannot make ${path}: ${codeOf(error)}`, {
      cause: error,
    });
  }
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

export interface ListenOptions {
  maxBodyBytes: number;
  /** 32 unless said. */
  maxConnections?: number;
  failed(error: unknown): void;
}

/**
 * Listens; a unix socket is for its owner alone (0600) and replaces one that nobody answers on. Throws `listen-busy`
 * or `listen-failed`.
 */
export async function listenHttp(
  at: Listen,
  answer: Answer,
  options: ListenOptions,
): Promise<{ port: number; close(): Promise<void> }> {
  const where = 'socket' in at ? at.socket : `${at.host}:${at.port}`;
  if ('socket' in at && existsSync(at.socket)) {
    if (await answered(at.socket)) throw new Failure('unavailable', 'listen-busy', `${where} is in use`);
    unlinkSync(at.socket);
  } else if ('socket' in at) makeFolder(dirname(at.socket));
  const server = serve(at, answer, options);
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) =>
      reject(
        new Failure('unavailable', 'listen-failed', `cannot listen on ${where}: ${cause.message}`, { cause }),
      ),
    );
    // Nobody else may connect between bind and chmod.
    const mask = process.umask(0o177);
    try {
      server.listen('socket' in at ? { path: at.socket } : { host: at.host, port: at.port }, resolve);
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

/** Asks over a unix socket. Throws `socket-away` when nobody listens, or nothing comes for as long as the limit. */
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
