import type { Config } from './config.ts';
import type { Named, Surroundings } from './named.ts';
import type { ConfigFile } from './schema.ts';
import { orElse } from './tls.ts';

/** sockaddr_un holds 108 with the closing zero. */
const maxSocketBytes = 107;
/** Network UPS Tools, as IANA lists it. */
const nutPort = 3493;

/** The configuration of a file that parses, with all it names; undefined when `named` found a problem. */
export async function resolveConfig(
  parsed: ConfigFile,
  named: Named,
  env: Surroundings['env'],
): Promise<Config | undefined> {
  const { inFolder, report } = named;
  const trusted = await named.roots(parsed.trust.roots);
  if (trusted && trusted.length < parsed.trust.threshold)
    report(
      ['trust', 'threshold'],
      `is ${parsed.trust.threshold}, but the file of roots holds ${trusted.length}`,
    );
  const policy = await named.policy(parsed.policy);
  const key = await named.signingKey(parsed.signing);
  const cameras: Config['cameras'] = [];
  for (const [index, { credentials: name, tls: trust, ...camera }] of parsed.cameras.entries()) {
    const known =
      name === undefined ? undefined : await named.credentials(['cameras', index, 'credentials'], name);
    const ca = await named.pem(['cameras', index, 'tls', 'ca'], trust?.ca);
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
    const access = name === undefined ? undefined : await named.snmpAccess(path, name, auth ?? 'sha');
    links.push({ ...link, ...target, slowMs: slow, ...(access ? { access } : {}) });
  }
  const { mqtt, upload } = parsed;
  const read = mqtt && (await named.tls('mqtt', mqtt));
  const mqttTls = mqtt && read && named.renewable('mqtt', mqtt, read, mqtt);
  const own = upload && (await named.tls('upload', upload));
  const uploadTls = own && named.renewable('upload', upload, orElse(own, read), orElse(upload, mqtt));
  const socket = inFolder(parsed.socket ?? `${env['RUNTIME_DIRECTORY'] || '/run/peio-agent'}/agent.sock`);
  if (Buffer.byteLength(socket) > maxSocketBytes)
    report(['socket'], `${socket} is longer than ${maxSocketBytes} bytes`);
  if (trusted === undefined || policy === undefined || key === undefined || named.problems.length > 0)
    return undefined;
  const [host, port] = parsed.web ? splitListen(parsed.web.listen) : ['', 0];
  return {
    node: parsed.node,
    store: {
      path: inFolder(parsed.store.path),
      ...(parsed.store.mount === undefined ? {} : { mount: inFolder(parsed.store.mount) }),
      retentionMs: parsed.store.retention,
      segmentMs: parsed.store.segment,
      reserve: parsed.store.reserve,
    },
    trust: { roots: trusted, threshold: parsed.trust.threshold },
    policy,
    signingKey: key,
    cameras,
    ...(parsed.ffmpeg === undefined ? {} : { ffmpeg: inFolder(parsed.ffmpeg) }),
    ...(mqtt && mqttTls ? { mqtt: { url: mqtt.url, tls: mqttTls } } : {}),
    ...(upload && uploadTls ? { upload: { url: upload.url, limitBits: upload.limit, tls: uploadTls } } : {}),
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

function splitListen(listen: string): [string, number] {
  const colon = listen.lastIndexOf(':');
  return [listen.slice(0, colon).replaceAll(/[[\]]/g, ''), Number(listen.slice(colon + 1))];
}
