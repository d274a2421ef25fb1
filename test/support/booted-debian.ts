import { type ChildProcess, spawn } from 'node:child_process';
import { cpSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventually } from './eventually.ts';
import { findProgram } from './real-parts.ts';

/** Why this machine cannot boot a Debian of its own, or undefined. */
export const noDebian = ['debootstrap', 'systemd-nspawn', 'nsenter'].some(
  (name) => findProgram(name) === undefined,
)
  ? 'debootstrap, systemd-nspawn or nsenter is not installed'
  : process.getuid?.() === 0
    ? undefined
    : 'only root can boot a system';

const release = 'bookworm';
const startMs = 60_000;

export interface Said {
  code: number | null;
  out: string;
  err: string;
}

/** A Debian in a folder, with systemd as its first process. */
export interface BootedDebian extends AsyncDisposable {
  /** Its root, as seen from here. */
  root: string;
  /** Its first process, as numbered here. */
  first(): number;
  /** Runs a command inside to its end. */
  run(...command: string[]): Promise<Said>;
  /** The same; throws unless it ends with 0. What it printed. */
  must(...command: string[]): Promise<string>;
  /** Ends every process of it at once, as a power cut does. */
  cutPower(): Promise<void>;
  boot(): Promise<void>;
}

function finished(command: string, args: readonly string[]): Promise<Said> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let out = '';
    let err = '';
    child.stdout.on('data', (chunk: Buffer) => {
      out += chunk.toString();
    });
    child.stderr.on('data', (chunk: Buffer) => {
      err += chunk.toString();
    });
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, out, err }));
  });
}

/**
 * Debian as debootstrap makes it, booted: minutes, and a hundred megabytes from the mirror. It shares this machine's
 * network, unless it is to have one of its own, with loopback alone.
 */
export async function bootDebian(
  folder: string,
  packages: readonly string[],
  network: 'shared' | 'own' = 'shared',
): Promise<BootedDebian> {
  const root = join(folder, 'debian');
  const include = ['systemd', 'systemd-sysv', 'dbus', 'ca-certificates', ...packages].join(',');
  const made = await finished('debootstrap', ['--variant=minbase', `--include=${include}`, release, root]);
  if (made.code !== 0) throw new Error(`debootstrap: ${made.out.slice(-2000)}${made.err}`);
  cpSync('/etc/resolv.conf', join(root, 'etc/resolv.conf'));
  // One name for it: what listens here must not be taken for this machine.
  writeFileSync(join(root, 'etc/hostname'), 'mini-pc\n');

  let container: ChildProcess | undefined;
  let first = 0;
  const inside = (command: readonly string[]): Promise<Said> =>
    finished('nsenter', [
      ...['-t', String(first), '-m', '-u', '-i', '-n', '-p', '-C', '--', 'env', '-i'],
      ...[
        'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
        'LC_ALL=C.UTF-8',
        'HOME=/root',
      ],
      ...['DEBIAN_FRONTEND=noninteractive', ...command],
    ]);
  const debian: BootedDebian = {
    root,
    first: () => first,
    run: (...command) => inside(command),
    async must(...command) {
      const { code, out, err } = await inside(command);
      if (code !== 0) throw new Error(`${command.join(' ')}: exit ${code}\n${err}${out}`);
      return out.trim();
    },
    async boot() {
      // It ends with this process, however that ends.
      const args = ['--pdeathsig', 'KILL', 'systemd-nspawn', '-D', root, '--register=no', '--keep-unit'];
      const started = spawn(
        'setpriv',
        [...args, ...(network === 'own' ? ['--private-network'] : []), '--console=pipe', '--boot'],
        {
          stdio: ['ignore', 'ignore', 'pipe'],
        },
      );
      let said = '';
      started.stderr?.on('data', (chunk: Buffer) => {
        said += chunk.toString();
      });
      container = started;
      const children = `/proc/${started.pid}/task/${started.pid}/children`;
      await eventually(
        'the system to be up',
        async () => {
          if (started.exitCode !== null) throw new Error(`systemd-nspawn ended: ${said}`);
          first = Number((existsSync(children) ? readFileSync(children, 'utf8') : '').trim().split(' ')[0]);
          if (!(first > 0)) return false;
          const { out } = await inside(['systemctl', 'is-system-running']);
          return /^(?:running|degraded)/.test(out);
        },
        startMs,
      );
    },
    async cutPower() {
      const ending = container;
      container = undefined;
      if (ending === undefined || ending.exitCode !== null) return;
      const ended = new Promise((resolve) => ending.once('exit', resolve));
      // The first process of its namespace: the kernel ends all others with it.
      if (first > 0) process.kill(first, 'SIGKILL');
      else ending.kill('SIGKILL');
      await ended;
    },
    async [Symbol.asyncDispose]() {
      await debian.cutPower();
      rmSync(root, { recursive: true, force: true });
    },
  };
  try {
    await debian.boot();
  } catch (error) {
    await debian[Symbol.asyncDispose]();
    throw error;
  }
  return debian;
}
