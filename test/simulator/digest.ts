import { createHash, randomBytes } from 'node:crypto';

export type DigestAlgorithm = 'MD5' | 'SHA-256';

export interface Account {
  user: string;
  password: string;
}

export interface ChallengeOptions {
  realm: string;
  /** In the order they are offered, one header each. */
  schemes: readonly (DigestAlgorithm | 'Basic')[];
  /** Offer `qop="auth"` (RFC 7616); without it the older form of RFC 2069, which most cameras use. */
  qop: boolean;
  /** Requests a nonce serves before it is called stale; unlimited without. */
  nonceUses?: number | undefined;
  /** All challenges in one header, separated by commas (RFC 9110 §11.6.1). */
  oneHeader: boolean;
}

export interface Gate {
  /** `ok`, or the WWW-Authenticate headers of the 401. */
  check(method: string, uri: string, authorization: string | undefined, account: Account): 'ok' | string[];
}

const hash = (algorithm: DigestAlgorithm, text: string): string =>
  createHash(algorithm === 'MD5' ? 'md5' : 'sha256')
    .update(text)
    .digest('hex');

/** Digest (RFC 7616, RFC 2069) and Basic for one connection. */
export function openGate(options: ChallengeOptions): Gate {
  let nonce = randomBytes(16).toString('hex');
  let uses = 0;

  const challenges = (stale: boolean): string[] => {
    const realm = `realm="${options.realm.replaceAll(/["\\]/g, '\\$&')}"`;
    const all = options.schemes.map((scheme) => {
      if (scheme === 'Basic') return `Basic ${realm}`;
      // A camera that knows MD5 alone names no algorithm.
      const algorithm = scheme === 'MD5' && options.schemes.length === 1 ? '' : `, algorithm=${scheme}`;
      const qop = options.qop ? ', qop="auth"' : '';
      return `Digest ${realm}, nonce="${nonce}"${algorithm}${qop}${stale ? ', stale=TRUE' : ''}`;
    });
    return options.oneHeader ? [all.join(', ')] : all;
  };

  return {
    check(method, uri, authorization, account) {
      if (authorization === undefined) return challenges(false);
      if (/^basic /i.test(authorization)) {
        const right = Buffer.from(`${account.user}:${account.password}`).toString('base64');
        const given = authorization.slice(6).trim();
        return options.schemes.includes('Basic') && given === right ? 'ok' : challenges(false);
      }
      if (!/^digest /i.test(authorization)) return challenges(false);
      const given = parameters(authorization.slice(7));
      if (given['nonce'] !== nonce) return challenges(true);
      const algorithm = (given['algorithm'] ?? 'MD5').toUpperCase() as DigestAlgorithm;
      if (!options.schemes.includes(algorithm)) return challenges(false);
      if (given['realm'] !== options.realm || given['uri'] !== uri || given['username'] !== account.user)
        return challenges(false);
      const ha1 = hash(algorithm, `${account.user}:${options.realm}:${account.password}`);
      const ha2 = hash(algorithm, `${method}:${uri}`);
      const middle = given['qop'] ? `${given['nc']}:${given['cnonce']}:${given['qop']}:` : '';
      if (options.qop && given['qop'] !== 'auth') return challenges(false);
      if (given['response'] !== hash(algorithm, `${ha1}:${nonce}:${middle}${ha2}`)) return challenges(false);
      uses += 1;
      if (options.nonceUses !== undefined && uses > options.nonceUses) {
        nonce = randomBytes(16).toString('hex');
        uses = 0;
        return challenges(true);
      }
      return 'ok';
    },
  };
}

/** `name=value, name="quoted \" value"`. */
function parameters(text: string): Record<string, string> {
  const found: Record<string, string> = {};
  for (const match of text.matchAll(/([\w-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,]*))/g))
    found[(match[1] as string).toLowerCase()] = (match[2] ?? match[3] ?? '').replaceAll(/\\(.)/g, '$1');
  return found;
}
