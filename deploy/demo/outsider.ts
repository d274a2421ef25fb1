import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The heading of the README whose commands anybody can type, without our software. */
const heading = '## Check a copy without our software';

/** The blocks of shell below it. */
function blocks(): string[] {
  const text = readFileSync(join(import.meta.dirname, '..', '..', 'README.md'), 'utf8');
  const section = text.split(`${heading}\n`)[1]?.split('\n## ')[0] ?? '';
  return [...section.matchAll(/```sh\n([\s\S]*?)```/g)].map((match) => match[1] ?? '');
}

const needed = ['age', '7z', 'openssl', 'sha256sum'];

/**
 * Somebody else's machine: bash with the ordinary tools, no Node and nothing of ours; types what the README says. A
 * package lies there as `copy.tar.age` with `requester.identity`, or as `copy.zip`, beside root.pub. Returns what was
 * said last. Throws when a command failed.
 */
export function outsider(folder: string, kind: 'age' | 'zip', passphrase = ''): string {
  const env = { PATH: '/usr/bin:/bin', HOME: folder, LC_ALL: 'C.UTF-8' };
  const missing = needed.filter((name) => spawnSync('which', [name], { env }).status !== 0);
  if (missing.length > 0) throw new Error(`not installed here: ${missing.join(', ')}`);
  const all = blocks();
  const [open, zip, check] = all;
  if (all.length !== 3 || !open || !zip || !check)
    throw new Error(`the README has ${all.length} blocks of commands`);
  const script = `set -euo pipefail\n${kind === 'age' ? open : zip}\n${check}`;
  const { status, stdout, stderr } = spawnSync('bash', ['-c', script], {
    cwd: folder,
    env: { ...env, PASSPHRASE: passphrase },
    encoding: 'utf8',
    timeout: 120_000,
  });
  if (status !== 0)
    throw new Error(`exit ${status}: ${`${stdout}\n${stderr}`.trim().split('\n').slice(-3).join(' ')}`);
  return stdout.trim().split('\n').at(-1) ?? '';
}
