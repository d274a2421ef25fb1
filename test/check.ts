// npm run check: types, lint and format, dead code, architecture. Every step runs even when one fails.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

const bin = join(import.meta.dirname, '..', 'node_modules', '.bin');
const steps: [string, string, string[]][] = [
  ['types', join(bin, 'tsc'), ['-p', '.']],
  ['types in the browser', join(bin, 'tsc'), ['-p', 'agent/view/browser']],
  ['lint and format', join(bin, 'biome'), ['check', '--error-on-warnings', '.']],
  ['dead code', join(bin, 'knip'), []],
  ['architecture', process.execPath, ['test/run.ts', 'test/architecture.test.ts']],
];
let failed = 0;
for (const [name, command, args] of steps) {
  const { status } = spawnSync(command, args, { stdio: 'inherit', cwd: join(bin, '..', '..') });
  process.stdout.write(`${status === 0 ? '•' : '✘'} ${name}\n`);
  if (status !== 0) failed += 1;
}
process.exitCode = failed > 0 ? 1 : 0;
