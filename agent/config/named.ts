import { createPrivateKey, type KeyObject } from 'node:crypto';
import { dirname, resolve } from 'node:path';
import { codeOf, Failure } from '#protocol/failure.ts';
import { parsePublicPem, publicKeyOf } from '#protocol/key.ts';
import { maxPolicyBytes, type Trust } from '#protocol/policy.ts';
import type { Credentials } from '../camera/ingest.ts';
import { parseSnmpSecret, type SnmpAccess } from '../link/snmp-question.ts';
import type { Files } from '../platform/files.ts';
import type { Problem } from './problems.ts';
import { openTls, type RenewableTls, type Tls, tlsFaults } from './tls.ts';

const maxSecretBytes = 64 * 1024;

export interface Surroundings {
  files: Files;
  env: Readonly<Record<string, string | undefined>>;
}

export type Named = ReturnType<typeof openNamed>;

/**
 * Reads the secrets and files that the configuration `file` names, relative to its folder; a secret comes from systemd's
 * credentials before `secrets/`. What is wrong is collected in `problems`, and the reader answers undefined.
 */
export function openNamed(
  file: string,
  { files, env }: Surroundings,
  located: (path: readonly PropertyKey[], message: string) => Problem,
) {
  const folder = dirname(resolve(file));
  const problems: Problem[] = [];
  const report = (path: readonly PropertyKey[], message: string): undefined => {
    problems.push(located(path, message));
    return undefined;
  };
  const inFolder = (path: string): string => resolve(folder, path);
  const secretPaths = (name: string): string[] => [
    ...(env['CREDENTIALS_DIRECTORY'] ? [resolve(env['CREDENTIALS_DIRECTORY'], name)] : []),
    resolve(folder, 'secrets', name),
  ];

  async function readFirst(candidates: string[], maxBytes: number): Promise<Buffer> {
    const refuse = (sentence: string, cause?: unknown): never => {
      throw new Failure('config', 'file', sentence, { cause });
    };
    for (const candidate of candidates)
      try {
        return await files.read(candidate, maxBytes);
      } catch (error) {
        if (codeOf(error) !== 'ENOENT') refuse(`${candidate} cannot be read (${codeOf(error)})`, error);
      }
    return refuse(`there is no ${candidates.join(' or ')}`);
  }

  async function firstOf(
    path: readonly PropertyKey[],
    candidates: string[],
    maxBytes: number,
  ): Promise<Buffer | undefined> {
    try {
      return await readFirst(candidates, maxBytes);
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      return report(path, error.message);
    }
  }

  const secretLine = async (path: readonly PropertyKey[], name: string): Promise<string | undefined> =>
    (await firstOf(path, secretPaths(name), maxSecretBytes))?.toString('utf8').replace(/\r?\n$/, '');

  async function credentials(path: readonly PropertyKey[], name: string): Promise<Credentials | undefined> {
    const text = await secretLine(path, name);
    if (text === undefined) return undefined;
    const colon = text.indexOf(':');
    if (colon < 1 || text.includes('\n'))
      return report(path, `secret "${name}" is not one line user:password`);
    return { user: text.slice(0, colon), password: text.slice(colon + 1) };
  }

  async function snmpAccess(
    path: readonly PropertyKey[],
    name: string,
    auth: 'sha' | 'sha256',
  ): Promise<SnmpAccess | undefined> {
    const text = await secretLine(path, name);
    if (text === undefined) return undefined;
    const access = parseSnmpSecret(text, auth);
    return (
      access ??
      report(path, `secret "${name}" is no community, user:password or user:password:password of 8 letters`)
    );
  }

  const pemPaths = (name: string): string[] =>
    name.includes('/') ? [resolve(folder, name)] : [...secretPaths(name), resolve(folder, name)];

  async function pem(path: readonly PropertyKey[], name: string | undefined): Promise<string | undefined> {
    if (name === undefined) return undefined;
    return (await firstOf(path, pemPaths(name), maxSecretBytes))?.toString('utf8');
  }

  async function tls(section: string, paths: Tls): Promise<Tls> {
    return {
      ca: await pem([section, 'ca'], paths.ca),
      cert: await pem([section, 'cert'], paths.cert),
      key: await pem([section, 'key'], paths.key),
    };
  }

  /** What was read as `first` from `paths`, to be read again. Faults are reported where `section` names anything of it. */
  function renewable(section: string, given: Tls, first: Tls, paths: Tls): RenewableTls {
    const names = (['ca', 'cert', 'key'] as const).filter((name) => given[name] !== undefined);
    for (const [name, fault] of names.length > 0 ? tlsFaults(first) : [])
      report(names.includes(name) ? [section, name] : [section], fault);
    const again = async (name: string | undefined): Promise<string | undefined> =>
      name === undefined ? undefined : (await readFirst(pemPaths(name), maxSecretBytes)).toString('utf8');
    return openTls(first, async () => ({
      ca: await again(paths.ca),
      cert: await again(paths.cert),
      key: await again(paths.key),
    }));
  }

  async function signingKey(name: string): Promise<KeyObject | undefined> {
    const text = await firstOf(['signing'], secretPaths(name), maxSecretBytes);
    if (text === undefined) return undefined;
    try {
      const key = createPrivateKey(text);
      publicKeyOf(key);
      return key;
    } catch {
      return report(['signing'], `secret "${name}" is no Ed25519 private key in PEM`);
    }
  }

  async function roots(path: string): Promise<Trust['roots'] | undefined> {
    const text = await firstOf(['trust', 'roots'], [resolve(folder, path)], maxSecretBytes);
    try {
      return text && parsePublicPem(text.toString('utf8'));
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      return report(['trust', 'roots'], error.message);
    }
  }

  const policy = (path: string): Promise<Buffer | undefined> =>
    firstOf(['policy'], [inFolder(path)], maxPolicyBytes);

  return {
    problems,
    report,
    inFolder,
    credentials,
    snmpAccess,
    pem,
    tls,
    renewable,
    signingKey,
    roots,
    policy,
  };
}
