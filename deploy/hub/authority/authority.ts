import { createPrivateKey, createPublicKey, type KeyObject, randomBytes, X509Certificate } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { codeOf, Failure } from '#protocol/failure.ts';
import { keyId, sha256Hex } from '#protocol/ids.ts';
import { instant, instantText } from '#protocol/time.ts';
import { isLocked } from '../trust.ts';
import { appendLine, makeFolder, placeFile } from './place.ts';
import {
  type Issuer,
  makeAuthority,
  makeCertificate,
  makeRevocationList,
  makeTlsKey,
  type Revoked,
} from './x509.ts';

/** The broker's own name; the hub's is `hub` (protocol/topics.ts). No node may have either. */
export const brokerName = 'broker';

const dayMs = 86_400_000;
/** What browsers allow at most; every client takes it. */
const certificateMs = 825 * dayMs;
const authorityMs = 3650 * dayMs;
/** A box whose clock is a little behind must believe a certificate that was made a moment ago. */
const backMs = 3_600_000;

const lineSchema = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('issued'),
    serial: z.string().regex(/^[0-9a-f]{2,40}$/),
    name: z.string().min(1).max(64),
    at: instant,
    until: instant,
    /** Of the request it answers; absent for broker and hub. */
    request: sha256Hex.optional(),
    /** Of the box: id of its node key, and to whom secrets for it are encrypted. */
    nodeKey: keyId.optional(),
    recipient: z.string().max(4200).optional(),
  }),
  z.object({
    kind: z.literal('revoked'),
    serial: z.string().regex(/^[0-9a-f]{2,40}$/),
    at: instant,
    reason: z.enum(['stolen', 'replaced']),
  }),
  z.object({ kind: z.literal('listed'), at: instant, number: z.int().positive() }),
]);
type Line = z.output<typeof lineSchema>;
export type IssuedLine = Extract<Line, { kind: 'issued' }>;

/**
 * The town's authority for certificates: who may connect, and as what. Commands and policies do not rest on it.
 * Lives in a folder of its own, on the root's medium: `ca.key ca.crt ca.crl issued.jsonl`.
 */
export interface Authority {
  /** PEM. */
  certificate: string;
  /** PEM of the newest list. */
  revocationList(): string;
  /** Those of `name` that are neither revoked nor past their end. */
  standing(name: string): IssuedLine[];
  /** Everything it signed, oldest first. */
  all(): (IssuedLine & { revokedAt?: number })[];
  /** Whether any of these is of a box that was taken back as stolen: its request must not bring it back. */
  isStolen(box: { publicKey: KeyObject; nodeKey: string; recipient: string }): boolean;
  /** A certificate for somebody else's key. 1 the line in `issued.jsonl`; 2 the certificate. */
  issue(given: {
    name: string;
    publicKey: KeyObject;
    addresses?: string[];
    request?: string;
    nodeKey?: string;
    recipient?: string;
  }): Promise<string>;
  /** A certificate with a key made here, for broker and hub. PEM both. */
  issueWithKey(name: string, addresses: string[]): Promise<{ certificate: string; key: string }>;
  /**
   * Takes back every standing certificate of `name` but those for `keep` and makes the next list.
   * 1 a line each; 2 the list. Cut after 1, the next call makes the list. Returns how many were taken back.
   */
  revoke(name: string, reason: Revoked['reason'], keep?: KeyObject): Promise<number>;
  /** The next list, with what was taken back so far: its term begins again. */
  list(): Promise<string>;
}

const file = { key: 'ca.key', certificate: 'ca.crt', list: 'ca.crl', lines: 'issued.jsonl' } as const;

/** Makes an authority in a folder that is empty or not there. Throws `usage` `not-empty`. */
export async function initAuthority(
  dir: string,
  given: { name: string; passphrase: string | undefined; utc(): number },
): Promise<Authority> {
  makeFolder(dir);
  if (readdirSync(dir).length > 0)
    throw new Failure('usage', 'not-empty', `${dir} is not empty: name a new folder`);
  const at = given.utc();
  const { certificate, key } = await makeAuthority(given.name, freshSerial(), {
    from: at - backMs,
    until: at + authorityMs,
  });
  const { passphrase } = given;
  const protection = passphrase === undefined ? {} : { cipher: 'aes-256-cbc', passphrase };
  placeFile(join(dir, file.lines), '', 0o600);
  placeFile(join(dir, file.certificate), certificate, 0o644);
  // The key is last: a folder that has it is whole but for its list.
  placeFile(join(dir, file.key), key.export({ type: 'pkcs8', format: 'pem', ...protection }), 0o600);
  const made = openAuthority(dir, passphrase, given.utc);
  await made.list();
  return made;
}

/** Whether opening it takes a passphrase. Throws `authority-missing`. */
export function isAuthorityLocked(dir: string): boolean {
  return isLocked(text(dir, file.key));
}

