/** Whether a step held, and what was seen of it. */
export interface StepResult {
  held: boolean;
  seen: string;
}

/** What a person at a terminal sees: each step with what was expected, what is going on, and what was seen. */
export interface Report {
  say(text: string): void;
  /** What goes on outside of steps; shown like theirs. */
  now(text: string): void;
  /** A step begins; what it tells of itself is shown every few seconds. It ends without a result when it is left. */
  step(
    number: number,
    title: string,
    expected: string,
  ): { now(text: string): void; end(result: StepResult | undefined): void };
  close(): void;
}

const everyMs = 5000;

/** `width`: columns of a terminal, on which what goes on is one line that changes; undefined where lines are kept. */
export function openReport(write: (text: string) => void, width: number | undefined): Report {
  const began = performance.now();
  const running = new Map<number, { text: string; shown: string }>();
  let passing = '';
  let shownAt = Number.NEGATIVE_INFINITY;
  const line = (text: string): void => {
    write(width === undefined ? `${text}\n` : `\r\x1b[2K${text}\n`);
  };
  const goingOn = (text: string): void => {
    shownAt = performance.now();
    const said = `   … ${text} (${seconds(performance.now() - began)})`;
    if (width === undefined) line(said);
    else write(`\r\x1b[2K${said.length < width ? said : `${said.slice(0, width - 2)}…`}`);
  };
  const timer = setInterval(() => {
    if (running.size === 0) {
      if (passing !== '' && performance.now() - shownAt >= everyMs) goingOn(passing);
      return;
    }
    const all = [...running].filter(([, { text }]) => text !== '');
    const changed = width === undefined ? all.filter(([, { text, shown }]) => text !== shown) : all;
    for (const [, one] of changed) one.shown = one.text;
    if (changed.length > 0) goingOn(changed.map(([number, { text }]) => `${number}: ${text}`).join('; '));
    else if (all.length > 0) goingOn(`${all.map(([number]) => number).join(', ')}: as before`);
  }, everyMs);
  return {
    say: line,
    now(text) {
      if (text !== passing && width === undefined) goingOn(text);
      passing = text;
    },
    step(number, title, expected) {
      const one = { text: '', shown: '' };
      const started = performance.now();
      passing = '';
      running.set(number, one);
      line(`${number}. ${title} …`);
      line(`   expected: ${expected}`);
      return {
        now(text) {
          one.text = text;
        },
        end(result) {
          running.delete(number);
          if (result === undefined) return;
          const { held, seen } = result;
          const took = `(${seconds(performance.now() - started)})`;
          line(held ? `${number}. ● ${seen} ${took}` : `${number}. ▲ FAILED: ${seen} ${took}`);
        },
      };
    },
    close() {
      clearInterval(timer);
      if (width !== undefined) write('\r\x1b[2K');
    },
  };
}

export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(ms < 9950 ? 1 : 0)} s`;
}
