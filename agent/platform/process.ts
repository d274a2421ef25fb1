import { spawn } from 'node:child_process';
import type { Duplex, Writable } from 'node:stream';
import { Failure } from '#protocol/failure.ts';

export interface Finished {
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: Buffer;
  stderr: string;
  /** Of {@link Bounds.pipes}, in their order. */
  outputs: Buffer[];
}

/** Bounds of one child. Every number is mandatory: a child without a limit hangs one day. */
export interface Bounds {
  timeoutMs: number;
  /** Output beyond this, of all its descriptors together, ends the child. */
  maxBytes: number;
  input?: Uint8Array | undefined;
  /** Further descriptors, from 3 on: first what the child reads from each, then as many as `outputs` that it writes to. */
  pipes?: { inputs: readonly Uint8Array[]; outputs: number } | undefined;
  /** The whole environment of the child; ours, when absent. */
  env?: Readonly<Record<string, string>> | undefined;
  signal?: AbortSignal | undefined;
}

/**
 * Runs `command` to its end, without a shell. Throws `process-missing` when it cannot start, `process-timeout` and
 * `process-output` when it passes a bound; any exit code is the caller's to judge.
 */
export function run(command: string, args: readonly string[], bounds: Bounds): Promise<Finished> {
  return new Promise((resolve, reject) => {
    const { env, pipes = { inputs: [], outputs: 0 } } = bounds;
    const further = Array.from({ length: pipes.inputs.length + pipes.outputs }, () => 'pipe' as const);
    const child = spawn(command, args, {
      stdio: ['pipe', 'pipe', 'pipe', ...further],
      ...(env ? { env: { ...env } } : {}),
    });
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    let bytes = 0;
    let broken: Failure | undefined;
    const end = (failure: Failure | undefined): void => {
      broken ??= failure;
      child.kill('SIGKILL');
    };
    const timer = setTimeout(
      () =>
        end(
          new Failure('transient', 'process-timeout', `${command} took longer than ${bounds.timeoutMs} ms`),
        ),
      bounds.timeoutMs,
    );
    const abort = (): void => end(undefined);
    bounds.signal?.addEventListener('abort', abort, { once: true });
    if (bounds.signal?.aborted) abort();
    const settle = (): void => {
      clearTimeout(timer);
      bounds.signal?.removeEventListener('abort', abort);
    };
    const keep = (list: Buffer[]) => (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > bounds.maxBytes)
        end(
          new Failure('exhausted', 'process-output', `${command} printed more than ${bounds.maxBytes} bytes`),
        );
      else list.push(chunk);
    };
    child.stdout.on('data', keep(stdout));
    child.stderr.on('data', keep(stderr));
    feed(child.stdin, bounds.input);
    const more = (child.stdio as readonly unknown[]).slice(3) as Duplex[];
    for (const [index, input] of pipes.inputs.entries()) feed(more[index]!, input);
    const outputs = more.slice(pipes.inputs.length).map((pipe) => {
      const chunks: Buffer[] = [];
      pipe.on('data', keep(chunks));
      pipe.on('error', () => {}); // It ended; what it wrote was read.
      return chunks;
    });
    child.on('error', (cause) => {
      settle();
      reject(new Failure('unavailable', 'process-missing', `cannot run ${command}`, { cause }));
    });
    child.on('close', (code, signal) => {
      settle();
      if (broken) reject(broken);
      else
        resolve({
          code,
          signal,
          stdout: Buffer.concat(stdout),
          stderr: Buffer.concat(stderr).toString(),
          outputs: outputs.map((chunks) => Buffer.concat(chunks)),
        });
    });
  });
}

function feed(pipe: Writable, input: Uint8Array | undefined): void {
  pipe.on('error', () => {}); // A child that ends without reading its input: its exit code says why.
  pipe.end(input);
}
