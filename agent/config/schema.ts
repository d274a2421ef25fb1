import { z } from 'zod';
import { cameraId, nodeId } from '#protocol/ids.ts';
import { type RadioModel, radioModels } from '../link/radio-models.ts';
import { address, bitRate, duration, hostPort, percentage } from './units.ts';

/** The name of a secret: a file in `$CREDENTIALS_DIRECTORY`, else in `secrets/` beside the configuration. */
const secretName = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, 'is no name of a secret: letters, digits, dots, hyphens');
const path = z.string().min(1).max(1000);
const fingerprint = z
  .string()
  .regex(
    /^(?:[0-9a-fA-F]{2}:){31}[0-9a-fA-F]{2}$/,
    'is no SHA-256 fingerprint: 32 pairs of hex digits with colons',
  )
  .transform((text) => text.toUpperCase());
const hour = 3_600_000;

function isZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).format(0) !== '';
  } catch {
    return false;
  }
}

const camera = z
  .strictObject({
    id: cameraId,
    name: z.string().max(100).optional(),
    rtsp: address('rtsp', 'rtsps'),
    /** `auto`: in process where the stream allows it, else through ffmpeg. */
    ingest: z.enum(['auto', 'ffmpeg']).default('auto'),
    transport: z.enum(['tcp', 'udp', 'multicast']).default('tcp'),
    /** What vouches for a camera that signed its certificate itself. */
    tls: z
      .strictObject({ ca: path.optional(), fingerprint: fingerprint.optional() })
      .refine(({ ca, fingerprint }) => (ca === undefined) !== (fingerprint === undefined), {
        message: 'needs either ca or fingerprint',
      })
      .optional(),
    onvif: address('http', 'https').optional(),
    credentials: secretName.optional(),
    ptz: z.boolean().default(false),
  })
  .superRefine(({ rtsp, tls, transport }, context) => {
    const wrong = (key: string, message: string): void =>
      context.addIssue({ code: 'custom', path: [key], message });
    const secure = rtsp.toLowerCase().startsWith('rtsps:');
    if (tls && !secure) wrong('tls', 'is for an address that begins with rtsps://');
    if (secure && transport !== 'tcp')
      wrong('transport', 'must be tcp with rtsps://: pictures would go in the clear');
  });

const oid = z
  .string()
  .regex(/^[0-2](?:\.\d{1,10}){2,40}$/, 'is no object identifier such as 1.3.6.1.2.1.1.3');
const link = z
  .strictObject({
    id: cameraId,
    to: nodeId,
    probe: z.enum(['stamp', 'ping', 'tcp', 'snmp']),
    target: hostPort,
    credentials: secretName.optional(),
    // A radio link of this town takes 2 to 30 ms.
    slow: duration.default(200),
    model: z.enum(Object.keys(radioModels) as [RadioModel, ...RadioModel[]]).optional(),
    oids: z
      .strictObject({ signalDbm: oid.optional(), noiseDbm: oid.optional(), capacityMbit: oid.optional() })
      .optional(),
    auth: z.enum(['sha', 'sha256']).optional(),
  })
  .superRefine(({ probe, target, credentials, model, oids, auth }, context) => {
    const wrong = (path: string, message: string): void =>
      context.addIssue({ code: 'custom', path: [path], message });
    if (probe === 'tcp' && target.port === undefined) wrong('target', 'needs a port, such as 10.0.0.3:8883');
    if (probe === 'ping' && target.port !== undefined) wrong('target', 'is pinged and has no port');
    if (probe === 'snmp') {
      if (credentials === undefined) wrong('credentials', 'must name the secret with the community or user');
      return;
    }
    for (const [key, value] of Object.entries({ credentials, model, oids, auth }))
      if (value !== undefined) wrong(key, 'is for probe: snmp');
  });

const tlsFiles = { ca: path.optional(), cert: path.optional(), key: path.optional() };

