import type { HttpRequest, HttpResponse, HttpStack } from 'tus-js-client';
import { Failure } from '#protocol/failure.ts';
import type { HttpBody, HttpClient, HttpReply } from '../platform/http-client.ts';

/**
 * Requests of the tus client over our own connection. What the client would take wrongly is turned into a failure it
 * tries again after: an answer of 500 and more to HEAD, for which it would begin the file anew; an offset that does
 * not fit what was sent, for which it would send in circles. Of the address that the server gives an upload the path
 * counts alone: everything goes to `origin`, whatever a server behind a proxy takes itself for, or somebody says.
 */
export function tusStack(client: HttpClient, origin: string, signal: AbortSignal): HttpStack {
  return {
    getName: () => 'peio',
    createRequest: (method, url) => tusRequest(client, method, url, origin, signal),
  };
}

function tusRequest(
  client: HttpClient,
  method: string,
  url: string,
  origin: string,
  signal: AbortSignal,
): HttpRequest {
  const headers: Record<string, string> = {};
  const own = new AbortController();
  return {
    getMethod: () => method,
    getURL: () => url,
    setHeader(name, value) {
      headers[name] = value;
    },
    getHeader: (name) => headers[name],
    setProgressHandler: () => {}, // Progress is what the server has acknowledged.
    getUnderlyingObject: () => undefined,
    abort: async () => own.abort(),
    async send(body: HttpBody | null) {
      const { pathname, search } = new URL(url);
      const reply = await client.ask({
        method,
        url: new URL(`${pathname}${search}`, origin).href,
        headers,
        body: body ?? undefined,
        signal: AbortSignal.any([signal, own.signal]),
      });
      if (reply.status >= 500) throw new Failure('transient', 'upload-server', `status ${reply.status}`);
      if (method === 'PATCH' && reply.status < 300) requireAdvance(headers, body, reply);
      return tusResponse(reply);
    },
  };
}

function requireAdvance(headers: Record<string, string>, body: HttpBody | null, reply: HttpReply): void {
  const advance = Number(reply.headers['upload-offset']) - Number(headers['Upload-Offset']);
  if (!(advance > 0 && advance <= (body?.bytes ?? 0)))
    throw new Failure(
      'transient',
      'upload-offset',
      `${advance} bytes were acknowledged of ${body?.bytes ?? 0}`,
    );
}

function tusResponse(reply: HttpReply): HttpResponse {
  return {
    getStatus: () => reply.status,
    getHeader: (name) => reply.headers[name.toLowerCase()],
    getBody: () => reply.body.toString('utf8'),
    getUnderlyingObject: () => undefined,
  };
}
