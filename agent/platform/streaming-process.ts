import { spawn } from 'node:child_process';
import { codeOf } from '#protocol/failure.ts';

export interface StreamingProcess {
  /** Undefined when it did not start. */
  readonly pid: number | undefined;
  /** What it was ended by: an exit code, a signal, or the error that kept it from starting. Never rejects. */
  readonly ended: Promise<{ code: number | null; signal: string | null; error?: string }>;
  /** At once; harmless when it ended. */
  kill(): void;
}

export interface StreamingOptions {
  /** The whole environment. */
  env: Readonly<Record<string, string>>;
  /** What it may map for writing (setrlimit(2), RLIMIT_DATA). */
  dataBytes: number;
  /** Must not throw. */
  stdout(chunk: Buffer): void;
  stderr(chunk: Buffer): void;
}

export type StartStreaming = (
  command: string,
  args: readonly string[],
  options: StreamingOptions,
) => StreamingProcess;

/** Starts `command` without a shell and without input, for as long as it lives; leaves no core dump. */
export const startStreaming: StartStreaming = (command, args, { env, dataBytes, stdout, stderr }) => {
  const limited = [`--data=${dataBytes}`, '--core=0', command, ...args];
  // prlimit(1) replaces itself by the command: what is killed is the command.
  const child = spawn('/usr/bin/prlimit', limited, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...env } });
  child.stdout.on('data', stdout);
  child.stderr.on('data', stderr);
  const ended = new Promise<Awaited<StreamingProcess['ended']>>((resolve) => {
    child.once('error', (error) => resolve({ code: null, signal: null, error: codeOf(error) }));
    child.once('close', (code, signal) => resolve({ code, signal }));
  });
  return { pid: child.pid, ended, kill: () => void child.kill('SIGKILL') };
};
