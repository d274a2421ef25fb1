import { createPrivateKey, type KeyObject } from 'node:crypto';
import { dirname, resolve } from 'node:path';
import { isMap, LineCounter, parseDocument } from 'yaml';
import { z } from 'zod';
import { codeOf, Failure, sentenceOf } from '#protocol/failure.ts';
import { parsePublicPem, publicKeyOf } from '#protocol/key.ts';
import { maxPolicyBytes, type Trust } from '#protocol/policy.ts';
import type { Credentials } from '../camera/ingest.ts';
import { parseSnmpSecret, type SnmpAccess } from '../link/snmp-question.ts';
import type { Files } from '../platform/files.ts';
import type { TlsTrust } from '../platform/net.ts';
import { ConfigFailure, type Problem, pathText, problemsOf } from './problems.ts';
import { type ConfigFile, configSchema } from './schema.ts';
import { openTls, orElse, type RenewableTls, type Tls, tlsFaults } from './tls.ts';

const maxConfigBytes = 1024 * 1024;
const maxSecretBytes = 64 * 1024;
/** sockaddr_un holds 108 with the closing zero. */
const maxSocketBytes = 107;
/** Network UPS Tools, as IANA lists it. */
const nutPort = 3493;

type CameraFile = ConfigFile['cameras'][number];
type LinkFile = ConfigFile['links'][number];

/** The configuration with everything it names read and checked. Holds secrets: never log it. */
export interface Config {
  node: string;
  store: { path: string; mount?: string; retentionMs: number; segmentMs: number; reserve: number };
  trust: Trust;
  /** The envelope of the first policy. */
  policy: Buffer;
  signingKey: KeyObject;
  cameras: (Omit<CameraFile, 'credentials' | 'tls'> & { credentials?: Credentials; tls?: TlsTrust })[];
  /** Path of the ffmpeg to be preferred. */
  ffmpeg?: string;
  mqtt?: { url: string; tls: RenewableTls };
  upload?: { url: string; limitBits: number; tls: RenewableTls };
  links: (Pick<LinkFile, 'id' | 'to' | 'probe' | 'model' | 'oids'> & {
    host: string;
    port?: number;
    slowMs: number;
    access?: SnmpAccess;
  })[];
  ups?: { host: string; port: number; name: string };
  /** Where STAMP packets are reflected. */
  reflect?: { host: string; port: number };
  healthIntervalMs: number;
  pictureIntervalMs: number;
  web?: { host: string; port: number };
  socket: string;
  lang: 'it' | 'en';
  /** IANA time zone of the place. */
  zone: string;
}

export interface Surroundings {
  files: Files;
  env: Readonly<Record<string, string | undefined>>;
}

/** Reads `file` and all it names. Throws a {@link ConfigFailure} that lists every problem at once. */
export async function loadConfig(file: string, around: Surroundings): Promise<Config> {
  const text = await readText(file, around.files);
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: true });
  if (document.errors.length > 0)
    throw new ConfigFailure(
      file,
      document.errors.map((error) => ({
        path: 'YAML',
        message: sentenceOf(error),
        line: lines.linePos(error.pos[0]).line,
      })),
    );
  const lineOf = (path: readonly PropertyKey[]): number | undefined => {
    for (let length = path.length; length > 0; length--) {
      const node = document.getIn(path.slice(0, length), true) as
        | { range?: [number, number, number] }
        | undefined;
      if (node?.range) return lines.linePos(node.range[0]).line;
    }
    return undefined;
  };
  const located = (path: readonly PropertyKey[], message: string): Problem => {
    const line = lineOf(path);
    return { path: pathText(path) || 'file', message, ...(line === undefined ? {} : { line }) };
  };
  let raw: unknown;
  try {
    raw = document.toJS({ maxAliasCount: 100 });
  } catch (error) {
    throw new ConfigFailure(file, [{ path: 'YAML', message: sentenceOf(error) }]);
  }
  const parsed = configSchema.safeParse(raw ?? {}, { reportInput: true });
  const schemaProblems = parsed.success
    ? []
    : problemsOf(parsed.error, knownKeys).map(({ path, message }) => located(path, message));
  // What the file names is read even when its shape is wrong elsewhere, so that one run shows everything.
  const named = openNamed(file, around, located);
  const config = parsed.success
    ? await named.resolve(parsed.data)
    : await named.probe(raw, isMap(document.contents));
  const told = new Set(schemaProblems.map(({ path }) => path));
  const problems = [...schemaProblems, ...named.problems.filter(({ path }) => !told.has(path))];
  if (problems.length > 0 || config === undefined) throw new ConfigFailure(file, problems);
  return config;
}

