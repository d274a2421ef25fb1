import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { run } from '#agent/platform/process.ts';
import { Failure } from '#protocol/failure.ts';
import type { Lock } from './lock.ts';

/** A fresh cache and a slow line: 50 MB of Node. */
const npmTimeoutMs = 600_000;

/** Runs a program of the build; throws `build` with what it said. */
export async function must(
  command: string,
  args: readonly string[],
  options: { cwd?: string; env?: Record<string, string>; timeoutMs?: number } = {},
): Promise<string> {
  // env(1) and its -C keep working folder and environment to this one child.
  const assignments = Object.entries(options.env ?? {}).map(([name, value]) => `${name}=${value}`);
  const there = options.cwd === undefined ? [] : [`--chdir=${options.cwd}`];
  const { code, stdout, stderr } = await run('env', [...there, ...assignments, command, ...args], {
    timeoutMs: options.timeoutMs ?? npmTimeoutMs,
    maxBytes: 32 * 1024 * 1024,
  });
  if (code !== 0)
    throw new Failure(
      'unavailable',
      'build',
      `${command} ${args[0] ?? ''}: exit ${code}\n${stderr}${stdout}`,
    );
  return stdout.toString();
}

/** Installs what runs in production below `folder`, as the lock file has it, each file checked by npm. */
export async function installProduction(root: string, folder: string): Promise<void> {
  mkdirSync(folder, { recursive: true });
  for (const file of ['package.json', 'package-lock.json', '.npmrc'])
    cpSync(join(root, file), join(folder, file));
  const args = [
    'ci',
    '--omit=dev',
    '--omit=optional',
    '--ignore-scripts',
    '--prefer-offline',
    '--loglevel=error',
  ];
  await must('npm', args, { cwd: folder });
}

/** Fetches a package of the lock file whatever this machine's architecture is; the path of the tarball. */
export async function fetchLocked(root: string, lock: Lock, name: string, folder: string): Promise<string> {
  const { version, integrity } = lock[`node_modules/${name}`] ?? {};
  if (version === undefined || integrity === undefined)
    throw new Failure('config', 'build', `package-lock.json does not lock ${name} with its integrity`);
  mkdirSync(folder, { recursive: true });
  const packed = await must(
    'npm',
    ['pack', `${name}@${version}`, '--json', '--prefer-offline', '--pack-destination', folder],
    { cwd: root },
  );
  const [{ filename }] = z.tuple([z.looseObject({ filename: z.string() })]).parse(JSON.parse(packed));
  const path = join(folder, filename);
  const hash = `sha512-${createHash('sha512').update(readFileSync(path)).digest('base64')}`;
  if (hash !== integrity)
    throw new Failure('corrupt', 'build', `${name} ${version} is not what package-lock.json has: ${hash}`);
  return path;
}