/** The agent's configuration file, as parsed from YAML. Durations in milliseconds, rates in bit/s. */
export const configSchema = z.strictObject({
  node: nodeId,
  store: z.strictObject({
    path,
    // A disk of its own: without it nothing is recorded, rather than filling the disk of the system.
    mount: path.optional(),
    // Art. 3 c. 2: seven days at most. Below ten seconds a slip of the pen (7s) would take what was just recorded.
    retention: duration
      .refine((ms) => ms >= 10_000 && ms <= 168 * hour, 'must lie between 10s and 7d (Art. 3 c. 2)')
      .default(168 * hour),
    // Shorter than a GOP is pointless; longer risks more of a torn segment than anyone would accept.
    segment: duration
      .refine((ms) => ms >= 1000 && ms <= 600_000, 'must lie between 1s and 10m')
      .default(60_000),
    reserve: percentage.default(0.05),
  }),
  trust: z.strictObject({ roots: path, threshold: z.int().min(1).max(10).default(1) }),
  policy: path,
  signing: secretName,
  // A relay has none.
  cameras: z
    .array(camera)
    .max(64)
    .superRefine((cameras, context) => {
      for (const [index, { id }] of cameras.entries())
        if (cameras.findIndex((other) => other.id === id) < index)
          context.addIssue({ code: 'custom', path: [index, 'id'], message: `"${id}" stands twice` });
    })
    .default([]),
  // Before the system's and the one that came with npm.
  ffmpeg: path.optional(),
  mqtt: z.strictObject({ url: address('mqtt', 'mqtts'), ...tlsFiles }).optional(),
  upload: z
    .strictObject({
      url: address('http', 'https'),
      limit: bitRate.refine((bits) => bits >= 64_000, 'must be at least 64kbit').default(4_000_000),
      ...tlsFiles,
    })
    .optional(),
  links: z
    .array(link)
    .max(64)
    .superRefine((links, context) => {
      for (const [index, { id }] of links.entries())
        if (links.findIndex((other) => other.id === id) < index)
          context.addIssue({ code: 'custom', path: [index, 'id'], message: `"${id}" stands twice` });
    })
    .default([]),
  // Asked by Network UPS Tools' protocol; on this box or beside it, since it is asked every 10 s.
  ups: z
    .strictObject({
      server: hostPort.default({ host: '127.0.0.1' }),
      name: z
        .string()
        .regex(/^[A-Za-z0-9_.-]{1,64}$/, 'is no name of a UPS in ups.conf')
        .default('ups'),
    })
    .optional(),
  // Answers those who measure a link to this node; RFC 8762's own port is 862.
  stamp: z
    .strictObject({
      listen: hostPort.refine(({ port }) => port !== undefined, 'needs a port, such as 0.0.0.0:862'),
    })
    .optional(),
  health: z
    .strictObject({
      interval: duration
        .refine((ms) => ms >= 1000 && ms <= 3_600_000, 'must lie between 1s and 1h')
        .default(60_000),
      // From one picture of a camera that is judged to its next.
      pictures: duration
        .refine((ms) => ms >= 1000 && ms <= 3_600_000, 'must lie between 1s and 1h')
        .default(60_000),
    })
    .default({ interval: 60_000, pictures: 60_000 }),
  web: z
    .strictObject({
      listen: z
        .string()
        .regex(
          /^(?:127\.0\.0\.1|localhost|\[::1\]):\d{1,5}$/,
          'must be a loopback address and port, such as 127.0.0.1:9464',
        )
        .refine((text) => Number(text.slice(text.lastIndexOf(':') + 1)) <= 65_535, 'has no such port'),
    })
    .optional(),
  /** Language of what staff read on this box. */
  lang: z.enum(['it', 'en']).default('it'),
  /** In which times are shown; everything kept is UTC. */
  zone: z.string().refine(isZone, 'is no IANA time zone, such as Europe/Rome').default('Europe/Rome'),
  // sockaddr_un holds 108 bytes with the closing zero.
  socket: path.refine((text) => Buffer.byteLength(text) <= 107, 'is longer than 107 bytes').optional(),
});
export type ConfigFile = z.output<typeof configSchema>;
