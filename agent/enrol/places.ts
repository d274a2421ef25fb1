import { dirname, resolve } from 'node:path';
import { parse } from 'yaml';
import { codeOf, Failure, sentenceOf } from '#protocol/failure.ts';
import { configSchema } from '../config/schema.ts';
import type { Files } from '../platform/files.ts';

const maxConfigBytes = 1024 * 1024;

/** Where a box's own things lie: absolute paths, as its configuration names them. */
export interface Places {
  node: string;
  lang: 'it' | 'en';
  folder: string;
  secrets: string;
  nodeKey: string;
  tlsKey: string;
  certificate: string;
  authority: string;
  identity: string;
  roots: string;
  threshold: number;
  policy: string;
  request: string;
  /** `$CREDENTIALS_DIRECTORY`: what is there is taken before what is in `secrets`. */
  credentials: string | undefined;
  /** Secrets that the configuration names and an answer brings: credentials of cameras and radios. */
  expected: string[];
}

/** Reads the shape alone: keys and certificates need not be there yet. Throws `config` `config`. */
export async function readPlaces(
  files: Files,
  file: string,
  credentials: string | undefined,
): Promise<Places> {
  const refuse = (why: string, cause?: unknown): never => {
    throw new Failure('config', 'config', `${file}: ${why}`, { cause });
  };
  let value: unknown;
  try {
    value = parse((await files.read(file, maxConfigBytes)).toString('utf8'));
  } catch (cause) {
    return refuse(
      codeOf(cause) === 'unknown' ? sentenceOf(cause) : `cannot be read (${codeOf(cause)})`,
      cause,
    );
  }
  const parsed = configSchema.safeParse(value);
  if (!parsed.success)
    return refuse(parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; '));
  const { node, lang, signing, trust, policy, mqtt, cameras, links } = parsed.data;
  const folder = dirname(resolve(file));
  const secrets = resolve(folder, 'secrets');
  const key = mqtt?.key ?? `${node}.key`;
  return {
    node,
    lang,
    folder,
    secrets,
    nodeKey: resolve(secrets, signing),
    // As config/named.ts looks for it: a mere name is a secret first.
    tlsKey: key.includes('/') ? resolve(folder, key) : resolve(secrets, key),
    certificate: resolve(folder, mqtt?.cert ?? `${node}.crt`),
    authority: resolve(folder, mqtt?.ca ?? 'ca.crt'),
    identity: resolve(secrets, 'box-identity'),
    roots: resolve(folder, trust.roots),
    threshold: trust.threshold,
    policy: resolve(folder, policy),
    request: resolve(folder, 'enrolment.json'),
    credentials,
    expected: [...cameras, ...links].flatMap(({ credentials }) => credentials ?? []),
  };
}
