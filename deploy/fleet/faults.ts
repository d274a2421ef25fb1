import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openConnection } from '#agent/mqtt/connection.ts';
import { systemClock } from '#agent/platform/clock.ts';
import { openLog } from '#agent/platform/log.ts';
import { systemRandom } from '#agent/platform/random.ts';

const root = join(import.meta.dirname, '..', '..');

/** What a checkout needs to run an agent. */
const program = ['agent', 'protocol', 'package.json', 'package-lock.json', 'deploy/bootstrap.mjs'];

/** A second copy of the program in `folder`, with a version of its own: what an upgrade puts beside the first. */
export function nextProgram(folder: string): { checkout: string; version: string } {
  mkdirSync(join(folder, 'deploy'), { recursive: true });
  for (const path of program) cpSync(join(root, path), join(folder, path), { recursive: true });
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  const file = join(folder, 'package.json');
  const about = JSON.parse(readFileSync(file, 'utf8'));
  const version = `${about.version}-next`;
  writeFileSync(file, JSON.stringify({ ...about, version }, null, 2));
  return { checkout: folder, version };
}

const knockMs = 5000;

/** Whether the broker lets somebody in who holds this certificate, within five seconds of trying. */
export async function letsIn(
  url: string,
  name: string,
  files: { ca: string; cert: string; key: string },
): Promise<boolean> {
  const read = (file: string): string => readFileSync(file, 'utf8');
  const bus = openConnection({
    url,
    clientId: name,
    tls: { ca: read(files.ca), cert: read(files.cert), key: read(files.key) },
    will: () => ({ topic: `peio/v1/${name}/state`, payload: '', delaySeconds: 0 }),
    clock: systemClock,
    random: systemRandom,
    log: openLog('silent'),
  });
  try {
    return await new Promise<boolean>((resolve) => {
      bus.onConnect(() => resolve(true));
      setTimeout(() => resolve(false), knockMs);
    });
  } finally {
    await bus.close();
  }
}
