import type { StepResult } from './steps.ts';

/** What a person at a terminal sees: each step with what was expected, what is going on, and what was seen. */
export interface Report {
  say(text: string): void;
  /** A step begins; what it tells of itself is shown every few seconds. */
  step(
    number: number,
    title: string,
    expected: string,
  ): { now(text: string): void; end(result: StepResult): void };
  close(): void;
}

const everyMs = 5000;

export function openReport(write: (text: string) => void): Report {
  const running = new Map<number, { text: string; began: number }>();
  const line = (text: string): void => write(`${text}\n`);
  let shown = '';
  const timer = setInterval(() => {
    const parts = [...running].flatMap(([number, { text, began }]) =>
      text === '' ? [] : [`${number}: ${text} (${seconds(performance.now() - began)})`],
    );
    if (parts.length > 0) shown = parts.join('; ');
    if (parts.length > 0) line(`   … ${shown}`);
  }, everyMs);
  return {
    say: line,
    step(number, title, expected) {
      const one = { text: '', began: performance.now() };
      running.set(number, one);
      line(`${number}. ${title} …`);
      line(`   expected: ${expected}`);
      return {
        now(text) {
          one.text = text;
        },
        end({ held, seen }) {
          running.delete(number);
          const took = `(${seconds(performance.now() - one.began)})`;
          line(held ? `${number}. ● ${seen} ${took}` : `${number}. ▲ FAILED: ${seen} ${took}`);
        },
      };
    },
    close: () => clearInterval(timer),
  };
}

export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(ms < 9950 ? 1 : 0)} s`;
}
