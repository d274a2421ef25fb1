import { type ChildProcess, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { Aedes } from 'aedes';
import { freePort } from '../../deploy/demo/free-port.ts';
import { eventually } from './eventually.ts';
import { findProgram } from './real-parts.ts';

/** A broker that a test stops and starts again on the same port; its sessions survive, as a real one's do. */
export interface TestBroker {
  url: string;
  port: number;
  stop(): Promise<void>;
  /** Ends it as a power cut does: what it had not put on a disk is lost. The embedded one has none. */
  kill(): Promise<void>;
  start(): Promise<void>;
  close(): Promise<void>;
}

/** The embedded broker, MQTT 3.1.1 only. */
export async function embeddedBroker(): Promise<TestBroker> {
  let aedes = await Aedes.createBroker();
  let server: Server | undefined;
  const sockets = new Set<Socket>();
  let port = 0;
  const start = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const listener = createServer((socket) => {
        sockets.add(socket);
        socket.once('close', () => sockets.delete(socket));
        aedes.handle(socket);
      });
      server = listener;
      listener.once('error', reject);
      listener.listen(port, '127.0.0.1', () => {
        port = (listener.address() as { port: number }).port;
        resolve();
      });
    });
  const stop = (): Promise<void> =>
    new Promise((resolve) => {
      if (server === undefined) return resolve();
      server.close(() => resolve());
      server = undefined;
      for (const socket of sockets) socket.destroy();
    });
  await start();
  return {
    port,
    url: `mqtt://127.0.0.1:${port}`,
    start,
    stop,
    async kill() {
      await stop();
      await new Promise<void>((resolve) => aedes.close(() => resolve()));
      aedes = await Aedes.createBroker();
    },
    async close() {
      await stop();
      await new Promise<void>((resolve) => aedes.close(() => resolve()));
    },
  };
}

export const mosquittoProgram = findProgram('mosquitto');

/** Debian's mosquitto, MQTT 5 and 3.1.1, keeping its sessions in `folder`. */
export async function mosquittoBroker(folder: string, extra = ''): Promise<TestBroker> {
  if (mosquittoProgram === undefined) throw new Error('mosquitto is not installed');
  const port = await freePort();
  const file = join(folder, 'mosquitto.conf');
  writeFileSync(
    file,
    `listener ${port} 127.0.0.1\nallow_anonymous true\npersistence true\npersistence_location ${folder}/\nuser root\n${extra}`,
  );
  let child: ChildProcess | undefined;
  let said = '';
  const start = async (): Promise<void> => {
    said = '';
    const started = spawn(mosquittoProgram, ['-v', '-c', file], { stdio: ['ignore', 'ignore', 'pipe'] });
    started.stderr?.on('data', (chunk: Buffer) => {
      said = (said + chunk.toString()).slice(-20_000);
    });
    child = started;
    await eventually('mosquitto to listen', () => said.includes('running') || exited(started, said));
  };
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    const ending = child;
    child = undefined;
    if (ending === undefined || ending.exitCode !== null) return;
    const ended = new Promise((resolve) => ending.once('exit', resolve));
    ending.kill(signal);
    await ended;
  };
  const stop = (): Promise<void> => end('SIGTERM');
  await start();
  return { url: `mqtt://127.0.0.1:${port}`, port, start, stop, kill: () => end('SIGKILL'), close: stop };
}

function exited(child: ChildProcess, said: string): false {
  if (child.exitCode !== null) throw new Error(`mosquitto ended: ${said}`);
  return false;
}
