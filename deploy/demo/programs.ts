import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream, readFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..', '..');
const entry = { agent: 'agent/main.ts', hub: 'deploy/hub/main.ts' } as const;

/** What starts a program of a checkout: packages are here and Node is the right one, or this would not run. */
function startOf(
  program: keyof typeof entry,
  checkout: string,
): { line: string[]; env: Record<string, string | undefined> } {
  const file = entry[program];
  const { nodeFlags, nodeEnvironment } = JSON.parse(readFileSync(join(checkout, 'package.json'), 'utf8'));
  return {
    line: [process.execPath, ...(nodeFlags[file] ?? []), join(checkout, file)],
    env: { ...nodeEnvironment?.[file], ...process.env },
  };
}

/** A long-running program of the demo, as a process of its own: what the demo shows is what a site runs. */
export interface Running {
  readonly pid: number;
  /** Why it ended by itself; undefined while it runs. */
  ended(): string | undefined;
  /** SIGTERM, then waits for its end. */
  stop(): Promise<void>;
  /** The power cut: SIGKILL. */
  kill(): Promise<void>;
}

/** Where a program runs, when not here. */
export interface Where {
  /** A program that becomes another one, with its arguments: `ip netns exec NAME`. */
  within?: readonly string[];
  /** Another copy of the checkout. */
  checkout?: string;
  env?: Readonly<Record<string, string>>;
}

/** Starts `agent` or `hub`; its log goes to `logFile`. */
export function start(
  program: keyof typeof entry,
  args: string[],
  logFile: string,
  { within = [], checkout = root, env = {} }: Where = {},
): Running {
  const log = createWriteStream(logFile, { flags: 'a' });
  const begun = startOf(program, checkout);
  const line = [...within, ...begun.line, ...args];
  const child = spawn(line[0] as string, line.slice(1), {
    cwd: checkout,
    env: { ...begun.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    // Ctrl-C reaches every process of the terminal's group; these end one after the other, when they are told.
    detached: true,
  });
  let tail = '';
  let ended: string | undefined;
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => {
      log.write(chunk);
      tail = (tail + chunk.toString()).slice(-2000);
    });
  child.once('close', (code, signal) => {
    ended = `${program} ended (${signal ?? `exit ${code}`}): ${tail.trim().split('\n').slice(-3).join(' ')}`;
    log.end();
  });
  const end = (signal: NodeJS.Signals): Promise<void> =>
    new Promise((resolve) => {
      if (ended !== undefined) return resolve();
      child.once('close', () => resolve());
      child.kill(signal);
    });
  return { pid: child.pid ?? 0, ended: () => ended, stop: () => end('SIGTERM'), kill: () => end('SIGKILL') };
}

export interface Answer {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** Types one command, as a person would in a second terminal, and waits for it to end. */
export function type(program: keyof typeof entry, args: string[], timeoutMs = 60_000): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const { line, env } = startOf(program, root);
    const child: ChildProcess = spawn(line[0] as string, [...line.slice(1), ...args], {
      cwd: root,
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const answer: Answer = { code: null, stdout: '', stderr: '' };
    const limit = setTimeout(() => child.kill('SIGKILL'), timeoutMs);
    child.stdout?.on('data', (chunk: Buffer) => {
      answer.stdout += chunk.toString();
    });
    child.stderr?.on('data', (chunk: Buffer) => {
      answer.stderr += chunk.toString();
    });
    child.once('error', reject);
    child.once('close', (code) => {
      clearTimeout(limit);
      resolve({ ...answer, code });
    });
  });
}
