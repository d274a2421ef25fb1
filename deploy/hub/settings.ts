import { readFileSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseDocument } from 'yaml';
import { z } from 'zod';
import { codeOf, Failure, sentenceOf } from '#protocol/failure.ts';
import { cameraId, nodeId } from '#protocol/ids.ts';
import { alarmSettings } from './alarms/settings.ts';

const path = z.string().min(1).max(1000);
const placeName = z.string().min(1).max(100);

function isZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).format(0) !== '';
  } catch {
    return false;
  }
}

const hubSchema = z.strictObject({
  /** What people read here: Italian, or English. */
  lang: z.enum(['it', 'en']).default('it'),
  /** In which times are typed and shown. Everything kept is UTC. */
  zone: z.string().refine(isZone, 'is no IANA time zone').default('Europe/Rome'),
  /** Every secret lies in the clear on this machine. Never outside a demonstration. */
  insecureDemo: z.boolean().optional(),
  mqtt: z.strictObject({
    url: z
      .string()
      .regex(/^mqtts?:\/\/[^@\s]+$/, 'is no address with mqtt:// or mqtts://, without a password'),
    ca: path.optional(),
    cert: path.optional(),
    key: path.optional(),
  }),
  /**
   * `clientCa`: who may vouch for the nodes; then a node uploads only what its own name was asked for. `crl`: the list
   * of certificates that no longer count, read again when it changes.
   */
  upload: z.strictObject({
    listen: z.string().regex(/^(?:\[[0-9a-fA-F:]+\]|[^:\s]+):\d{1,5}$/, 'is no host:port'),
    cert: path.optional(),
    key: path.optional(),
    clientCa: path.optional(),
    crl: path.optional(),
  }),
  /**
   * The page: host:port. Beyond loopback only with `cert` and `key`, and once there are logins ("hub login add").
   * `origins`: what stands before the first slash of its address in browsers, when it is not host:port, such as
   * https://telecamere.comune.example
   */
  web: z
    .strictObject({
      listen: z.string().regex(/^(?:\[[0-9a-fA-F:]+\]|[^:\s]+):\d{1,5}$/, 'is no host:port'),
      cert: path.optional(),
      key: path.optional(),
      origins: z.array(z.url().max(300)).max(10).default([]),
    })
    .refine(({ cert, key }) => (cert === undefined) === (key === undefined), 'cert and key go together')
    .optional(),
  alarms: alarmSettings.default({}),
  /** Where it answers those who measure their link to here: host:port, 862 by RFC 8762. */
  stamp: z
    .strictObject({
      listen: z.string().regex(/^(?:\[[0-9a-fA-F:]+\]|[^:\s]+):\d{1,5}$/, 'is no host:port'),
    })
    .optional(),
  /** Nodes as devices for Home Assistant, read-only. `discovery: false` takes back what was said. */
  homeAssistant: z
    .strictObject({
      discovery: z.boolean(),
      prefix: z
        .string()
        .regex(/^[A-Za-z0-9_-]{1,64}$/, 'is no topic of one level')
        .default('homeassistant'),
    })
    .optional(),
  /** The town hall itself, on the map. */
  place: z.strictObject({ id: nodeId, name: placeName, lat: z.number(), lon: z.number() }).optional(),
  /** Names by which people know the places; who may do what stands in the policy alone. */
  nodes: z
    .array(
      z.strictObject({
        id: nodeId,
        role: z.enum(['site', 'relay']),
        name: placeName,
        lat: z.number().optional(),
        lon: z.number().optional(),
        /** The next place on the way to the town hall. */
        uplink: nodeId.optional(),
        cameras: z.array(z.strictObject({ id: cameraId, name: placeName })).max(64),
      }),
    )
    .max(1000)
    .default([]),
});

/** hub.yaml as it is written. */
export type HubFile = z.input<typeof hubSchema>;

export interface Settings extends z.output<typeof hubSchema> {
  /** The hub's folder, absolute. */
  dir: string;
}

/** `--hub`, else `PEIO_HUB` (an empty one is none), else `/var/lib/peio-hub`. */
export function hubFolder(
  given: string | undefined,
  env: Readonly<Record<string, string | undefined>>,
): string {
  return resolve(given || env['PEIO_HUB'] || '/var/lib/peio-hub');
}

/** The folder, where it is one. Throws `unavailable` `no-hub`. */
export function hubThere(dir: string): string {
  let cause: unknown;
  try {
    if (statSync(dir).isDirectory()) return dir;
  } catch (error) {
    cause = error;
  }
  const why = cause === undefined ? 'no folder' : codeOf(cause);
  throw new Failure(
    'unavailable',
    'no-hub',
    `there is no hub at ${dir} (${why}): name its folder with --hub or PEIO_HUB, or make one with "hub init"`,
    { cause },
  );
}

/** Throws a `config` failure that lists every problem of hub.yaml. */
export function readSettings(dir: string): Settings {
  const file = join(dir, 'hub.yaml');
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    const missing = codeOf(cause) === 'ENOENT';
    const why = missing ? 'make it with "hub init", or name the hub with --hub' : codeOf(cause);
    throw new Failure('config', 'hub-yaml', `${file} cannot be read: ${why}`, { cause });
  }
  const document = parseDocument(text);
  if (document.errors.length > 0)
    throw new Failure(
      'config',
      'hub-yaml',
      `${file}:\n${document.errors.map((error) => `  ${sentenceOf(error)}`).join('\n')}`,
    );
  const parsed = hubSchema.safeParse(document.toJS({ maxAliasCount: 100 }));
  if (parsed.success) return { ...parsed.data, dir };
  const problems = parsed.error.issues.map(({ path: at, message }) => `  ${at.join('.')}: ${message}`);
  throw new Failure('config', 'hub-yaml', `${file}:\n${problems.join('\n')}`);
}

export function socketPath(dir: string): string {
  return join(dir, 'hub.sock');
}

/** What a file that hub.yaml names holds, as text. */
export function readNamed(settings: Settings, named: string | undefined): string | undefined {
  if (named === undefined) return undefined;
  const file = resolve(settings.dir, named);
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new Failure('config', 'hub-yaml', `${file}, named in hub.yaml, cannot be read (${codeOf(cause)})`, {
      cause,
    });
  }
}

/** What a file in the hub's folder holds, as text; undefined where there is none that may be read. */
export function readIfPlaced(settings: Pick<Settings, 'dir'>, name: string): string | undefined {
  try {
    return readFileSync(join(settings.dir, name), 'utf8');
  } catch (error) {
    if (['ENOENT', 'EACCES', 'EPERM'].includes(codeOf(error))) return undefined;
    throw error;
  }
}

/** `Parcheggio SP87 nord, Cogolo Park-47 (site-09/cam-1)`; the ids alone when hub.yaml knows no name. */
export function cameraName(settings: Pick<Settings, 'nodes'>, node: string, camera: string): string {
  const place = settings.nodes.find(({ id }) => id === node);
  const name = place?.cameras.find(({ id }) => id === camera)?.name;
  return place && name ? `${name}, ${place.name} (${node}/${camera})` : `${node}/${camera}`;
}