/** Throws `config` `authority-missing`, `authority-broken`; `denied` `key-locked`. */
export function openAuthority(dir: string, passphrase: string | undefined, utc: () => number): Authority {
  const certificate = text(dir, file.certificate);
  const keyPem = text(dir, file.key);
  let key: KeyObject;
  try {
    key = createPrivateKey(passphrase === undefined ? keyPem : { key: keyPem, passphrase });
  } catch (cause) {
    throw new Failure('denied', 'key-locked', `the passphrase does not open ${join(dir, file.key)}`, {
      cause,
    });
  }
  const own = new X509Certificate(certificate);
  if (!own.checkPrivateKey(key))
    throw new Failure('config', 'authority-broken', `${dir}: ca.key is not the key of ca.crt`);
  const end = Date.parse(own.validTo);
  const issuer: Issuer = { certificate, key };
  const lines = readLines(dir);
  const note = (line: z.input<typeof lineSchema>): void => {
    appendLine(join(dir, file.lines), JSON.stringify(line));
    lines.push(lineSchema.parse(line));
  };
  const revoked = (): Revoked[] => lines.filter((line) => line.kind === 'revoked');
  const standing = (name: string): IssuedLine[] =>
    lines
      .filter((line) => line.kind === 'issued')
      .filter(
        (line) =>
          line.name === name && line.until > utc() && !revoked().some(({ serial }) => serial === line.serial),
      );

  async function issue(given: Parameters<Authority['issue']>[0]): Promise<string> {
    const at = utc();
    const until = Math.min(at + certificateMs, end);
    if (until <= at)
      throw new Failure(
        'config',
        'authority-expired',
        `${dir}: the authority's own certificate is past its end`,
      );
    const serial = freshSerial();
    const { name, publicKey, addresses, request, nodeKey, recipient } = given;
    const made = await makeCertificate(issuer, {
      subject: name,
      publicKey,
      serial,
      valid: { from: at - backMs, until },
      ...(addresses ? { addresses } : {}),
    });
    note({
      kind: 'issued',
      serial,
      name,
      at: instantText(at),
      until: instantText(until),
      ...(request ? { request } : {}),
      ...(nodeKey ? { nodeKey } : {}),
      ...(recipient ? { recipient } : {}),
    });
    placeFile(join(dir, `${serial}.crt`), made, 0o644);
    return made;
  }
  async function list(): Promise<string> {
    const at = utc();
    const number = 1 + Math.max(0, ...lines.map((line) => (line.kind === 'listed' ? line.number : 0)));
    note({ kind: 'listed', at: instantText(at), number });
    const valid = { from: at - backMs, until: Math.min(at + certificateMs, end) };
    const made = await makeRevocationList(issuer, revoked(), { number, valid });
    placeFile(join(dir, file.list), made, 0o644);
    return made;
  }

  return {
    certificate,
    revocationList: () => text(dir, file.list),
    standing,
    all: () =>
      lines
        .filter((line) => line.kind === 'issued')
        .map((line) => {
          const gone = revoked().find(({ serial }) => serial === line.serial);
          return gone ? { ...line, revokedAt: gone.at } : line;
        }),
    isStolen: ({ publicKey, nodeKey, recipient }) =>
      revoked()
        .filter(({ reason }) => reason === 'stolen')
        .flatMap(
          ({ serial }) =>
            lines.filter((line) => line.kind === 'issued' && line.serial === serial) as IssuedLine[],
        )
        .some(
          (line) =>
            line.nodeKey === nodeKey || line.recipient === recipient || isOver(dir, line.serial, publicKey),
        ),
    issue,
    async issueWithKey(name, addresses) {
      const made = await makeTlsKey();
      const certificate = await issue({ name, publicKey: createPublicKey(made), addresses });
      return { certificate, key: made.export({ type: 'pkcs8', format: 'pem' }) as string };
    },
    async revoke(name, reason, keep) {
      const taken = standing(name).filter(({ serial }) => keep === undefined || !isOver(dir, serial, keep));
      const at = instantText(utc());
      for (const { serial } of taken) note({ kind: 'revoked', serial, at, reason });
      await list();
      return taken.length;
    },
    list,
  };
}

/** Whether a certificate that this authority signed is over `key`; one that is not there is over none. */
function isOver(dir: string, serial: string, key: KeyObject): boolean {
  const path = join(dir, `${serial}.crt`);
  return existsSync(path) && new X509Certificate(readFileSync(path)).publicKey.equals(key);
}

function readLines(dir: string): Line[] {
  const whole = text(dir, file.lines);
  const end = whole.lastIndexOf('\n') + 1;
  // A line that a power cut tore was answered by nothing yet; the next one must not be joined to it.
  if (end < whole.length) placeFile(join(dir, file.lines), whole.slice(0, end), 0o600);
  return whole
    .slice(0, end)
    .split('\n')
    .filter((line) => line !== '')
    .map((line, index) => {
      try {
        return lineSchema.parse(JSON.parse(line));
      } catch (cause) {
        throw new Failure(
          'config',
          'authority-broken',
          `${dir}: line ${index + 1} of issued.jsonl is damaged`,
          {
            cause,
          },
        );
      }
    });
}

/** 127 random bits, positive: RFC 5280 §4.1.2.2 asks for uniqueness, CAs for unguessability. */
function freshSerial(): string {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] as number) & 0x3f) | 0x40;
  return bytes.toString('hex');
}

function text(dir: string, name: string): string {
  const path = join(dir, name);
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new Failure(
      'config',
      'authority-missing',
      `${path} cannot be read (${codeOf(cause)}): name the authority's folder with --ca, or make it with "hub ca init"`,
      { cause },
    );
  }
}
