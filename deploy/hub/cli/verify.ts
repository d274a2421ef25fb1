import { existsSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { exitCodes, Failure } from '#protocol/failure.ts';
import { hubFolder } from '../settings.ts';
import { readTrusted } from '../trust.ts';
import { readIdentity } from '../viewing/identity.ts';
import { readPackage } from '../viewing/package-file.ts';
import { policyOf } from '../viewing/policy-of.ts';
import { openRamFolder } from '../viewing/ram.ts';
import { type Check, verifyCase, verifyPackage } from '../viewing/verify.ts';
import type { Call, Command } from './command.ts';
import { readPassphrase } from './passphrase.ts';
import { texts } from './texts.ts';

export const verify: Command = {
  summary: 'Checks a package, or the folder of a case, offline: signatures, proof, hashes.',
  usage: 'FILE|DIR [--root root.pub] [--identity FILE | --passphrase-file FILE]',
  notes: `Needs no hub. root.pub is the one thing that is believed: get it from the town, not from the package.
Exit codes: 0 all is as it was signed, 1 something is not.`,
  arguments: { least: 1, most: 1 },
  options: {
    root: { type: 'string', value: 'FILE', help: "the root's public key (else that of the hub)" },
    identity: { type: 'string', value: 'FILE', help: 'age identity that opens the package' },
    'passphrase-file': { type: 'string', value: 'FILE', help: 'passphrase of the ZIP, or of the identity' },
    out: { type: 'string', value: 'DIR', help: 'RAM-backed folder to unpack in (/dev/shm)' },
    'allow-swap': { type: 'boolean', help: 'the swap of this machine is encrypted' },
    lang: { type: 'string', value: 'it|en', help: 'language of the answer (it)' },
    json: { type: 'boolean', help: 'every check as JSON' },
  },
  async run(call) {
    const given = call.positionals[0] as string;
    const root = call.option('root') ?? rootOfHub(call);
    if (!existsSync(root))
      throw new Failure('usage', 'no-root', `there is no ${root}: name the root's key with --root`);
    if (!existsSync(given)) throw new Failure('usage', 'usage', `there is no ${given}`);
    if (statSync(given).isDirectory()) return report(call, await verifyFolder(call, given, root));
    const ram = openRamFolder(call.option('out') ?? '/dev/shm', call.flag('allow-swap'));
    process.on('exit', () => ram.remove());
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
      process.on(signal, () => process.exit(exitCodes.checkFailed));
    try {
      const passphrase = async (): Promise<string> => {
        const file = call.option('passphrase-file');
        return file ? readPassphrase(file) : await call.terminal.ask('Passphrase: ', { hidden: true });
      };
      await readPackage(given, ram.path, {
        identity: async () => (await readIdentity(call.need('identity'), passphrase)).secret,
        passphrase,
      });
      return report(call, await verifyFolder(call, ram.path, root));
    } finally {
      ram.remove();
    }
  },
};

/** Who verifies a package has no hub, and need not be told of one: only where one was named it has to be there. */
function rootOfHub(call: Call): string {
  const named = call.option('hub') || call.env['PEIO_HUB'];
  return join(named ? call.dir : hubFolder(undefined, {}), 'root.pub');
}

/** A case of a hub takes the hub's policy; a package brings its own, which the root must have signed. */
async function verifyFolder(call: Call, folder: string, root: string): Promise<Check[]> {
  if (existsSync(join(folder, 'contents.txt'))) return await verifyPackage(folder, root);
  const hub = existsSync(join(folder, 'policy.dsse.json')) ? folder : hubOf(call, folder);
  return await verifyCase(folder, policyOf(readTrusted(hub, root), folder));
}

/** DIR of `DIR/data/cases/ID`, when it is one. */
function hubOf(call: Call, folder: string): string {
  const above = dirname(dirname(dirname(folder)));
  return existsSync(join(above, 'policy.dsse.json')) ? above : call.dir;
}

function report(call: Call, checks: Check[]): number {
  const good = checks.every(({ ok }) => ok);
  if (call.flag('json')) call.terminal.print(JSON.stringify({ ok: good, checks }));
  else {
    const {
      verified,
      authentic,
      notAuthentic,
      deleted: gone,
    } = texts[call.option('lang') === 'en' ? 'en' : 'it'];
    call.terminal.print(good ? authentic : notAuthentic);
    for (const { what, ok, why, deleted } of checks)
      call.terminal.print(
        `  ${ok ? '●' : '▲'} ${verified[what]}${why ? `: ${why}` : deleted ? `: ${gone}` : ''}`,
      );
  }
  return good ? exitCodes.done : exitCodes.checkFailed;
}
