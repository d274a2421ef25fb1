import type { KeyObject } from 'node:crypto';
import type { Trust } from '#protocol/policy.ts';
import type { Credentials } from '../camera/ingest.ts';
import type { SnmpAccess } from '../link/snmp-question.ts';
import type { TlsTrust } from '../platform/net.ts';
import type { ConfigFile } from './schema.ts';
import type { RenewableTls } from './tls.ts';

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
