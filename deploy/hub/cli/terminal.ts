import { screenText } from '#agent/view/screen.ts';
import { Failure } from '#protocol/failure.ts';

/** The terminal as commands see it. */
export interface Terminal {
  /** One line to standard output. */
  print(line: string): void;
  /** One line to standard error: notices that are not the answer. */
  note(line: string): void;
  /** Rewrites the last line of a terminal; nothing where there is none. */
  progress(line: string): void;
  /** Shows these lines instead of what is there, as many as fit; all of them below each other where there is no terminal. */
  show(lines: readonly string[]): void;
  interactive: boolean;
  /** Reads a line; without showing what is typed when `hidden`. Throws `no-terminal`, `cancelled`. */
  ask(question: string, how?: { hidden: boolean }): Promise<string>;
}

const enter = /[\r\n]/;
const interrupt = '\u0003';
const endOfInput = '\u0004';
const erase = /[\u007f\b]/;

export function openTerminal(): Terminal {
  const { stdin, stdout, stderr } = process;
  const interactive = stdin.isTTY === true && stderr.isTTY === true;
  let progressing = false;
  /** Typed ahead of the question that it answers. */
  let ahead = '';

  const settle = (): void => {
    if (progressing) stderr.write('\n');
    progressing = false;
  };
  /** Raw: the terminal shows nothing by itself, so what is not hidden is shown here. */
  function readLine(question: string, hidden: boolean): Promise<string> {
    return new Promise((resolve, reject) => {
      let line = '';
      const finish = (settleWith: () => void): void => {
        stdin.off('data', take);
        stdin.off('end', cancel);
        stdin.setRawMode(false);
        stdin.pause();
        stderr.write('\n');
        settleWith();
      };
      const cancel = (): void =>
        finish(() => reject(new Failure('usage', 'cancelled', 'cancelled: nothing has changed')));
      const take = (chunk: Buffer | string): void => {
        const typed = ahead + chunk.toString();
        for (const [index, character] of [...typed].entries()) {
          if (enter.test(character)) {
            ahead = [...typed].slice(index + 1).join('');
            finish(() => resolve(line));
            return;
          }
          if (character === interrupt || (character === endOfInput && line === '')) {
            cancel();
            return;
          }
          if (erase.test(character)) {
            if (line !== '' && !hidden) stderr.write('\b \b');
            line = [...line].slice(0, -1).join('');
          } else if (character >= ' ') {
            line += character;
            if (!hidden) stderr.write(character);
          }
        }
        ahead = '';
      };
      // Before the question is asked: what is typed at its sight is not shown.
      stdin.setRawMode(true);
      stderr.write(question);
      stdin.on('data', take);
      stdin.once('end', cancel);
      stdin.resume();
      if (ahead !== '') take('');
    });
  }

  return {
    interactive,
    print(line) {
      settle();
      stdout.write(`${line}\n`);
    },
    note(line) {
      settle();
      stderr.write(`${line}\n`);
    },
    progress(line) {
      if (!stderr.isTTY) return;
      stderr.write(`\r\u001b[2K${line}`);
      progressing = true;
    },
    show(lines) {
      const { isTTY, columns, rows } = stdout;
      stdout.write(isTTY ? screenText(lines, { columns, rows }) : `${lines.join('\n')}\n`);
    },
    async ask(question, how) {
      settle();
      if (!interactive)
        throw new Failure(
          'usage',
          'no-terminal',
          `"${question.trim()}" cannot be asked: there is no terminal`,
        );
      return await readLine(question, how?.hidden ?? false);
    },
  };
}
