import { createHmac } from 'node:crypto';
import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import { stringify } from 'yaml';

/** Gives a hub's folder ways out, with their secrets beside them. */
export function giveWaysOut(
  hub: string,
  alarms: Record<string, unknown>,
  secrets: Record<string, string> = {},
): void {
  mkdirSync(join(hub, 'secrets'), { recursive: true });
  for (const [name, secret] of Object.entries(secrets))
    writeFileSync(join(hub, 'secrets', name), `${secret}\n`, { mode: 0o600 });
  appendFileSync(join(hub, 'hub.yaml'), stringify({ alarms }));
}

export interface HookCall {
  headers: IncomingMessage['headers'];
  body: { id: string; events: { event: string; alarm: string; [field: string]: unknown }[] };
  /** Whether the signature is that of the body by the key. */
  signed: boolean;
}

/** Somebody's webhook. */
export interface HookServer extends AsyncDisposable {
  url: string;
  calls: HookCall[];
  /** What it answers. */
  status: number;
}

export async function hookServer(key: string): Promise<HookServer> {
  const listener = createServer((request: IncomingMessage, response: ServerResponse) => {
    const pieces: Buffer[] = [];
    request.on('data', (piece: Buffer) => pieces.push(piece));
    request.on('end', () => {
      const bytes = Buffer.concat(pieces);
      const [, seconds = '', mac = ''] =
        /^t=(\d+),v1=([0-9a-f]{64})$/.exec(String(request.headers['peio-signature'])) ?? [];
      const own = createHmac('sha256', key)
        .update(Buffer.concat([Buffer.from(`${seconds}.`), bytes]))
        .digest('hex');
      server.calls.push({
        headers: request.headers,
        body: JSON.parse(bytes.toString()),
        signed: own === mac && Math.abs(Number(seconds) * 1000 - Date.now()) < 300_000,
      });
      response.writeHead(server.status).end();
    });
  });
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  const server: HookServer = {
    url: `http://127.0.0.1:${(listener.address() as { port: number }).port}/allarmi`,
    calls: [],
    status: 204,
    async [Symbol.asyncDispose]() {
      listener.closeAllConnections();
      await new Promise((resolve) => listener.close(resolve));
    },
  };
  return server;
}
