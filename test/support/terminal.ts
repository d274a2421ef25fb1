import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { eventually } from './eventually.ts';

const root = join(import.meta.dirname, '..', '..');

/** A command as a person starts it. Its disposal is Ctrl-C. */
export interface Terminal extends AsyncDisposable {
  shown(): string;
  complained(): string;
  ended(): number | null | undefined;
  type(line: string): void;
  /** Ctrl-C: every process of the terminal's foreground group gets the signal, whoever started it. */
  interrupt(): Promise<number | null>;
}

/** A terminal of its own: what is started in it is one process group. */
export function terminal(command: string): Terminal {
  const child: ChildProcess = spawn('sh', ['-c', `exec ${command}`], {
    cwd: root,
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, npm_config_update_notifier: 'false' },
  });
  let shown = '';
  let complained = '';
  let ended: number | null | undefined;
  child.stdout?.on('data', (chunk: Buffer) => {
    shown += chunk.toString();
  });
  child.stderr?.on('data', (chunk: Buffer) => {
    complained += chunk.toString();
  });
  const end = new Promise<number | null>((resolve) =>
    child.once('close', (code) => {
      ended = code;
      resolve(code);
    }),
  );
  const group = -(child.pid as number);
  return {
    shown: () => shown,
    complained: () => complained,
    ended: () => ended,
    type: (line) => void child.stdin?.write(`${line}\n`),
    interrupt() {
      process.kill(group, 'SIGINT');
      return end;
    },
    async [Symbol.asyncDispose]() {
      if (ended !== undefined) return;
      // As its owner would: what it started by itself ends with it.
      process.kill(group, 'SIGINT');
      const patience = setTimeout(() => process.kill(group, 'SIGKILL'), 20_000);
      await end;
      clearTimeout(patience);
    },
  };
}

/** Waits until it was printed; throws when the command ends before. */
export async function shows(at: Terminal, text: string, limitMs: number): Promise<void> {
  await eventually(
    `"${text}"`,
    () => {
      if (at.ended() !== undefined) throw new Error(`it ended: ${at.shown()}${at.complained()}`);
      return at.shown().includes(text);
    },
    limitMs,
  );
}
