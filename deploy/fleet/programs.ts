import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { waitFor } from '../demo/wait.ts';

const root = join(import.meta.dirname, '..', '..');

/** A program beside agents and hub: cameras, the town hall's reflector. It ends with its input. */
export interface Beside {
  pid: number;
  ended(): string | undefined;
  stop(): Promise<void>;
}

/** Starts `entry` of this checkout in its place and waits for its first line. */
export async function startBeside(options: {
  what: string;
  entry: string;
  args: readonly string[];
  within: readonly string[];
  log: string;
  began(pid: number): void;
}): Promise<Beside> {
  const line = [...options.within, process.execPath, join(root, options.entry), ...options.args];
  const child: ChildProcess = spawn(line[0] as string, line.slice(1), {
    cwd: root,
    stdio: ['pipe', 'pipe', 'pipe'],
    detached: true,
  });
  options.began(child.pid ?? 0);
  const log = createWriteStream(options.log, { flags: 'a' });
  let ready = false;
  let ended: string | undefined;
  child.stdin?.on('error', () => {}); // It ended before it was told to.
  child.stdout?.on('data', () => {
    ready = true;
  });
  child.stderr?.on('data', (chunk: Buffer) => void log.write(chunk));
  const over = new Promise<void>((resolve) =>
    child.once('close', (code, signal) => {
      ended = `${options.what} ended (${signal ?? `exit ${code}`}): see ${options.log}`;
      log.end();
      resolve();
    }),
  );
  await waitFor(options.what, 30_000, () => {
    if (ended !== undefined) throw new Error(ended);
    return ready;
  });
  return {
    pid: child.pid ?? 0,
    ended: () => ended,
    async stop() {
      child.stdin?.end();
      await over;
    },
  };
}
