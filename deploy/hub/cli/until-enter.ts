import type { Call } from './command.ts';

/** While clear pictures lie in memory: until a line, or the end of input. */
export async function untilEnter(call: Call): Promise<void> {
  call.terminal.note(call.texts().opened.untilEnter);
  await new Promise<void>((resolve) => {
    process.stdin.once('data', () => resolve());
    process.stdin.once('end', () => resolve());
    process.stdin.resume();
  });
  process.stdin.pause();
  call.terminal.note(call.texts().opened.gone);
}
