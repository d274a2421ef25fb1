import { spawn } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { Failure } from '#protocol/failure.ts';

/** A program between two pipes. */
export interface Piped {
  stdin: Writable;
  stdout: Readable;
  /** Resolves when it ended well. Throws `corrupt` `no-picture-then` with the last words of one that did not. */
  ended: Promise<void>;
  kill(): void;
}

/** Without a shell; it gets no file but its three streams, and of our environment nothing but PATH. */
export function startPiped(command: string, args: readonly string[]): Piped {
  const child = spawn(command, args, {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { PATH: '/usr/bin:/bin', LC_ALL: 'C' },
  });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => {
    said = (said + chunk.toString()).slice(-600);
  });
  const ended = new Promise<void>((resolve, reject) => {
    child.once('error', (cause) =>
      reject(new Failure('unavailable', 'process-missing', `cannot run ${command}`, { cause })),
    );
    child.once('close', (code, signal) => {
      if (code === 0) resolve();
      else
        reject(new Failure('corrupt', 'no-picture-then', `ffmpeg ended (${signal ?? code}): ${said.trim()}`));
    });
  });
  return { stdin: child.stdin, stdout: child.stdout, ended, kill: () => void child.kill('SIGKILL') };
}
