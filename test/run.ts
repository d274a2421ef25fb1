// The test runner: node test/run.ts quick|all|KIND|FILE ... Each file runs in its own process, with a time limit, and
// must register tests, finish them and let go of everything it opened. Ends with what the regulation asks, article by
// article, what passed only when tried again, what failed, and `N passed, N failed`.
import { spawn } from 'node:child_process';
import { appendFileSync } from 'node:fs';
import { glob } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join, relative, sep } from 'node:path';
import { lawTable } from './support/law-table.ts';
import type { Tally } from './support/suite.ts';

/** Kinds that need nothing but npm packages; the others need Debian's real parts or minutes. */
const quick = ['unit', 'property', 'vectors', 'component', 'crash', 'law'];
const real = ['system', 'fleet'];
/** A file past this is stuck; the longest crash test takes two minutes here. */
const fileLimitMs = 600_000;
/** Of `long`: a condition that is told after ten minutes, and is over after more. */
const longLimitMs = 1_800_000;
/** What a file may take to exit by itself once its tests are done. */
const lingerMs = 30_000;

/**
 * Kinds in which programs of others and a shared machine's clock take part. A file of theirs that fails is run once
 * more, alone, when the rest is done, and is told apart: it passed, but not beside others. What guards evidence
 * (unit, property, vectors, crash, law) has one try, and so has everything when more than these few fail.
 */
const triedAgain = ['component', 'system', 'fleet'];
const triedAgainAtMost = 3;

/** What is said again of a failed file at the end, where somebody looks. */
const failureChars = 4000;

const root = join(import.meta.dirname, '..');

async function filesOf(asked: string[]): Promise<string[]> {
  const found: string[] = [];
  for (const word of asked) {
    const kinds = word === 'quick' ? quick : word === 'all' ? [...quick, ...real] : [word];
    for (const kind of kinds) {
      if (kind.endsWith('.ts')) found.push(kind);
      else for await (const file of glob(`test/${kind}/**/*.test.ts`, { cwd: root })) found.push(file);
    }
    if (word === 'quick' || word === 'all') found.push('test/architecture.test.ts');
  }
  if (found.length === 0) throw new Error(`no test file for ${asked.join(' ')}`);
  return [...new Set(found)].sort();
}

interface Outcome extends Tally {
  /** Why the file as a whole failed, whatever its tests say. */
  problem?: string;
  /** What a failed file printed; undefined when it passed. */
  told: string | undefined;
}

function runFile(file: string): Promise<Outcome> {
  return new Promise((resolve) => {
    const started = performance.now();
    const child = spawn(process.execPath, [join(root, 'test/support/run-file.ts'), file], {
      cwd: root,
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    });
    let output = '';
    let result = '';
    let problem: string | undefined;
    let linger: NodeJS.Timeout | undefined;
    const limitMs = file.split(sep).includes('long') ? longLimitMs : fileLimitMs;
    const limit = setTimeout(() => {
      problem = `took longer than ${limitMs / 1000} s`;
      child.kill('SIGKILL');
    }, limitMs);
    for (const stream of [child.stdout, child.stderr])
      stream?.on('data', (chunk: Buffer) => {
        output += chunk.toString();
      });
    child.stdio[3]?.on('data', (chunk: Buffer) => {
      result += chunk.toString();
      linger ??= setTimeout(() => {
        problem = 'left something open: it did not exit after its last test';
        child.kill('SIGKILL');
      }, lingerMs);
    });
    let held: NodeJS.Timeout | undefined;
    child.on('exit', () => {
      held = setTimeout(() => {
        problem ??= 'left a program behind that holds its output';
        for (const stream of child.stdio) stream?.destroy();
      }, lingerMs);
    });
    child.on('close', (code, signal) => {
      clearTimeout(limit);
      clearTimeout(linger);
      clearTimeout(held);
      const tally: Tally =
        result === '' ? { passed: 0, failed: 0, skipped: 0, tests: [] } : JSON.parse(result);
      if (result === '') problem ??= `ended without a result (${signal ?? `exit ${code}`})`;
      else if (code !== 0 && tally.failed === 0) problem ??= `exit ${signal ?? code} after its tests passed`;
      else if (tally.passed + tally.failed + tally.skipped === 0) problem ??= 'ran no test';
      const bad = problem !== undefined || tally.failed > 0;
      const seconds = ((performance.now() - started) / 1000).toFixed(1);
      process.stdout.write(
        `${bad ? '✘' : '•'} ${relative(root, join(root, file))} ${tally.passed} passed` +
          `${tally.failed ? `, ${tally.failed} failed` : ''}${tally.skipped ? `, ${tally.skipped} skipped` : ''} (${seconds} s)\n`,
      );
      const told = bad ? `${output}\n${problem ? `  ${file}: ${problem}\n` : ''}` : undefined;
      if (told !== undefined) process.stdout.write(told);
      else
        for (const line of output.split('\n'))
          if (/^ {2}(?:skipped|measured): /.test(line)) process.stdout.write(`${line}\n`);
      if (problem !== undefined) tally.failed += 1;
      resolve({ ...tally, told, ...(problem !== undefined && { problem }) });
    });
  });
}

