import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { systemClock } from '#agent/platform/clock.ts';
import { codeOf, Failure } from '#protocol/failure.ts';
import { type BackupFindings, readBackup } from '../backup/read.ts';
import { writeBackup } from '../backup/write.ts';
import { readIdentity } from '../viewing/identity.ts';
import { openRamFolder } from '../viewing/ram.ts';
import type { Call, Command } from './command.ts';
import { readPassphrase } from './passphrase.ts';

const identityOptions = {
  identity: { type: 'string', value: 'FILE', help: 'age identity that opens it' },
  'passphrase-file': { type: 'string', value: 'FILE', help: 'with its passphrase (else asked for)' },
} as const;

export const backup: Command = {
  summary: 'Writes an encrypted backup of the hub, also while it runs; or tests one.',
  usage: 'FILE --for age1… | --test FILE --identity FILE',
  notes: `In it: the hub's keys, policy, certificates, register, copies of logs with their heads, cases without their
footage, alarms, logins, configurations of nodes. Not in it: footage, and what officer, escrow, root and authority
keep themselves. --test unpacks it in memory and checks it as the hub would at its start.`,
  arguments: { least: 1, most: 1 },
  options: {
    for: { type: 'string', multiple: true, value: 'age1…', help: 'who can open it; two are better than one' },
    test: { type: 'boolean', help: 'opens and checks FILE instead' },
    ...identityOptions,
    ram: { type: 'string', value: 'DIR', help: 'RAM-backed folder for --test (/dev/shm)' },
    'allow-swap': { type: 'boolean', help: 'swap is encrypted' },
    json: { type: 'boolean', help: 'what was found as JSON' },
  },
  async run(call) {
    const file = resolve(call.positionals[0] as string);
    if (!call.flag('test')) {
      const recipients = call.options('for');
      if (recipients.length === 0) throw new Failure('usage', 'usage', '--for age1… is needed');
      call.settings();
      const { files } = await writeBackup(call.dir, file, recipients, systemClock.utc());
      const bytes = files.reduce((sum, one) => sum + one.bytes, 0);
      if (call.flag('json')) call.terminal.print(JSON.stringify({ file, files: files.length, bytes }));
      else call.terminal.print(`${file}: ${files.length} file, ${(bytes / 1e6).toFixed(1)} MB`);
      return 0;
    }
    const identity = await identityOf(call);
    const folder = openRamFolder(call.option('ram') ?? '/dev/shm', call.flag('allow-swap'));
    try {
      report(call, await readBackup(file, identity, folder.path));
    } finally {
      folder.remove();
    }
    return 0;
  },
};

export const restore: Command = {
  summary: 'Makes a hub’s folder of a backup, checked before it stands.',
  usage: 'DIR --from FILE --identity FILE',
  notes: `DIR is empty or not there. Before the hub is started from it: the hub that was must be gone for good, since two
of one name and key contradict each other. What nodes did since the backup they tell again.`,
  arguments: { least: 1, most: 1 },
  options: {
    from: { type: 'string', value: 'FILE', help: 'the backup' },
    ...identityOptions,
    json: { type: 'boolean', help: 'what was found as JSON' },
  },
  async run(call) {
    const target = resolve(call.positionals[0] as string);
    if (entriesOf(target).length > 0)
      throw new Failure('usage', 'not-empty', `${target} is not empty: name a new folder`);
    const from = resolve(call.need('from'));
    const identity = await identityOf(call);
    const fresh = join(dirname(target), `.${basename(target)}.${process.pid}.new`);
    try {
      mkdirSync(fresh, { recursive: true, mode: 0o700 });
    } catch (cause) {
      throw notUsable(target, cause);
    }
    try {
      const found = await readBackup(from, identity, fresh);
      rmSync(join(fresh, 'backup.json'));
      if (existsSync(target)) rmSync(target, { recursive: true });
      renameSync(fresh, target);
      report(call, found);
    } catch (error) {
      rmSync(fresh, { recursive: true, force: true });
      throw error;
    }
    return 0;
  },
};

/** Names in a folder; none where there is no such folder yet. Throws `usage` `not-a-folder`. */
function entriesOf(folder: string): string[] {
  try {
    return existsSync(folder) ? readdirSync(folder) : [];
  } catch (cause) {
    throw notUsable(folder, cause);
  }
}

function notUsable(folder: string, cause: unknown): Failure {
  return new Failure('usage', 'not-a-folder', `${folder} cannot be used (${codeOf(cause)})`, { cause });
}

async function identityOf(call: Call): Promise<string> {
  const phrase = call.option('passphrase-file');
  const identity = await readIdentity(call.need('identity'), async () =>
    phrase === undefined ? await call.terminal.ask('Passphrase: ', { hidden: true }) : readPassphrase(phrase),
  );
  return identity.secret;
}

function report(call: Call, found: BackupFindings): void {
  const { made, files, bytes, policyVersion, registerLines, logs } = found;
  call.terminal.print(
    call.flag('json')
      ? JSON.stringify(found)
      : `${made}: ${files} file, ${(bytes / 1e6).toFixed(1)} MB; policy ${policyVersion}, register ${registerLines}, logs ${logs}`,
  );
}
