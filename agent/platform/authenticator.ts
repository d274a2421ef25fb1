import { createHash } from 'node:crypto';
import type { Random } from './random.ts';

interface Challenge {
  scheme: string;
  parameters: Map<string, string>;
}

/** A challenge has 100 to 300 characters. */
const maxFieldChars = 4096;

/** Algorithms of RFC 7616 §3.3 that Node computes, best first. */
const algorithms: readonly (readonly [name: string, hash: string])[] = [
  ['sha-256', 'sha256'],
  ['sha-512-256', 'sha512-256'],
  ['md5', 'md5'],
];

/**
 * The challenges of all WWW-Authenticate fields (RFC 9110 §11.6.1): several may share a field, separated by the same
 * comma that separates parameters, and a quoted realm may hold commas of its own.
 */
export function parseChallenges(fields: readonly string[]): Challenge[] {
  const challenges: Challenge[] = [];
  for (const field of fields) {
    const tokens = field
      .slice(0, maxFieldChars)
      .matchAll(/([!#$%&'*+.^_`|~\w-]+)(?:\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]*)))?/g);
    for (const [whole, name = '', quoted, bare] of tokens) {
      if (!whole.includes('=')) challenges.push({ scheme: name.toLowerCase(), parameters: new Map() });
      else {
        const parameters = challenges.at(-1)?.parameters;
        // The first of a repeated parameter counts: a second must not overwrite what was checked.
        if (parameters && !parameters.has(name.toLowerCase()))
          parameters.set(name.toLowerCase(), quoted?.replaceAll(/\\(.)/g, '$1') ?? bare ?? '');
      }
    }
  }
  return challenges;
}

/**
 * Answers one server's challenges, of RTSP and HTTP alike: digest with the best hash offered (RFC 7616, RFC 2069 without
 * qop); basic last, where `basic` does not forbid a password in the clear.
 */
export class Authenticator {
  #credentials: { user: string; password: string };
  #basicAllowed: boolean;
  #random: Random;
  #digest:
    | { parameters: Map<string, string>; hash: string; sess: boolean; qop: boolean; count: number }
    | undefined;
  #basic = false;
  /** Requests accepted with what {@link authorise} made of the present challenge. */
  #accepted = 0;

  constructor(credentials: { user: string; password: string }, random: Random, { basic = true } = {}) {
    this.#credentials = credentials;
    this.#basicAllowed = basic;
    this.#random = random;
  }

  /**
   * Takes the challenges of a 401. True when the request is worth repeating: it was the first, or the nonce went
   * stale, which some cameras do not say; false when the same answer was refused, or nothing usable is offered.
   */
  challenged(fields: readonly string[], wasAuthorised: boolean): boolean {
    const challenges = parseChallenges(fields);
    const stale = challenges.some(({ parameters }) => parameters.get('stale')?.toLowerCase() === 'true');
    if (wasAuthorised && !stale && this.#accepted === 0) return false;
    this.#accepted = 0;
    this.#digest = undefined;
    for (const [name, hash] of algorithms)
      for (const { scheme, parameters } of challenges) {
        if (scheme !== 'digest' || !parameters.has('nonce') || this.#digest) continue;
        const asked = (parameters.get('algorithm') || 'MD5').toLowerCase();
        const qops = parameters.get('qop')
          ? parameters
              .get('qop')
              ?.toLowerCase()
              .split(/\s*,\s*/)
          : undefined;
        if (asked.replace(/-sess$/, '') !== name || (qops && !qops.includes('auth'))) continue;
        this.#digest = { parameters, hash, sess: asked.endsWith('-sess'), qop: qops !== undefined, count: 0 };
      }
    this.#basic = this.#basicAllowed && !this.#digest && challenges.some(({ scheme }) => scheme === 'basic');
    return this.#digest !== undefined || this.#basic;
  }

  accepted(): void {
    this.#accepted += 1;
  }

  /** The value of the Authorization field, or undefined before any challenge. */
  authorise(method: string, uri: string): string | undefined {
    const { user, password } = this.#credentials;
    if (this.#basic) return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
    const digest = this.#digest;
    if (!digest) return undefined;
    const hash = (text: string): string => createHash(digest.hash).update(text).digest('hex');
    const { parameters, sess, qop } = digest;
    const realm = parameters.get('realm') ?? '';
    const nonce = parameters.get('nonce') ?? '';
    const cnonce = this.#random.bytes(8).toString('hex');
    digest.count += 1;
    const nc = digest.count.toString(16).padStart(8, '0');
    let secret = hash(`${user}:${realm}:${password}`);
    if (sess) secret = hash(`${secret}:${nonce}:${cnonce}`);
    const request = hash(`${method}:${uri}`);
    const middle = qop ? `${nonce}:${nc}:${cnonce}:auth` : nonce;
    const fields = [
      `username=${quoted(user)}`,
      `realm=${quoted(realm)}`,
      `nonce=${quoted(nonce)}`,
      `uri=${quoted(uri)}`,
      `response="${hash(`${secret}:${middle}:${request}`)}"`,
    ];
    for (const name of ['opaque', 'algorithm']) {
      const value = parameters.get(name);
      if (value !== undefined)
        fields.push(name === 'opaque' ? `opaque=${quoted(value)}` : `algorithm=${value}`);
    }
    if (qop) fields.push('qop=auth', `nc=${nc}`);
    if (qop || sess) fields.push(`cnonce="${cnonce}"`);
    return `Digest ${fields.join(', ')}`;
  }
}

/** RFC 9110 §5.6.4: hashes are made of the value, the field repeats it escaped. */
function quoted(value: string): string {
  return `"${value.replaceAll(/["\\]/g, '\\$&')}"`;
}
