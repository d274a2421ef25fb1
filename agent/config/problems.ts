import type { z } from 'zod';
import { Failure } from '#protocol/failure.ts';

/** One thing wrong with a configuration: where, what, and what was probably meant. */
export interface Problem {
  /** As `cameras[0].rtsp`. */
  path: string;
  message: string;
  /** 1 is the first line of the file. */
  line?: number;
}

/** Everything wrong with a configuration at once; exit 78. */
export class ConfigFailure extends Failure {
  readonly problems: readonly Problem[];
  constructor(file: string, problems: readonly Problem[]) {
    const inOrder = [...problems].sort((a, b) => (a.line ?? 0) - (b.line ?? 0));
    const lines = inOrder.map(
      ({ path, message, line }) => `  ${line === undefined ? '' : `line ${line}: `}${path}: ${message}`,
    );
    const count = problems.length === 1 ? 'one problem' : `${problems.length} problems`;
    super('config', 'config', `${file}: ${count}\n${lines.join('\n')}`);
    this.problems = inOrder;
  }
}

export function pathText(path: readonly PropertyKey[]): string {
  return path
    .map((part, index) => (typeof part === 'number' ? `[${part}]` : `${index ? '.' : ''}${String(part)}`))
    .join('');
}

/** Zod's issues as problems; an unknown key gets the nearest key that its object knows. */
export function problemsOf(
  error: z.ZodError,
  knownKeys: (path: readonly PropertyKey[]) => readonly string[],
): { path: readonly PropertyKey[]; message: string }[] {
  return error.issues.flatMap((issue) => {
    if (issue.code !== 'unrecognized_keys') return [{ path: issue.path, message: messageOf(issue) }];
    return issue.keys.map((key) => {
      const meant = nearest(key, knownKeys(issue.path));
      return {
        path: [...issue.path, key],
        message: `is not known here${meant === undefined ? '' : `; did you mean "${meant}"?`}`,
      };
    });
  });
}

function messageOf(issue: z.core.$ZodIssue): string {
  if (issue.code === 'invalid_value')
    return `must be ${issue.values.map((value) => `"${String(value)}"`).join(' or ')}`;
  if (issue.code !== 'invalid_type') return issue.message;
  if (issue.input === undefined) return `is missing (${issue.expected})`;
  const wanted = issue.expected === 'string' ? 'text' : issue.expected;
  return `must be ${wanted}, not ${described(issue.input)}`;
}

/** Never the contents of a structure: it may be endless, or hold what belongs into a secret. */
function described(input: unknown): string {
  if (Array.isArray(input)) return 'a list';
  if (typeof input === 'object' && input !== null) return 'a section';
  return String(input).slice(0, 40);
}

/** The candidate within two edits, or a third of its length, of `word`. */
export function nearest(word: string, candidates: readonly string[]): string | undefined {
  const ranked = candidates
    .map((candidate) => ({ candidate, edits: editDistance(word.toLowerCase(), candidate.toLowerCase()) }))
    .sort((a, b) => a.edits - b.edits)[0];
  if (ranked === undefined) return undefined;
  return ranked.edits <= Math.max(2, Math.floor(ranked.candidate.length / 3)) ? ranked.candidate : undefined;
}

/** Levenshtein's distance; words here are short, so the plain table is enough. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++)
      next[j] = Math.min(
        (row[j] ?? 0) + 1,
        (next[j - 1] ?? 0) + 1,
        (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1),
      );
    row = next;
  }
  return row[b.length] ?? 0;
}
