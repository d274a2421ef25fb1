import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
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
  if (spawnSync('openssl', ['version'], { stdio: 'ignore' }).error) return 'openssl is not installed';
  return undefined;
}

/** What vouches for the broker, and for those who come: paths of PEM files. */
export interface BrokerFiles {
  ca: string;
  crl: string;
  cert: string;
  key: string;
}

export interface Broker {
  pid(): number;
  /** What it said in this life. */
  said(): string;
  /** Takes the list of what is revoked anew and ends every connection, as deploy/mosquitto/README.md says. */
  revoked(): Promise<void>;
  stop(): Promise<void>;
}

/**
 * The broker of deploy/mosquitto below Debian's own configuration: paths, user and address are another, the rest
 * stands as it is shipped. `listener`: port and address. `began` is told of every process.
 */
export async function startBroker(options: {
  folder: string;
  files: BrokerFiles;
  listener: string;
  within: readonly string[];
  began(pid: number): void;
}): Promise<Broker> {
  const { folder, files } = options;
  if (program === undefined) throw new Error(whyNoBroker());
  const at = (path: string): string => join(folder, path);
  for (const name of ['peio', 'conf.d', 'data']) mkdirSync(at(name), { recursive: true });
  cpSync(files.ca, at('peio/ca.crt'));
  cpSync(files.crl, at('peio/ca.crl'));
  cpSync(files.cert, at('peio/broker.crt'));
  cpSync(files.key, at('peio/broker.key'));
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

  let said = '';
  let child: ChildProcess | undefined;
  const start = async (): Promise<void> => {
    said = '';
    const line = [...options.within, program, '-c', at('mosquitto.conf')];
    const started = spawn(line[0] as string, line.slice(1), {
      stdio: ['ignore', 'ignore', 'pipe'],
      detached: true,
    });
    child = started;
    options.began(started.pid ?? 0);
    started.stderr.on('data', (chunk: Buffer) => {
      said = (said + chunk.toString()).slice(-100_000);
    });
    await waitFor('mosquitto to run', 20_000, () => {
      if (started.exitCode !== null) throw new Error(`mosquitto ended: ${said.trim().split('\n').pop()}`);
      return said.includes('running');
    });
  };
  const stop = async (): Promise<void> => {
    const ending = child;
    child = undefined;
    if (ending === undefined || ending.exitCode !== null || ending.signalCode !== null) return;
    const ended = new Promise((resolve) => ending.once('exit', resolve));
    ending.kill('SIGTERM');
    await ended;
  };
  await start();
  return {
    pid: () => child?.pid ?? 0,
    said: () => said,
    async revoked() {
      cpSync(files.crl, at('peio/ca.crl'));
      await stop();
      await start();
    },
    stop,
  };
}

function replaced(text: string, changes: readonly (readonly [string | RegExp, string])[]): string {
  return changes.reduce((before, [from, to]) => {
    if (before.search(from) < 0) throw new Error(`${from} does not stand in the broker's configuration`);
    return before.replaceAll(from, to);
  }, text);
}