async function readText(file: string, files: Files): Promise<string> {
  try {
    return (await files.read(file, maxConfigBytes)).toString('utf8');
  } catch (error) {
    const why = codeOf(error) === 'ENOENT' ? 'there is no such file' : `cannot be read (${codeOf(error)})`;
    throw new ConfigFailure(file, [{ path: 'file', message: why }]);
  }
}

/** The keys an object at `path` may have, for suggestions. */
function knownKeys(path: readonly PropertyKey[]): string[] {
  let schema: unknown = configSchema;
  const unwrap = (inner: unknown): unknown => {
    let current = inner;
    while (current instanceof z.ZodDefault || current instanceof z.ZodOptional) current = current.unwrap();
    return current;
  };
  for (const part of path) {
    schema = unwrap(schema);
    if (schema instanceof z.ZodObject) schema = schema.shape[part as string];
    else if (schema instanceof z.ZodArray) schema = schema.element;
  }
  schema = unwrap(schema);
  return schema instanceof z.ZodObject ? Object.keys(schema.shape) : [];
}

/** Follows the names and paths in a configuration, collecting what is wrong with them. */
function openNamed(
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

  async function credentials(path: readonly PropertyKey[], name: string): Promise<Credentials | undefined> {
    const text = (await firstOf(path, secretPaths(name), maxSecretBytes))
      ?.toString('utf8')
      .replace(/\r?\n$/, '');
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
    const text = (await firstOf(path, secretPaths(name), maxSecretBytes))
      ?.toString('utf8')
      .replace(/\r?\n$/, '');
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

  async function resolveAll(parsed: ConfigFile): Promise<Config | undefined> {
    const trusted = await roots(parsed.trust.roots);
    if (trusted && trusted.length < parsed.trust.threshold)
      report(
        ['trust', 'threshold'],
        `is ${parsed.trust.threshold}, but the file of roots holds ${trusted.length}`,
      );
    const policy = await firstOf(['policy'], [resolve(folder, parsed.policy)], maxPolicyBytes);
    const key = await signingKey(parsed.signing);
    const cameras: Config['cameras'] = [];
    for (const [index, { credentials: name, tls: trust, ...camera }] of parsed.cameras.entries()) {
      const known =
        name === undefined ? undefined : await credentials(['cameras', index, 'credentials'], name);
      const ca = await pem(['cameras', index, 'tls', 'ca'], trust?.ca);
      cameras.push({
        ...camera,
        ...(known ? { credentials: known } : {}),
        ...(ca === undefined ? {} : { tls: { ca } }),
        ...(trust?.fingerprint === undefined ? {} : { tls: { fingerprint256: trust.fingerprint } }),
      });
    }
    const links: Config['links'] = [];
    for (const [index, { credentials: name, slow, target, auth, ...link }] of parsed.links.entries()) {
      const path = ['links', index, 'credentials'];
      const access = name === undefined ? undefined : await snmpAccess(path, name, auth ?? 'sha');
      links.push({ ...link, ...target, slowMs: slow, ...(access ? { access } : {}) });
    }
    const { mqtt, upload } = parsed;
    const read = mqtt && (await tls('mqtt', mqtt));
    const mqttTls = mqtt && read && renewable('mqtt', mqtt, read, mqtt);
    const own = upload && (await tls('upload', upload));
    const uploadTls = own && renewable('upload', upload, orElse(own, read), orElse(upload, mqtt));
    const socket = resolve(
      folder,
      parsed.socket ?? `${env['RUNTIME_DIRECTORY'] || '/run/peio-agent'}/agent.sock`,
    );
    if (Buffer.byteLength(socket) > maxSocketBytes)
      report(['socket'], `${socket} is longer than ${maxSocketBytes} bytes`);
    if (trusted === undefined || policy === undefined || key === undefined || problems.length > 0)
      return undefined;
    const [host, port] = parsed.web ? splitListen(parsed.web.listen) : ['', 0];
    return {
      node: parsed.node,
      store: {
        path: resolve(folder, parsed.store.path),
        ...(parsed.store.mount === undefined ? {} : { mount: resolve(folder, parsed.store.mount) }),
        retentionMs: parsed.store.retention,
        segmentMs: parsed.store.segment,
        reserve: parsed.store.reserve,
      },
      trust: { roots: trusted, threshold: parsed.trust.threshold },
      policy,
      signingKey: key,
      cameras,
      ...(parsed.ffmpeg === undefined ? {} : { ffmpeg: resolve(folder, parsed.ffmpeg) }),
      ...(mqtt && mqttTls ? { mqtt: { url: mqtt.url, tls: mqttTls } } : {}),
      ...(upload && uploadTls
        ? { upload: { url: upload.url, limitBits: upload.limit, tls: uploadTls } }
        : {}),
      links,
      ...(parsed.ups ? { ups: { port: nutPort, ...parsed.ups.server, name: parsed.ups.name } } : {}),
      ...(parsed.stamp ? { reflect: parsed.stamp.listen as { host: string; port: number } } : {}),
      healthIntervalMs: parsed.health.interval,
      pictureIntervalMs: parsed.health.pictures,
      ...(parsed.web ? { web: { host, port } } : {}),
      socket,
      lang: parsed.lang,
      zone: parsed.zone,
    };
  }

  /** Reads whatever the sections that do parse name: one run shows wrong keys and missing files together. */
  async function probe(raw: unknown, isObject: boolean): Promise<undefined> {
    if (!isObject) return;
    const shape = configSchema.shape;
    const { signing, policy, trust, cameras, links, mqtt, upload } = raw as Record<string, unknown>;
    const signingName = shape.signing.safeParse(signing);
    if (signingName.success) await signingKey(signingName.data);
    const policyPath = shape.policy.safeParse(policy);
    if (policyPath.success) await firstOf(['policy'], [resolve(folder, policyPath.data)], maxPolicyBytes);
    const trustSection = shape.trust.safeParse(trust);
    if (trustSection.success) await roots(trustSection.data.roots);
    for (const [index, camera] of (Array.isArray(cameras) ? cameras : []).entries()) {
      const name = z.looseObject({ credentials: configSchema.shape.signing }).safeParse(camera);
      if (name.success) await credentials(['cameras', index, 'credentials'], name.data.credentials);
      const own = z.looseObject({ tls: z.looseObject({ ca: shape.policy }) }).safeParse(camera);
      if (own.success) await pem(['cameras', index, 'tls', 'ca'], own.data.tls.ca);
    }
    for (const [index, link] of (Array.isArray(links) ? links : []).entries()) {
      const named = z.looseObject({ probe: z.literal('snmp'), credentials: shape.signing }).safeParse(link);
      if (named.success) await snmpAccess(['links', index, 'credentials'], named.data.credentials, 'sha');
    }
    // The schema counts ids only where every entry is well formed.
    for (const [list, entries] of Object.entries({ cameras, links })) {
      const ids = (Array.isArray(entries) ? entries : []).map((one) =>
        z.object({ id: z.string() }).safeParse(one),
      );
      for (const [index, { data }] of ids.entries())
        if (data !== undefined && ids.findIndex((other) => other.data?.id === data.id) < index)
          report([list, index, 'id'], `"${data.id}" stands twice`);
    }
    for (const [section, value] of Object.entries({ mqtt, upload }))
      for (const file of ['ca', 'cert', 'key'] as const) {
        const name = z.looseObject({ [file]: shape.policy }).safeParse(value);
        if (name.success) await pem([section, file], name.data[file] as string);
      }
  }

  return { problems, resolve: resolveAll, probe };
}

function splitListen(listen: string): [string, number] {
  const colon = listen.lastIndexOf(':');
  return [listen.slice(0, colon).replaceAll(/[[\]]/g, ''), Number(listen.slice(colon + 1))];
}
