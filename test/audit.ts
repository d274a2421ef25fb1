// npm audit, judged: node test/audit.ts. Exit 0 without high or critical, or where nobody answers (it says so);
// exit 1 with one.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { judgeAudit } from './support/audit-verdict.ts';

const { stdout } = spawnSync('npm', ['audit', '--json'], {
  cwd: join(import.meta.dirname, '..'),
  encoding: 'utf8',
  timeout: 120_000,
  maxBuffer: 64 * 1024 * 1024,
});
const { ok, sentence } = judgeAudit(stdout ?? '');
process.stdout.write(`${sentence}\n`);
process.exitCode = ok ? 0 : 1;
