import * as uvu from 'uvu';

/** Longest time of one test or hook; a test that needs more says so. */
const defaultTimeoutMs = 60_000;

type Body = () => void | Promise<void>;

/** What one file did, printed by `run-file.ts` and judged by `run.ts`. */
export interface Tally {
  passed: number;
  failed: number;
  skipped: number;
  tests: { suite: string; title: string; result: 'passed' | 'failed' | 'skipped' }[];
}

export const tally: Tally = { passed: 0, failed: 0, skipped: 0, tests: [] };
const suites: { name: string; tests: number; run: () => void }[] = [];

/**
 * A suite over uvu that refuses what uvu lets pass: a throwing hook fails every test of its suite, anything thrown
 * counts, each test has a time limit, nothing can be run alone, and forgetting to start a suite is impossible.
 */
export function suite(name: string, options: { timeoutMs?: number } = {}) {
  const inner = uvu.suite(name);
  const timeoutMs = options.timeoutMs ?? defaultTimeoutMs;
  const entry = { name, tests: 0, run: () => inner.run() };
  suites.push(entry);
  let brokenHook: Error | undefined;

  const limited = async (body: Body, limitMs: number, what: string): Promise<void> => {
    let timer: NodeJS.Timeout | undefined;
    const limit = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`${what}: more than ${limitMs} ms`)), limitMs);
    });
    try {
      await Promise.race([Promise.resolve().then(body), limit]);
    } catch (thrown) {
      throw thrown instanceof Error ? thrown : new Error(`${what} threw ${String(thrown)}`);
    } finally {
      clearTimeout(timer);
    }
  };
  const hook = (what: string, body: Body) => async () => {
    try {
      await limited(body, timeoutMs, what);
    } catch (error) {
      brokenHook ??= error as Error;
      tally.failed += 1;
      process.stdout.write(`\n  ${name}: ${what} failed: ${(error as Error).stack}\n`);
    }
  };
  const test = (title: string, body: Body, limitMs = timeoutMs): void => {
    entry.tests += 1;
    inner(title, async () => {
      try {
        if (brokenHook) throw brokenHook;
        await limited(body, limitMs, title);
        tally.passed += 1;
        tally.tests.push({ suite: name, title, result: 'passed' });
      } catch (error) {
        tally.failed += 1;
        tally.tests.push({ suite: name, title, result: 'failed' });
        throw error;
      }
    });
  };
  return Object.assign(test, {
    before: (body: Body) => inner.before(hook('before', body)),
    after: (body: Body) => inner.after(hook('after', body)),
    beforeEach: (body: Body) => inner.before.each(hook('before each', body)),
    afterEach: (body: Body) => inner.after.each(hook('after each', body)),
    /** Registers a test that this machine cannot run, with the reason; in CI (`PEIO_REQUIRE_REAL=1`) it fails. */
    skip: (title: string, why: string) => {
      entry.tests += 1;
      if (process.env['PEIO_REQUIRE_REAL'] === '1')
        return inner(title, () => {
          tally.failed += 1;
          throw new Error(`${why}, and PEIO_REQUIRE_REAL=1`);
        });
      tally.tests.push({ suite: name, title, result: 'skipped' });
      tally.skipped += 1;
      process.stdout.write(`  skipped: ${name}: ${title} (${why})\n`);
    },
  });
}

/** Runs every suite the file registered; called once by `run-file.ts`. */
export async function runSuites(): Promise<void> {
  const empty = suites.find((entry) => entry.tests === 0);
  if (empty) throw new Error(`suite "${empty.name}" has no test`);
  if (suites.length === 0) throw new Error('the file registers no suite');
  for (const entry of suites) entry.run();
  await uvu.exec();
}
