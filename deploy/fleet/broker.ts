import { type ChildProcess, spawn } from 'node:child_process';
import { cpSync, createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { waitFor } from '../demo/wait.ts';
import { configureBroker, mosquitto } from '../mosquitto/configure.ts';

/** Why this machine cannot run the town's broker; undefined where it can. */
export function whyNoBroker(): string | undefined {
  return mosquitto === undefined ? "Debian's mosquitto is not installed" : undefined;
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
 * The broker of deploy/mosquitto. `files`: the folder that "hub ca" made for it. `listener`: port and address. `began` is told
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
  const program = mosquitto;
  if (program === undefined) throw new Error(whyNoBroker());
  const { file, certificates } = configureBroker(options.folder, options.listener);
  for (const name of ['ca.crt', 'ca.crl', 'broker.crt', 'broker.key'])
    cpSync(join(options.files, name), join(certificates, name));

  const log = createWriteStream(options.log, { flags: 'a' });
  let child: ChildProcess | undefined;
  let starts = 0;
  let stopping = false;
  const start = async (): Promise<void> => {
    let said = '';
    const line = [...options.within, program, '-c', file];
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
    certificates,
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
