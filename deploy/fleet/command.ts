import type { Answer } from '../demo/programs.ts';

export { type } from '../demo/programs.ts';

/** Throws unless the command ended well. */
export function done(answer: Answer): Answer {
  if (answer.code === 0) return answer;
  throw new Error(
    `exit ${answer.code}: ${(answer.stderr || answer.stdout).trim().split('\n').slice(-2).join(' ')}`,
  );
}
