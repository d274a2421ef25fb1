import { existsSync, readFileSync } from 'node:fs';
import { createServer, type Server as HttpServer } from 'node:http';
import { join } from 'node:path';
import { FileStore } from '@tus/file-store';
import { Server } from '@tus/server';

export interface TusServer {
  port: number;
  url: string;
  /** Uploads whose every byte is there, in the order in which they were created. */
  whole(): { command: string; file: string; bytes: Buffer }[];
  requests(): { method: string; bytes: number }[];
  /** Answers so, instead of taking anything; undefined takes uploads again. A function is asked about each request. */
  answer(
    status: number | undefined | ((method: string, file: string | undefined) => number | undefined),
  ): void;
  close(): Promise<void>;
}

/** The published tus server over a folder, in this process. */
export async function openTusServer(folder: string, port = 0): Promise<TusServer> {
  const created: { id: string; size: number; command: string; file: string }[] = [];
  const requests: { method: string; bytes: number }[] = [];
  let instead: (method: string, file: string | undefined) => number | undefined = () => undefined;
  const tus = new Server({
    path: '/upload',
    datastore: new FileStore({ directory: folder }),
    async onUploadCreate(_, { id, size, metadata }) {
      created.push({
        id,
        size: size ?? -1,
        command: metadata?.['command'] ?? '',
        file: metadata?.['file'] ?? '',
      });
      return {};
    },
  });
  const server: HttpServer = createServer((request, response) => {
    requests.push({ method: request.method ?? '', bytes: Number(request.headers['content-length'] ?? 0) });
    const encoded = /(?:^|,)file ([^,]+)/.exec(String(request.headers['upload-metadata'] ?? ''))?.[1];
    const status = instead(request.method ?? '', encoded && Buffer.from(encoded, 'base64').toString());
    if (status === undefined) return void tus.handle(request, response);
    request.resume();
    response.writeHead(status).end();
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  const address = server.address() as { port: number };
  return {
    port: address.port,
    url: `http://127.0.0.1:${address.port}/upload`,
    whole: () =>
      created.flatMap(({ id, size, command, file }) => {
        const path = join(folder, id);
        const bytes = existsSync(path) ? readFileSync(path) : Buffer.alloc(0);
        return bytes.length === size ? [{ command, file, bytes }] : [];
      }),
    requests: () => requests,
    answer: (status) => {
      instead = typeof status === 'function' ? status : () => status;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
