import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Failure } from '#protocol/failure.ts';
import { placeFile } from '../authority/place.ts';
import { brokerFolder } from '../authority/trust-files.ts';
import type { Call } from './command.ts';

/** Where the installer's guide puts the broker's files. */
const installedFolder = '/etc/mosquitto/peio';
/** A restart, since a reload keeps newcomers out and leaves what is connected (mosquitto 2.0.11 and 2.0.21: tried). */
const installedRestart = 'systemctl restart mosquitto';
const restartLimitMs = 60_000;

export const brokerOptions = {
  broker: {
    type: 'string',
    value: 'DIR',
    help: `the broker's certificates (${installedFolder}, where it is there)`,
  },
  'broker-restart': {
    type: 'string',
    value: 'COMMAND',
    help: `makes the broker read them and drop who is revoked (${installedRestart})`,
  },
} as const;

/** Throws `usage` where `--broker` names no folder. */
export function requireBroker(call: Call): void {
  const named = call.option('broker');
  if (named !== undefined && !existsSync(named))
    throw new Failure('usage', 'usage', `there is no folder ${named}`);
}

/**
 * Hands the newest list of revoked certificates to the broker and restarts it: whoever is revoked is out then, the
 * others are back within half a minute with their sessions. Where no broker is on this machine, says what to do.
 * Throws `unavailable` `broker-restart`: the list is in its place then, and only those already connected stay.
 */
export async function refreshBroker(call: Call): Promise<void> {
  const list = readFileSync(join(call.dir, brokerFolder, 'ca.crl'));
  const folder = call.option('broker') ?? installedFolder;
  const it = call.settings().lang === 'it';
  requireBroker(call);
  if (!existsSync(folder)) {
    call.terminal.note(
      it
        ? `Il broker non è su questa macchina: portargli ${join(call.dir, brokerFolder, 'ca.crl')} e riavviarlo (${installedRestart}).`
        : `The broker is not on this machine: take ${join(call.dir, brokerFolder, 'ca.crl')} to it and restart it (${installedRestart}).`,
    );
    return;
  }
  placeFile(join(folder, 'ca.crl'), list, 0o600);
  const [program = '', ...args] = (call.option('broker-restart') ?? installedRestart).split(' ');
  const { status, error, stderr } = spawnSync(program, args, { encoding: 'utf8', timeout: restartLimitMs });
  if (status === 0) return;
  throw new Failure(
    'unavailable',
    'broker-restart',
    `"${program} ${args.join(' ')}" failed (${error?.message ?? stderr.trim() ?? status}): restart the broker by hand, until then who is connected stays`,
  );
}
