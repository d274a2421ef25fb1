import { type ChildProcess, spawn } from 'node:child_process';
import { cpSync, createWriteStream, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { waitFor } from '../demo/wait.ts';

const shipped = join(import.meta.dirname, '..', 'mosquitto');
/** Debian's own file, which includes ours. */
const debianFile = '/etc/mosquitto/mosquitto.conf';
const program = ['/usr/sbin/mosquitto', '/usr/local/sbin/mosquitto'].find(existsSync);

/** Why this machine cannot run the town's broker; undefined where it can. */
export function whyNoBroker(): string | undefined {
  if (program === undefined) return "Debian's mosquitto is not installed";
  if (!existsSync(debianFile)) return `there is no ${debianFile}`;
  return undefined;
}

export interface Broker {
  /** Of its process now: it is begun again whenever it ends, as the service manager does. */
  pid(): number;
  /** How often it was begun. */
  starts(): number;
  /** Where it reads its certificates and the list of revoked ones. */
  certificates: string;
  stop(): Promise<void>;
}

/**
 * The broker of deploy/mosquitto below Debian's own configuration: paths, user and address are another, the rest
 * stands as it is shipped. `files`: the folder that "hub ca" made for it. `listener`: port and address. `began` is told
 * of every process.
 */
export async function startBroker(options: {
  folder: string;
  files: string;
  listener: string;
  within: readonly string[];
  log: string;
  began(pid: number): void;
}): Promise<Broker> {
  const { folder } = options;
  if (program === undefined) throw new Error(whyNoBroker());
  const at = (path: string): string => join(folder, path);
  for (const name of ['peio', 'conf.d', 'data']) mkdirSync(at(name), { recursive: true });
  for (const name of ['ca.crt', 'ca.crl', 'broker.crt', 'broker.key'])
    cpSync(join(options.files, name), at(`peio/${name}`));
  cpSync(join(shipped, 'peio.acl'), at('peio/peio.acl'));
  writeFileSync(
    at('conf.d/peio.conf'),
    replaced(readFileSync(join(shipped, 'peio.conf'), 'utf8'), [
      ['/etc/mosquitto/peio', at('peio')],
      [/^listener 8883$/gm, `listener ${options.listener}`],
    ]),
  );
  const debian = replaced(readFileSync(debianFile, 'utf8'), [
    ['/run/mosquitto/mosquitto.pid', at('mosquitto.pid')],
    ['/var/lib/mosquitto/', `${at('data')}/`],
    [/^log_dest .*$/gm, 'log_dest stderr'],
    ['/etc/mosquitto/conf.d', at('conf.d')],
  ]);
  writeFileSync(at('mosquitto.conf'), `${debian}\n${process.getuid?.() === 0 ? 'user root\n' : ''}`);

  const log = createWriteStream(options.log, { flags: 'a' });
  let child: ChildProcess | undefined;
  let starts = 0;
  let stopping = false;
  const start = async (): Promise<void> => {
    let said = '';
    const line = [...options.within, program, '-c', at('mosquitto.conf')];
    const started = spawn(line[0] as string, line.slice(1), {
      stdio: ['ignore', 'ignore', 'pipe'],
      detached: true,
    });
    child = started;
    starts += 1;
    options.began(started.pid ?? 0);
    started.stderr.on('data', (chunk: Buffer) => {
      said = (said + chunk.toString()).slice(-2000);
      log.write(chunk);
    });
    let ran = false;
    started.once('exit', () => {
      // One that cannot start says so below; one that ran is begun again.
      if (ran && !stopping) start().catch((error: unknown) => log.write(`${String(error)}\n`));
    });
    await waitFor('mosquitto to run', 20_000, () => {
      if (started.exitCode !== null) throw new Error(`mosquitto ended: ${said.trim().split('\n').pop()}`);
      return said.includes('running');
    });
    ran = true;
  };
  await start();
  return {
    pid: () => child?.pid ?? 0,
    starts: () => starts,
    certificates: at('peio'),
    async stop() {
      stopping = true;
      const ending = child;
      if (ending !== undefined && ending.exitCode === null && ending.signalCode === null) {
        const ended = new Promise((resolve) => ending.once('exit', resolve));
        ending.kill('SIGTERM');
        await ended;
      }
      log.end();
    },
  };
}

function replaced(text: string, changes: readonly (readonly [string | RegExp, string])[]): string {
  return changes.reduce((before, [from, to]) => {
    if (before.search(from) < 0) throw new Error(`${from} does not stand in the broker's configuration`);
    return before.replaceAll(from, to);
  }, text);
}
