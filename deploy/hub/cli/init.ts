import { systemClock } from '#agent/platform/clock.ts';
import { Failure } from '#protocol/failure.ts';
import { carriedOff, initHub, type Passphrases, secretNames } from '../setup/init.ts';
import { disagreements, readSites } from '../setup/sites.ts';
import type { Call, Command } from './command.ts';
import { readPassphrase } from './passphrase.ts';
import { count } from './texts.ts';

/** Shorter ones are guessed; length is what counts, not kinds of characters (NIST SP 800-63B §3.1.1.2). */
const leastLength = 8;

export const init: Command = {
  summary: 'Makes a hub: keys, identities, the first policy, and a folder for every node.',
  usage: 'DIR [options]',
  notes: `A passphrase file holds one passphrase for everything, or one line "NAME=passphrase" for each of
${secretNames.join(', ')}. Without it each is asked for.`,
  arguments: { least: 1, most: 1 },
  options: {
    'passphrase-file': { type: 'string', value: 'FILE', help: 'passphrases of keys and identities' },
    'insecure-demo': { type: 'boolean', help: 'every secret in the clear; never for real cameras' },
    sites: {
      type: 'string',
      value: 'FILE',
      help: 'other nodes and cameras than deploy/sites/inventory.json',
    },
    root: { type: 'string', value: 'NAME', help: 'who signs the policy' },
    operator: { type: 'string', value: 'NAME', help: 'who prepares commands' },
    officer: { type: 'string', value: 'NAME', help: 'who authorises and opens' },
    lang: { type: 'string', value: 'it|en', help: 'language of what people read (it)' },
    json: { type: 'boolean', help: 'what was made, and what is to be carried away by whom, as JSON' },
  },
  async run(call) {
    const dir = call.positionals[0] as string;
    const lang = call.option('lang') ?? 'it';
    if (lang !== 'it' && lang !== 'en') throw new Failure('usage', 'usage', '--lang is "it" or "en"');
    const names = {
      root: call.option('root') ?? 'Titolare del trattamento',
      operator: call.option('operator') ?? 'Incaricato',
      officer: call.option('officer') ?? 'Responsabile del trattamento',
    };
    if (new Set(Object.values(names)).size < 3)
      throw new Failure('usage', 'usage', 'root, operator and officer are three persons');
    const demo = call.flag('insecure-demo');
    if (demo && call.option('passphrase-file'))
      throw new Failure('usage', 'usage', '--insecure-demo takes no passphrases');
    const sites = readSites(call.option('sites'));
    const passphrases = demo ? 'insecure-demo' : await passphrasesOf(call);
    await initHub({ dir, sites, names, lang, passphrases, utcMs: systemClock.utc() });

    const { terminal } = call;
    const cameras = sites.nodes.reduce((sum, node) => sum + node.cameras.length, 0);
    const confirm = [...disagreements(sites), ...sites.confirm];
    if (call.flag('json')) {
      const carryOff = demo ? {} : carriedOff;
      terminal.print(JSON.stringify({ dir, nodes: sites.nodes.length, cameras, demo, carryOff, confirm }));
      return 0;
    }
    terminal.print(
      lang === 'it'
        ? `Municipio pronto in ${dir}: ${count(sites.nodes.length, 'nodo', 'nodi')}, ${count(cameras, 'telecamera', 'telecamere')}.`
        : `The hub is ready in ${dir}: ${count(sites.nodes.length, 'node', 'nodes')}, ${count(cameras, 'camera', 'cameras')}.`,
    );
    for (const sentence of confirm) terminal.note(`  ! ${sentence}`);
    if (demo) {
      terminal.note(
        lang === 'it'
          ? 'DIMOSTRAZIONE: ogni chiave è in chiaro. Non usare con telecamere vere.'
          : 'DEMONSTRATION: every key is in the clear. Not for real cameras.',
      );
      return 0;
    }
    const carry = (who: string, files: readonly string[]): void =>
      terminal.print(`  ${who}: ${files.map((file) => `${dir}/${file}`).join(', ')}`);
    terminal.print(
      lang === 'it'
        ? 'Da portare via, ciascuno su un supporto proprio; finché restano qui "hub serve" non parte:'
        : 'To be carried away, each on a medium of its own; while they are here "hub serve" does not start:',
    );
    carry(names.officer, carriedOff.officer);
    carry(lang === 'it' ? 'custode della copia di riserva' : 'keeper of the escrow', carriedOff.escrow);
    carry(names.root, carriedOff.root);
    terminal.print(
      lang === 'it'
        ? 'Poi: certificati (hub ca init), una cartella per ogni box (hub provision), il posto di ciascuno (hub enrol).'
        : 'Then: certificates (hub ca init), a folder for every box (hub provision), the place of each (hub enrol).',
    );
    return 0;
  },
};

async function passphrasesOf(call: Call): Promise<Passphrases> {
  const file = call.option('passphrase-file');
  const found: [string, string][] = [];
  if (file === undefined) {
    if (!call.terminal.interactive)
      throw new Failure('usage', 'no-passphrase', 'give --passphrase-file, or run this on a terminal');
    for (const name of secretNames) {
      const phrase = await call.terminal.ask(`Passphrase ${name}: `, { hidden: true });
      if ((await call.terminal.ask(`Passphrase ${name} (again): `, { hidden: true })) !== phrase)
        throw new Failure('usage', 'passphrase', `the two passphrases for ${name} differ: nothing was made`);
      found.push([name, phrase]);
    }
  } else {
    const text = readPassphrase(file);
    const lines = text.split(/\r?\n/);
    if (lines.length === 1) found.push(...secretNames.map((name): [string, string] => [name, text]));
    else
      for (const line of lines) {
        const cut = line.indexOf('=');
        found.push([line.slice(0, cut), line.slice(cut + 1)]);
      }
  }
  const phrases = Object.fromEntries(found) as Passphrases;
  for (const name of secretNames)
    if ((phrases[name] ?? '').length < leastLength)
      throw new Failure(
        'usage',
        'passphrase',
        `the passphrase for ${name} is missing or shorter than ${leastLength} characters`,
      );
  return phrases;
}
