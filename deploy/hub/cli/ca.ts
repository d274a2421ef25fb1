import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseDocument } from 'yaml';
import { systemClock } from '#agent/platform/clock.ts';
import { Failure } from '#protocol/failure.ts';
import { instantText } from '#protocol/time.ts';
import { type Authority, initAuthority, isAuthorityLocked, openAuthority } from '../authority/authority.ts';
import { placeFile } from '../authority/place.ts';
import { placeServers, placeTrust, serverAddresses } from '../authority/trust-files.ts';
import type { Call, Command } from './command.ts';
import { readPassphrase } from './passphrase.ts';

/** As for signing keys: length is what counts. */
const leastLength = 8;

export const authorityOptions = {
  ca: { type: 'string', value: 'DIR', help: "folder of the town's authority (else authority/ of the hub)" },
  'ca-passphrase-file': { type: 'string', value: 'FILE', help: 'file with its passphrase (else asked for)' },
} as const;

export const ca: Command = {
  summary: "The town's authority for certificates: who may connect to broker and hub, and as what.",
  usage: 'init | renew | list [options]',
  notes: `  init     makes it, with certificates for hub and broker (in the hub's folder and its broker/)
  renew    new certificates for hub and broker, and the list of revoked ones anew
  list     what it has signed
Nodes get theirs by "hub enrol" and lose them by "hub revoke". Keep the authority where the root's key is: a hub that
can read it does not start.`,
  arguments: { least: 1, most: 1 },
  options: {
    ...authorityOptions,
    name: { type: 'string', value: 'NAME', help: 'of the authority (Comune di Peio)' },
    address: {
      type: 'string',
      multiple: true,
      value: 'ADDRESS',
      help: 'of broker and hub, besides those in hub.yaml and nodes/',
    },
    json: { type: 'boolean', help: '"list" as JSON' },
  },
  async run(call) {
    const what = call.positionals[0];
    const settings = call.settings();
    const addresses = [...new Set([...serverAddresses(settings), ...call.options('address')])];
    if (what === 'init') {
      const clear = settings.insecureDemo === true && call.option('ca-passphrase-file') === undefined;
      const dir = authorityFolder(call);
      const passphrase = clear ? undefined : await newPassphrase(call);
      const made = await initAuthority(dir, {
        name: call.option('name') ?? 'Comune di Peio',
        passphrase,
        utc: () => systemClock.utc(),
      });
      await placeServers(call.dir, made, addresses);
      nameList(call.dir);
      call.terminal.print(
        settings.lang === 'it'
          ? `Autorità in ${dir}; certificati di municipio e broker per ${addresses.join(', ')} in ${call.dir}.`
          : `The authority is in ${dir}; certificates of hub and broker for ${addresses.join(', ')} in ${call.dir}.`,
      );
      return 0;
    }
    const authority = await openCallAuthority(call);
    if (what === 'renew') {
      await authority.list();
      await placeServers(call.dir, authority, addresses);
      placeTrust(call.dir, authority);
      call.terminal.print(
        settings.lang === 'it'
          ? `Rinnovati per ${addresses.join(', ')}. Ora: i file di ${join(call.dir, 'broker')} al broker, poi riavviare broker e peio-hub.`
          : `Renewed for ${addresses.join(', ')}. Now: the files of ${join(call.dir, 'broker')} to the broker, then restart broker and peio-hub.`,
      );
      return 0;
    }
    if (what !== 'list') throw new Failure('usage', 'usage', `hub ca ${ca.usage}: see "hub ca --help"`);
    const all = authority.all();
    if (call.flag('json')) call.terminal.print(JSON.stringify(all));
    else
      for (const { name, serial, until, revokedAt } of all)
        call.terminal.print(
          `${name.padEnd(12)} ${serial}  ${revokedAt === undefined ? `until ${instantText(until)}` : `revoked ${instantText(revokedAt)}`}`,
        );
    return 0;
  },
};

/** From now on there is a list of revoked certificates: uploads are judged by it. */
function nameList(dir: string): void {
  const file = join(dir, 'hub.yaml');
  const document = parseDocument(readFileSync(file, 'utf8'));
  if (!document.hasIn(['upload', 'clientCa']) || document.hasIn(['upload', 'crl'])) return;
  document.setIn(['upload', 'crl'], 'ca.crl');
  placeFile(file, document.toString({ lineWidth: 0 }), 0o600);
}

function authorityFolder(call: Call): string {
  return resolve(call.option('ca') ?? join(call.dir, 'authority'));
}

/** The authority that `--ca` names, opened with its passphrase. */
export async function openCallAuthority(call: Call): Promise<Authority> {
  const dir = authorityFolder(call);
  const file = call.option('ca-passphrase-file');
  let passphrase: string | undefined;
  if (isAuthorityLocked(dir))
    if (file !== undefined) passphrase = readPassphrase(file);
    else if (call.terminal.interactive)
      passphrase = await call.terminal.ask(`Passphrase ${dir}: `, { hidden: true });
    else
      throw new Failure('usage', 'no-passphrase', `${dir} needs its passphrase: give --ca-passphrase-file`);
  return openAuthority(dir, passphrase, () => systemClock.utc());
}

async function newPassphrase(call: Call): Promise<string> {
  if (existsSync(join(authorityFolder(call), 'ca.key')))
    throw new Failure('usage', 'not-empty', `${authorityFolder(call)} holds an authority already`);
  const file = call.option('ca-passphrase-file');
  let phrase: string;
  if (file !== undefined) phrase = readPassphrase(file);
  else {
    if (!call.terminal.interactive)
      throw new Failure('usage', 'no-passphrase', 'give --ca-passphrase-file, or run this on a terminal');
    phrase = await call.terminal.ask('Passphrase: ', { hidden: true });
    if ((await call.terminal.ask('Passphrase (again): ', { hidden: true })) !== phrase)
      throw new Failure('usage', 'passphrase', 'the two passphrases differ: nothing was made');
  }
  if (phrase.length < leastLength)
    throw new Failure('usage', 'passphrase', `a passphrase has at least ${leastLength} characters`);
  return phrase;
}
