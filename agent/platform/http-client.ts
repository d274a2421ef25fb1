import { Agent as PlainAgent, request as plainRequest } from 'node:http';
import { Agent as TlsAgent, request as tlsRequest } from 'node:https';
import { Failure } from '#protocol/failure.ts';

/** Contents, not paths; those of the moment in which a connection begins. */
export interface HttpTls {
  readonly ca?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  /** No certificate is asked for: trusted no more than plain HTTP. */
  unverified?: true;
}

export interface HttpBody {
  bytes: number;
  /** Asked for the next piece only when the connection has taken the one before. */
  pieces: AsyncIterable<Uint8Array>;
}

export interface HttpAsk {
  method: string;
  url: string;
  headers: Record<string, string>;
  body?: HttpBody | undefined;
  signal: AbortSignal;
}

export interface HttpReply {
  status: number;
  /** Names in lower case; of a repeated one the values joined. */
  headers: Record<string, string>;
  body: Buffer;
}

export interface HttpClient {
  /**
   * One request. Throws `http-stalled` when nothing moves for `stallMs`, `http-broken` when the connection fails and
   * `http-reply` for an answer beyond `maxReplyBytes` (transient all); with the signal's reason when it aborts.
   */
  ask(asked: HttpAsk): Promise<HttpReply>;
  close(): void;
}

/** Keeps one connection alive between requests, so that many small ones cost one handshake. */
export function openHttpClient(options: {
  tls: HttpTls;
  stallMs: number;
  maxReplyBytes: number;
}): HttpClient {
  const settings = { keepAlive: true, maxSockets: 1, maxFreeSockets: 1 };
  const agents = {
    'http:': new PlainAgent(settings),
    'https:': new TlsAgent({ ...settings, rejectUnauthorized: !options.tls.unverified }),
  };
  return {
    ask: (asked) => ask(asked, agents, options),
    close() {
      for (const agent of Object.values(agents)) agent.destroy();
    },
  };
}

async function ask(
  { method, url, headers, body, signal }: HttpAsk,
  agents: { 'http:': PlainAgent; 'https:': TlsAgent },
  { tls, ...bounds }: { tls: HttpTls; stallMs: number; maxReplyBytes: number },
): Promise<HttpReply> {
  signal.throwIfAborted();
  const address = new URL(url);
  const length = body ? { 'content-length': String(body.bytes) } : {};
  const all = { method, headers: { ...headers, ...length } };
  const outgoing =
    address.protocol === 'https:'
      ? tlsRequest(address, { ...all, ca: tls.ca, cert: tls.cert, key: tls.key, agent: agents['https:'] })
      : plainRequest(address, { ...all, agent: agents['http:'] });
  const end = Promise.withResolvers<HttpReply>();
  const transient = (code: string, sentence: string, cause?: unknown): void => {
    end.reject(new Failure('transient', code, `${address.host}: ${sentence}`, { cause }));
    outgoing.destroy();
  };
  const stalled = (): void => transient('http-stalled', `nothing moved for ${bounds.stallMs} ms`);
  let watch = setTimeout(stalled, bounds.stallMs);
  const moved = (): void => {
    clearTimeout(watch);
    watch = setTimeout(stalled, bounds.stallMs);
  };
  const abort = (): void => {
    end.reject(signal.reason);
    outgoing.destroy();
  };
  signal.addEventListener('abort', abort, { once: true });
  outgoing.on('socket', (socket) => socket.setNoDelay(true));
  outgoing.on('error', (cause) => transient('http-broken', cause.message, cause));
  outgoing.on('response', (incoming) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    incoming.on('data', (chunk: Buffer) => {
      moved();
      bytes += chunk.length;
      if (bytes > bounds.maxReplyBytes)
        transient('http-reply', `an answer of more than ${bounds.maxReplyBytes} bytes`);
      else chunks.push(chunk);
    });
    incoming.on('error', (cause) => transient('http-broken', cause.message, cause));
    incoming.on('end', () =>
      end.resolve({
        status: incoming.statusCode ?? 0,
        headers: Object.fromEntries(
          Object.entries(incoming.headers).map(([name, value]) => [name, String(value)]),
        ),
        body: Buffer.concat(chunks),
      }),
    );
  });
  let over = false;
  const sending = send();
  try {
    return await end.promise;
  } finally {
    over = true;
    clearTimeout(watch);
    signal.removeEventListener('abort', abort);
    // An answer before the end of the body: the rest is not wanted.
    if (!outgoing.writableEnded) outgoing.destroy();
    await sending;
  }

  /** Ends quietly when the request does: what went wrong is told there. */
  async function send(): Promise<void> {
    try {
      for await (const piece of body?.pieces ?? []) {
        if (over) return;
        if (!outgoing.write(piece)) await drained();
        if (over) return;
        moved();
      }
      outgoing.end();
    } catch (error) {
      end.reject(error);
      outgoing.destroy();
    }
  }
  function drained(): Promise<void> {
    return new Promise((resolve) => {
      if (outgoing.closed) return resolve();
      const done = (): void => {
        outgoing.off('drain', done);
        outgoing.off('close', done);
        resolve();
      };
      outgoing.on('drain', done);
      outgoing.on('close', done);
    });
  }
}
