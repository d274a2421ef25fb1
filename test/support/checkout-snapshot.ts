import { cpSync, symlinkSync } from 'node:fs';
import { join, relative } from 'node:path';
import { runProgram } from './child-program.ts';

const root = join(import.meta.dirname, '..', '..');
/** What a package is made of. */
const parts = [
  ...['agent', 'protocol', 'deploy', 'systemd'],
  ...['package.json', 'package-lock.json', '.npmrc', 'CHANGELOG.md', 'LICENSE'],
];

/** Builds packages of the checkout as it was when this was called: every build is of the same. */
export function snapshotCheckout(folder: string): {
  /** `npm run package` with `args`, quickly; throws with what it said unless it ends with 0. */
  build(out: string, args: readonly string[], env?: Record<string, string>): Promise<void>;
} {
  for (const part of parts) cpSync(join(root, part), join(folder, part), { recursive: true });
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  return {
    async build(out, args, env = {}) {
      const main = relative(root, join(folder, 'deploy/package/main.ts'));
      const { code, err } = await runProgram(main, ['--level', '0', '--out', out, ...args], {
        env: { SOURCE_DATE_EPOCH: process.env['SOURCE_DATE_EPOCH'] ?? '1790000000', ...env },
      });
      if (code !== 0) throw new Error(`npm run package: exit ${code}\n${err}`);
    },
  };
}
