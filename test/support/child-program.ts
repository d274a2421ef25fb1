import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { eventually } from './eventually.ts';

const root = join(import.meta.dirname, '..', '..');

export interface Exit {
  code: number | null;
  signal: NodeJS.Signals | null;
}

export interface LogLine {
  level: string;
  msg: string;
  [field: string]: unknown;
}

/** One of the project's programs as a process of its own, started through its entry file as a site starts it. */
export interface ChildProgram extends AsyncDisposable {
  readonly pid: number;
  /** Lines of its log so far, parsed. */
  readonly log: LogLine[];
  out(): string;
  err(): string;
  /** How it ended; undefined while it runs. */
  ended(): Exit | undefined;
  /** Resolves at its end. */
  readonly exit: Promise<Exit>;
  signal(name: NodeJS.Signals): void;
  /** Waits for a line of the log; throws when the program ends before. */
  logged(msg: string, limitMs?: number): Promise<LogLine>;
  /** SIGTERM, then its end. */
  stop(): Promise<Exit>;
}

/** Starts `entry` (relative to the checkout). Its disposal kills it: a test that fails leaves nothing running. */
export function startProgram(
  entry: string,
  args: readonly string[],
  options: {
    env?: Record<string, string>;
    cwd?: string;
    input?: 'open';
    /** A command that prepares its surroundings and becomes the one behind it. */
    through?: readonly string[];
  } = {},
): ChildProgram {
  const [program, ...before] = [...(options.through ?? []), process.execPath];
  const child: ChildProcess = spawn(program as string, [...before, join(root, entry), ...args], {
    cwd: options.cwd ?? root,
    env: { ...process.env, ...options.env },
    // Some programs end with their input.
    stdio: [options.input === 'open' ? 'pipe' : 'ignore', 'pipe', 'pipe'],
  });
  const log: LogLine[] = [];
  let out = '';
  let err = '';
  let rest = '';
  let ended: Exit | undefined;
  child.stdout?.on('data', (chunk: Buffer) => {
    out += chunk.toString();
  });
  child.stderr?.on('data', (chunk: Buffer) => {
    err += chunk.toString();
    const lines = (rest + chunk.toString()).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines)
      if (line.startsWith('{')) {
        try {
          log.push(JSON.parse(line));
        } catch {
          // A stack trace may begin with a brace; it stands in err().
        }
      }
  });
  const exit = new Promise<Exit>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => {
      ended = { code, signal };
      resolve(ended);
    });
  });
  return {
    get pid() {
      return child.pid ?? 0;
    },
    log,
    out: () => out,
    err: () => err,
    ended: () => ended,
    exit,
    signal: (name) => void child.kill(name),
    logged: (msg, limitMs) =>
      eventually(
        `"${msg}" in the log`,
        () => {
          const found = log.find((line) => line.msg === msg);
          if (found === undefined && ended !== undefined)
            throw new Error(`ended (${ended.signal ?? ended.code}) before "${msg}":\n${err.slice(-2000)}`);
          return found;
        },
        limitMs,
      ),
    stop() {
      child.kill('SIGTERM');
      return exit;
    },
    async [Symbol.asyncDispose]() {
      if (ended === undefined) child.kill('SIGKILL');
      await exit;
    },
  };
}

/** Runs one command to its end. */
export async function runProgram(
  entry: string,
  args: readonly string[],
  options: { env?: Record<string, string>; cwd?: string } = {},
): Promise<{ code: number; out: string; err: string }> {
  await using program = startProgram(entry, args, options);
  const { code } = await program.exit;
  return { code: code ?? -1, out: program.out(), err: program.err() };
}
