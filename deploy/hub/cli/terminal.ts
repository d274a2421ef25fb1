import { createInterface } from 'node:readline';
import { Failure } from '#protocol/failure.ts';

/** The terminal as commands see it. */
export interface Terminal {
  /** One line to standard output. */
  print(line: string): void;
  /** One line to standard error: notices that are not the answer. */
  note(line: string): void;
  /** Rewrites the last line of a terminal; nothing where there is none. */
  progress(line: string): void;
  /** Empties a terminal's screen; nothing where there is none. */
  clear(): void;
  interactive: boolean;
  /** Reads a line; without showing what is typed when `hidden`. Throws `no-terminal`. */
  ask(question: string, how?: { hidden: boolean }): Promise<string>;
}

export function openTerminal(): Terminal {
  const interactive = process.stdin.isTTY === true && process.stderr.isTTY === true;
  let progressing = false;
  const settle = (): void => {
    if (progressing) process.stderr.write('\n');
    progressing = false;
  };
  return {
    interactive,
    print(line) {
      settle();
      process.stdout.write(`${line}\n`);
    },
    note(line) {
      settle();
      process.stderr.write(`${line}\n`);
    },
    progress(line) {
      if (!process.stderr.isTTY) return;
      process.stderr.write(`\r\u001b[2K${line}`);
      progressing = true;
    },
    clear() {
      if (process.stdout.isTTY) process.stdout.write('\u001b[H\u001b[2J');
    },
    ask(question, how) {
      settle();
      if (!interactive)
        return Promise.reject(
          new Failure('usage', 'no-terminal', `"${question.trim()}" cannot be asked: there is no terminal`),
        );
      return new Promise((resolve, reject) => {
        // Without an output nothing is echoed; the terminal's own echo is off in raw mode.
        const lines = createInterface(
          how?.hidden
            ? { input: process.stdin, terminal: true }
            : { input: process.stdin, output: process.stderr, terminal: true },
        );
        if (how?.hidden) process.stderr.write(question);
        lines.question(how?.hidden ? '' : question, (line) => {
          lines.close();
          if (how?.hidden) process.stderr.write('\n');
          resolve(line);
        });
        lines.once('SIGINT', () => {
          lines.close();
          reject(new Failure('usage', 'cancelled', 'cancelled'));
        });
      });
    },
  };
}
