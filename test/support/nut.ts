import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readUps, type UpsReading } from '#agent/health/ups.ts';
import { systemClock } from '#agent/platform/clock.ts';
import { openNet } from '#agent/platform/net.ts';
import { freePort } from '../../deploy/demo/free-port.ts';
import { eventually } from './eventually.ts';

/** Where Debian keeps them; /usr/sbin/upsd is a script that asks /etc. */
const driver = '/lib/nut/dummy-ups';
const daemon = '/lib/nut/upsd';
/** Whether Debian's nut-server is installed. */
export const nutIsThere = existsSync(driver) && existsSync(daemon);
const never = new AbortController().signal;
const parts = { clock: systemClock, net: openNet(50) };

/** Debian's upsd over its dummy driver, which follows a file. */
export async function startNut(folder: string) {
  const port = await freePort();
  const set = (status: string, charge = 100, runtime = 2400): void =>
    writeFileSync(
      join(folder, 'ups.dev'),
      `ups.status: ${status}\nbattery.charge: ${charge}\nbattery.runtime: ${runtime}\n`,
    );
  set('OL CHRG');
  writeFileSync(
    join(folder, 'ups.conf'),
    `[ups]\n driver = dummy-ups\n port = ${folder}/ups.dev\n mode = dummy-once\n`,
  );
  writeFileSync(join(folder, 'upsd.conf'), `LISTEN 127.0.0.1 ${port}\nMAXAGE 4\n`);
  writeFileSync(join(folder, 'upsd.users'), '');
  for (const name of ['ups.conf', 'upsd.conf', 'upsd.users']) chmodSync(join(folder, name), 0o640);
  const env = { ...process.env, NUT_CONFPATH: folder, NUT_STATEPATH: folder, NUT_ALTPIDPATH: folder };
  const user = process.getuid?.() === 0 ? ['-u', 'root'] : [];
  const start = (program: string, args: string[]): { child: ChildProcess; ended: Promise<void> } => {
    const child = spawn(program, args, { env, stdio: 'ignore' });
    return { child, ended: new Promise((resolve) => child.once('close', () => resolve())) };
  };
  const ups = start(driver, ['-a', 'ups', ...user, '-F', '-i', '1']);
  await eventually('the driver', () => existsSync(join(folder, 'dummy-ups-ups')));
  const upsd = start(daemon, ['-F', ...user]);
  const address = { host: '127.0.0.1', port, name: 'ups' };
  const ask = (): Promise<UpsReading | undefined> => readUps(parts, address, never);
  await eventually('upsd', async () => (await ask())?.status.includes('OL'));
  return {
    address,
    ask,
    set,
    async killDriver() {
      ups.child.kill('SIGKILL');
      await ups.ended;
    },
    async [Symbol.asyncDispose]() {
      for (const { child, ended } of [upsd, ups]) {
        child.kill('SIGKILL');
        await ended;
      }
    },
  };
}
