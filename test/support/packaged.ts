import { spawn } from 'node:child_process';
import { join } from 'node:path';

export interface Packaged extends AsyncDisposable {
  out(): string;
  /** Throws, with what it said, when the program has ended; undefined otherwise. */
  running(): undefined;
  /** SIGTERM, then its exit code. */
  stop(): Promise<number | null>;
}

/** A program of an unpacked package, started through its wrapper with nothing of this process's surroundings. */
export function startPackaged(tree: string, name: string, args: readonly string[]): Packaged {
  const child = spawn(join(tree, 'usr/bin', name), args, {
    cwd: '/',
    env: { PATH: '/usr/bin:/bin' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let out = '';
  let err = '';
  child.stdout.on('data', (chunk: Buffer) => {
    out += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    err += chunk.toString();
  });
  let ended = false;
  const exit = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => {
      ended = true;
      resolve(code);
    });
  });
  return {
    out: () => out,
    running() {
      if (ended) throw new Error(`${name} ended: ${err.slice(-2000)}`);
      return undefined;
    },
    stop() {
      child.kill('SIGTERM');
      return exit;
    },
    async [Symbol.asyncDispose]() {
      if (!ended) child.kill('SIGKILL');
      await exit;
    },
  };
}
