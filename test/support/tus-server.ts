import { readFileSync } from 'node:fs';
import { createServer, type Server as HttpServer } from 'node:http';
import { join } from 'node:path';
import { FileStore } from '@tus/file-store';
import { Server } from '@tus/server';

export interface TusServer {
  port: number;
  url: string;
  /** Uploads whose every byte is there, in the order they ended. */
  whole(): { command: string; file: string; bytes: Buffer }[];
  requests(): { method: string; bytes: number }[];
  /** Answers so, instead of taking anything; undefined takes uploads again. */
  answer(status: number | undefined): void;
  close(): Promise<void>;
}

/** The published tus server over a folder, in this process. */
export async function openTusServer(folder: string, port = 0): Promise<TusServer> {
  const whole: { command: string; file: string; bytes: Buffer }[] = [];
  const requests: { method: string; bytes: number }[] = [];
  let instead: number | undefined;
  const tus = new Server({
    path: '/upload',
    datastore: new FileStore({ directory: folder }),
    async onUploadFinish(_, upload) {
      whole.push({
        command: upload.metadata?.['command'] ?? '',
        file: upload.metadata?.['file'] ?? '',
        bytes: readFileSync(join(folder, upload.id)),
      });
      return {};
    },
  });
  const server: HttpServer = createServer((request, response) => {
    requests.push({ method: request.method ?? '', bytes: Number(request.headers['content-length'] ?? 0) });
    if (instead === undefined) return void tus.handle(request, response);
    request.resume();
    response.writeHead(instead).end();
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  const address = server.address() as { port: number };
  return {
    port: address.port,
    url: `http://127.0.0.1:${address.port}/upload`,
    whole: () => whole,
    requests: () => requests,
    answer: (status) => {
      instead = status;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
