import { chmodSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { z } from 'zod';
import type { Log } from '#agent/platform/log.ts';
import { parseJson } from '#protocol/envelope.ts';
import { Failure } from '#protocol/failure.ts';
import { type Answers, bodies, type ErrorAnswer, maxBodyBytes } from '../api/schema.ts';
import { diskRefusal } from './disk-refusal.ts';

type Bodies = { [name in keyof typeof bodies]: z.output<(typeof bodies)[name]> };

/** What answers; each is bounded and parsed before it is called. */
export type Handlers = {
  [path in keyof Answers]: (
    ask: path extends `POST /${infer name extends keyof Bodies}` ? Bodies[name] : URLSearchParams,
  ) => Promise<Answers[path]> | Answers[path];
};

const httpStatus: Partial<Record<string, number>> = {
  invalid: 400,
  denied: 409,
  usage: 400,
  unavailable: 503,
  transient: 503,
  exhausted: 507,
};

const failed = { kind: 'bug', code: 'bug', sentence: 'the hub failed: see its log' } satisfies ErrorAnswer;

/**
 * HTTP with JSON on a socket that only this user may open. Throws `unavailable` `socket` when it cannot listen; a
 * socket left by a crash is replaced, since the hub's lock is held.
 */
export function listenApi(
  path: string,
  handlers: Handlers,
  log: Log,
  broken: (error: unknown) => void,
): Promise<Server> {
  const server = createServer({ requestTimeout: 30_000, maxHeaderSize: 8192 }, (request, response) => {
    answer(request, handlers).then(
      (value) => reply(response, 200, value),
      (error: unknown) => {
        const named = error instanceof Failure ? error : diskRefusal(error);
        if (named) {
          const { kind, code, message: sentence } = named;
          log.info({ path: request.url?.split('?')[0], code, sentence }, 'refused');
          reply(response, httpStatus[kind] ?? 500, { kind, code, sentence } satisfies ErrorAnswer);
        } else reply(response, 500, failed);
        if (named !== error) broken(error);
      },
    );
  });
  return new Promise((resolve, reject) => {
    rmSync(path, { force: true });
    const umask = process.umask(0o177);
    server.once('error', (cause) =>
      reject(new Failure('unavailable', 'socket', `cannot listen at ${path}`, { cause })),
    );
    server.listen(path, () => {
      chmodSync(path, 0o600);
      resolve(server);
    });
    process.umask(umask);
  });
}

async function answer(request: IncomingMessage, handlers: Handlers): Promise<unknown> {
  const url = new URL(request.url ?? '/', 'http://hub');
  const path = `${request.method} ${url.pathname}`;
  const table = handlers as unknown as Record<string, (ask: unknown) => unknown>;
  if (!Object.hasOwn(table, path))
    throw new Failure('usage', 'unknown-path', `this hub does not know ${path.slice(0, 80)}`);
  const body = await read(request);
  if (path.startsWith('GET ')) {
    return await table[path]?.(url.searchParams);
  }
  const parsed = bodies[path.slice('POST /'.length) as keyof typeof bodies].safeParse(parseJson(body));
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw new Failure('usage', 'malformed', `${issue?.path.join('.') || 'body'}: ${issue?.message}`);
  }
  return await table[path]?.(parsed.data);
}

async function read(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > maxBodyBytes) throw new Failure('invalid', 'too-large', `more than ${maxBodyBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function reply(response: ServerResponse, status: number, value: unknown): void {
  const text = Buffer.from(JSON.stringify(value));
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': text.length });
  response.end(text);
}