const files = await filesOf(process.argv.slice(2));
const outcomes = new Map<string, Outcome>();
const queue = [...files];
/** Kills that keep the disk busy would be blamed on one another: one of them at a time, the rest beside it. */
const disturbs = (file: string): boolean => file.startsWith('test/crash/');
let disturbed = false;
function nextFile(): string | undefined {
  const index = queue.findIndex((file) => !disturbed || !disturbs(file));
  return queue.splice(Math.max(0, index), 1)[0];
}
async function worker(): Promise<void> {
  for (let file = nextFile(); file !== undefined; file = nextFile()) {
    const alone = disturbs(file);
    disturbed ||= alone;
    outcomes.set(file, await runFile(file));
    if (alone) disturbed = false;
  }
}
// No more than there are cores: many tests measure in seconds what others would slow down.
await Promise.all(Array.from({ length: Math.min(2, availableParallelism()) }, worker));

const inShort = (file: string, told: string): string => `✘ ${file}\n${told.slice(-failureChars)}\n`;
const again: string[] = [];
const failed = [...outcomes].filter(([, { told }]) => told !== undefined).map(([file]) => file);
const mayTryAgain = (file: string): boolean => triedAgain.includes(file.split(sep)[1] as string);
if (files.length > 1 && failed.length <= triedAgainAtMost)
  for (const file of failed.filter(mayTryAgain)) {
    process.stdout.write(`Once more, alone: ${file}\n`);
    const first = outcomes.get(file)?.told as string;
    const outcome = await runFile(file);
    outcomes.set(file, outcome);
    if (outcome.told === undefined) again.push(inShort(file, first));
  }

const total: Omit<Tally, 'tests'> = { passed: 0, failed: 0, skipped: 0 };
for (const outcome of outcomes.values()) {
  total.passed += outcome.passed;
  total.failed += outcome.failed;
  total.skipped += outcome.skipped;
}
const law = [...outcomes].filter(([file]) => file.startsWith('test/law/'));
process.stdout.write(lawTable(law.map(([file, outcome]) => ({ file, outcome }))));
const failures = [...outcomes].flatMap(([file, { told }]) =>
  told === undefined ? [] : [inShort(file, told)],
);
// CI adds up several runs, one JSON line each, and says at its very end what failed in any of them.
for (const [title, texts, kept] of [
  ['Passed only when tried again, alone; the first try', again, process.env['PEIO_TRIED_AGAIN']],
  ['Failed', failures, process.env['PEIO_FAILURES']],
] as const) {
  if (texts.length > 0) process.stdout.write(`${title}:\n${texts.join('')}`);
  if (kept) appendFileSync(kept, texts.join(''));
}
if (process.env['PEIO_TALLY']) appendFileSync(process.env['PEIO_TALLY'], `${JSON.stringify(total)}\n`);
process.stdout.write(
  `${total.passed} passed, ${total.failed} failed${total.skipped ? `, ${total.skipped} skipped` : ''}\n`,
);
process.exitCode = total.failed > 0 ? 1 : 0;
