import { resolve } from 'node:path';
import { maxAnswerBytes } from '#protocol/enrolment.ts';
import { codeOf, Failure } from '#protocol/failure.ts';
import { systemClock } from '../platform/clock.ts';
import { systemFiles, writeDurably } from '../platform/files.ts';
import type { Command } from './arguments.ts';

const installed = '/etc/peio-agent/agent.yaml';

export const enrolCommand: Command = {
  name: 'enrol',
  usage: '[--bundle DIR | --answer FILE] [--config FILE] [--out FILE] [--json]',
  summary: "Makes this box's own keys and a request for its place in the town; takes the answer in",
  words: 0,
  options: {
    bundle: { type: 'string', describe: 'folder that "hub provision" made for this node' },
    answer: { type: 'string', describe: 'what "hub enrol" answered to the request of this box' },
    config: { type: 'string', describe: `configuration of the node (${installed})` },
    out: { type: 'string', describe: 'where the request goes; printed without it' },
    json: { type: 'boolean', describe: 'what was done as JSON' },
  },
  async run(values) {
    const config = resolve(typeof values['config'] === 'string' ? values['config'] : installed);
    const { bundle, answer, out } = values;
    if (bundle !== undefined && answer !== undefined)
      throw new Failure('usage', 'usage', 'either --bundle or --answer');
    // Loaded here alone: the certificate library must not weigh on the recorder.
    const { makeRequest, placeBundle } = await import('../enrol/request.ts');
    if (typeof answer === 'string') return await take(config, answer, values['json'] === true);
    const made = await onDisk(async () => {
      if (typeof bundle === 'string') await placeBundle(systemFiles, resolve(bundle), config);
      return await makeRequest(systemFiles, config, {
        credentials: process.env['CREDENTIALS_DIRECTORY'],
        utcMs: systemClock.utc(),
      });
    });
    if (typeof out === 'string') {
      try {
        await writeDurably(systemFiles, resolve(out), made.text);
      } catch (cause) {
        throw new Failure('usage', 'usage', `${out} cannot be written (${codeOf(cause)})`, { cause });
      }
    } else if (!values['json']) process.stdout.write(`${made.text}\n`);
    if (values['json'])
      process.stdout.write(
        `${JSON.stringify({ ...made, ...(typeof out === 'string' ? { text: undefined, file: out } : {}) })}\n`,
      );
    // Beside the request, which may go into a pipe.
    else process.stderr.write(words[made.lang].asked(made));
    return 0;
  },
};

/** A path that the disk refuses is named to who gave it. Throws `config` `file`. */
async function onDisk<T>(body: () => Promise<T>): Promise<T> {
  try {
    return await body();
  } catch (cause) {
    const { path } = cause as NodeJS.ErrnoException;
    if (cause instanceof Failure || typeof path !== 'string') throw cause;
    throw new Failure('config', 'file', `${path} cannot be used (${codeOf(cause)})`, { cause });
  }
}

async function take(config: string, file: string, json: boolean): Promise<number> {
  let bytes: Buffer;
  try {
    bytes = await systemFiles.read(file, 2 * maxAnswerBytes);
  } catch (cause) {
    throw new Failure('usage', 'usage', `${file} cannot be read (${codeOf(cause)})`, { cause });
  }
  const { takeAnswer } = await import('../enrol/answer.ts');
  const { lang, ...taken } = await onDisk(() =>
    takeAnswer(systemFiles, config, bytes, process.env['CREDENTIALS_DIRECTORY']),
  );
  process.stdout.write(json ? `${JSON.stringify(taken)}\n` : words[lang].taken(taken));
  return 0;
}

interface Asked {
  node: string;
  fingerprint: string;
  roots: string[];
}

interface Taken {
  node: string;
  until: number;
  policyVersion: number;
  secrets: string[];
  missing: string[];
}

const day = (utcMs: number): string => new Date(utcMs).toISOString().slice(0, 10);

const words = {
  it: {
    asked: ({ node, fingerprint, roots }: Asked): string =>
      `${node}: impronta della richiesta ${fingerprint} (da confrontare con quella che mostra "hub enrol")\n` +
      `${node}: radici fidate ${roots.join(', ')} (da confrontare con il foglio del titolare)\n`,
    taken: ({ node, until, policyVersion, secrets, missing }: Taken): string =>
      `${node}: certificato fino al ${day(until)}, regole ${policyVersion}, segreti: ${secrets.join(', ') || 'nessuno'}\n` +
      (missing.length > 0 ? `${node}: mancano ancora i segreti ${missing.join(', ')}\n` : ''),
  },
  en: {
    asked: ({ node, fingerprint, roots }: Asked): string =>
      `${node}: fingerprint of the request ${fingerprint} (compare it with the one that "hub enrol" shows)\n` +
      `${node}: roots believed ${roots.join(', ')} (compare them with the controller's sheet)\n`,
    taken: ({ node, until, policyVersion, secrets, missing }: Taken): string =>
      `${node}: certificate until ${day(until)}, policy ${policyVersion}, secrets: ${secrets.join(', ') || 'none'}\n` +
      (missing.length > 0 ? `${node}: still missing are the secrets ${missing.join(', ')}\n` : ''),
  },
} as const;
