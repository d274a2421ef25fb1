import { request } from 'node:http';
import type { z } from 'zod';
import { codeOf, Failure, type FailureKind } from '#protocol/failure.ts';
import type { Answers, bodies } from '../api/schema.ts';
import { socketPath } from '../settings.ts';

/** An answer is a status of the whole fleet or a register: megabytes at most. */
const maxAnswerBytes = 64 * 1024 * 1024;
const timeoutMs = 60_000;

export interface HubClient {
  get<P extends keyof Answers & `GET /${string}`>(
    path: P,
    query?: Record<string, string>,
  ): Promise<Answers[P]>;
  post<N extends keyof typeof bodies & string>(
    name: N,
    body: z.input<(typeof bodies)[N]>,
  ): Promise<Answers[`POST /${N}` & keyof Answers]>;
}

const kinds: readonly string[] = [
  'config',
  'invalid',
  'denied',
  'transient',
  'exhausted',
  'corrupt',
  'unavailable',
  'usage',
];

/** Talks to the `hub serve` of a folder. Throws its failures as they were, and `hub-away` when there is none. */
export function openClient(dir: string): HubClient {
  const socket = socketPath(dir);
  const call = (method: string, path: string, body?: unknown): Promise<unknown> =>
    new Promise((resolve, reject) => {
      const fail = (cause: unknown): void =>
        reject(
          new Failure(
            'unavailable',
            'hub-away',
            `no hub answers at ${socket} (${codeOf(cause)}): start it with "hub serve --hub ${dir}"`,
            { cause },
          ),
        );
      const outgoing = request({ socketPath: socket, method, path, timeout: timeoutMs }, (response) => {
        const chunks: Buffer[] = [];
        let bytes = 0;
        response.on('data', (chunk: Buffer) => {
          bytes += chunk.length;
          if (bytes > maxAnswerBytes) outgoing.destroy(new Error('answer too large'));
          else chunks.push(chunk);
        });
        response.on('error', fail);
        response.on('end', () => {
          let value: unknown;
          try {
            value = JSON.parse(Buffer.concat(chunks).toString('utf8'));
          } catch (cause) {
            return fail(cause);
          }
          if (response.statusCode === 200) return resolve(value);
          const { kind, code, sentence } = value as { kind: string; code: string; sentence: string };
          const known = kinds.includes(kind) ? (kind as FailureKind) : 'unavailable';
          reject(new Failure(known, code, sentence));
        });
      });
      outgoing.on('timeout', () => outgoing.destroy(new Error('no answer')));
      outgoing.on('error', fail);
      outgoing.end(body === undefined ? undefined : JSON.stringify(body));
    });
  return {
    get: (path, query = {}) =>
      call('GET', `${path.slice(4)}?${new URLSearchParams(query)}`) as ReturnType<HubClient['get']> as never,
    post: (name, body) => call('POST', `/${name}`, body) as never,
  };
}
