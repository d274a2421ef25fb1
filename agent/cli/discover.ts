import { codeOf, Failure } from '#protocol/failure.ts';
import { type Candidate, candidatesOf, configurationOf } from '../discover/configuration.ts';
import { discover } from '../discover/discover.ts';
import { discoveryPort, type Found } from '../discover/probe.ts';
import { askOnvif } from '../health/onvif.ts';
import { askChild } from '../platform/child.ts';
import { systemClock } from '../platform/clock.ts';
import { systemFiles } from '../platform/files.ts';
import { ownAddresses } from '../platform/interfaces.ts';
import { systemRandom } from '../platform/random.ts';
import { systemUdp } from '../platform/udp.ts';
import type { Command } from './arguments.ts';

const usualSeconds = 4;
const askedAtOnce = 4;
const maxSecretBytes = 1024;

const words = {
  it: {
    none: 'Nessuna telecamera ha risposto.',
    found: (count: number) => (count === 1 ? '1 telecamera trovata.' : `${count} telecamere trovate.`),
    header: ['id', 'indirizzo', 'nome', 'modello', 'flusso', 'registra da sé'],
    yes: 'sì',
    no: 'no',
    unknown: '?',
    errors: { away: 'non risponde', auth: 'rifiuta utente o password', broken: 'risponde in modo errato' },
    paste:
      'Da incollare nella configurazione; le password vanno nei file secrets/<id>, come utente:password:',
  },
  en: {
    none: 'No camera answered.',
    found: (count: number) => (count === 1 ? '1 camera found.' : `${count} cameras found.`),
    header: ['id', 'address', 'name', 'model', 'stream', 'records itself'],
    yes: 'yes',
    no: 'no',
    unknown: '?',
    errors: { away: 'does not answer', auth: 'refuses user or password', broken: 'answers wrongly' },
    paste: 'To paste into the configuration; passwords go into the files secrets/<id>, as user:password:',
  },
} as const;

export const discoverCommand: Command = {
  name: 'discover',
  usage: '[--credentials FILE] [--from ADDRESS] [--target HOST[:PORT]] [--seconds N] [--lang it|en] [--json]',
  summary:
    'Finds cameras on the segment by WS-Discovery and prints configuration to paste; exit 1 when none answers',
  words: 0,
  options: {
    credentials: {
      type: 'string',
      value: 'FILE',
      describe: 'user:password in one line, for what cameras tell nobody else',
    },
    from: { type: 'string', value: 'ADDRESS', describe: 'own address on the segment to ask; all without it' },
    target: {
      type: 'string',
      value: 'HOST',
      describe: 'one device to ask, with or without a port, behind a router',
    },
    seconds: {
      type: 'string',
      value: 'N',
      describe: `how long answers are waited for, 1 to 60 (${usualSeconds})`,
    },
    lang: { type: 'string', value: 'it|en', describe: 'language of what is printed (it)' },
    json: { type: 'boolean', describe: 'as JSON' },
  },
  async run(values) {
    const t = words[values['lang'] === 'en' ? 'en' : 'it'];
    const seconds = Number(values['seconds'] ?? usualSeconds);
    if (!(seconds >= 1 && seconds <= 60))
      throw new Failure('usage', 'usage', '--seconds must lie between 1 and 60');
    const file = values['credentials'];
    const credentials = typeof file === 'string' ? await credentialsOf(file) : undefined;
    const { from, target } = values;
    const found = await discover(
      { udp: systemUdp, clock: systemClock, random: systemRandom },
      {
        from: typeof from === 'string' ? [from] : ownAddresses(),
        ...(typeof target === 'string' ? { target: targetOf(target) } : {}),
        waitMs: seconds * 1000,
      },
      new AbortController().signal,
    );
    const candidates = await asked(found, credentials);
    if (values['json'])
      process.stdout.write(
        `${JSON.stringify({ cameras: candidates, configuration: configurationOf(candidates) })}\n`,
      );
    else if (candidates.length === 0) process.stdout.write(`${t.none}\n`);
    else
      process.stdout.write(
        `${tableOf(candidates, t)}\n${t.found(candidates.length)} ${t.paste}\n\n${configurationOf(candidates)}`,
      );
    return candidates.length > 0 ? 0 : 1;
  },
};

/** Asks each device what it is, a few at a time, each in a child of its own. */
async function asked(
  found: readonly Found[],
  credentials: { user: string; password: string } | undefined,
): Promise<Candidate[]> {
  const answers = found.map((one) => ({
    found: one,
    answer: undefined as Awaited<ReturnType<typeof askOnvif>> | undefined,
  }));
  const waiting = [...answers];
  const worker = async (): Promise<void> => {
    for (let one = waiting.shift(); one; one = waiting.shift())
      one.answer = await askOnvif(
        askChild,
        { onvif: one.found.onvif, credentials, ptz: false },
        new AbortController().signal,
      );
  };
  await Promise.all(Array.from({ length: askedAtOnce }, worker));
  return candidatesOf(answers);
}

type Texts = (typeof words)['it' | 'en'];

function tableOf(candidates: readonly Candidate[], t: Texts): string {
  const rows = [
    [...t.header],
    ...candidates.map(({ id, address, name, hardware, model, width, height, encoding, records, error }) => [
      id,
      address,
      name ?? '',
      model ?? hardware ?? '',
      width === undefined ? (error ? t.errors[error] : t.unknown) : `${width}×${height} ${encoding}`,
      records === undefined ? t.unknown : records ? t.yes : t.no,
    ]),
  ];
  const widths = t.header.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows
    .map(
      (row) =>
        `${row
          .map((cell, i) => cell.padEnd(widths[i]!))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('');
}

function targetOf(text: string): { host: string; port: number } {
  const match = /^([A-Za-z0-9.-]{1,253})(?::(\d{1,5}))?$/.exec(text);
  if (match === null)
    throw new Failure('usage', 'usage', `--target ${text}: is no host with or without a port`);
  return { host: match[1]!, port: Number(match[2] ?? discoveryPort) };
}

async function credentialsOf(file: string): Promise<{ user: string; password: string }> {
  let text: string;
  try {
    text = (await systemFiles.read(file, maxSecretBytes)).toString('utf8').split('\n')[0]!.trim();
  } catch (cause) {
    throw new Failure('usage', 'usage', `--credentials ${file} cannot be read (${codeOf(cause)})`, { cause });
  }
  const colon = text.indexOf(':');
  if (colon < 1) throw new Failure('usage', 'usage', `--credentials ${file}: holds no user:password`);
  return { user: text.slice(0, colon), password: text.slice(colon + 1) };
}
