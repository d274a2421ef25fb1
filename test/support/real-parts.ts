import { spawnSync } from 'node:child_process';

/** Where a real part is, or undefined: asks the shell's own search, /usr/sbin included (mosquitto lives there). */
export function findProgram(name: string): string | undefined {
  const found = spawnSync('sh', ['-c', `command -v ${name}`], {
    env: { ...process.env, PATH: `${process.env['PATH']}:/usr/sbin:/sbin` },
    encoding: 'utf8',
  });
  return found.status === 0 ? found.stdout.trim() : undefined;
}
