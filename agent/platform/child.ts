import { fileURLToPath } from 'node:url';
import { Failure } from '#protocol/failure.ts';
import { run } from './process.ts';

export interface ChildBounds {
  timeoutMs: number;
  signal?: AbortSignal | undefined;
}

/** JavaScript objects of a child; a reply of 1 MiB parsed takes some 30 MiB. */
const heapMegabytes = 96;
/**
 * Everything a child may map for writing, by the kernel's own limit (setrlimit(2), RLIMIT_DATA): an idle Node reserves
 * up to 600 MiB without using them.
 */
const dataBytes = 1024 * 1024 * 1024;
const maxAnswerBytes = 256 * 1024;
/** A child whose parent died ends by itself this long after its limit. */
const orphanMs = 5000;

/**
 * Runs the module `entry` of ours in a process of its own, with limits on memory and time and no environment, and
 * gives it `question`, which may hold secrets: it travels by pipe. Throws `process-timeout`, `process-output`,
 * `process-missing`, or `child-failed` when it answered nothing that is JSON.
 */
export async function askChild(entry: URL, question: unknown, bounds: ChildBounds): Promise<unknown> {
  const node = [`--max-old-space-size=${heapMegabytes}`, '--disable-warning=ExperimentalWarning'];
  const command = [`--data=${dataBytes}`, '--core=0', process.execPath, ...node, fileURLToPath(entry)];
  const { stdout, stderr, code, signal } = await run('prlimit', command, {
    timeoutMs: bounds.timeoutMs,
    maxBytes: maxAnswerBytes,
    input: Buffer.from(JSON.stringify({ limitMs: bounds.timeoutMs + orphanMs, question })),
    env: { PATH: '/usr/bin:/bin' },
    signal: bounds.signal,
  });
  try {
    if (code === 0) return JSON.parse(stdout.toString('utf8'));
  } catch (cause) {
    throw new Failure('transient', 'child-failed', 'the child answered nothing that is JSON', { cause });
  }
  const why = /^\w*Error.{0,200}/m.exec(stderr)?.[0] ?? '';
  throw new Failure('transient', 'child-failed', `the child ended with ${signal ?? `exit ${code}`} ${why}`);
}

/** The other side: reads the question, prints what `answer` resolves to, ends. Anything thrown ends it with exit 1. */
export async function answerParent(answer: (question: unknown) => Promise<unknown>): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin as AsyncIterable<Buffer>) chunks.push(chunk);
  const { limitMs, question } = JSON.parse(Buffer.concat(chunks).toString('utf8')) as {
    limitMs: number;
    question: unknown;
  };
  setTimeout(() => process.exit(1), limitMs);
  const text = JSON.stringify(await answer(question));
  process.stdout.write(text, () => process.exit(0));
}
