import { X509Certificate } from 'node:crypto';
import { Failure } from '#protocol/failure.ts';
import { secureContextFault } from '../platform/secure-context.ts';

/** PEM contents, not paths. */
export interface Tls {
  readonly ca?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
}

/** The certificates of a connection, which somebody may replace while the agent runs. */
export interface RenewableTls extends Tls {
  /**
   * Reads the files again: true when there was something new, which counts from the next connection on. Throws `config`
   * `tls` for what cannot be used, and goes on with what was there before.
   */
  renew(): Promise<boolean>;
}

/** What keeps these from being used, each with the key of the configuration that names it. */
export function tlsFaults({ ca, cert, key }: Tls): ['ca' | 'cert' | 'key', string][] {
  const faults: ['ca' | 'cert' | 'key', string][] = [];
  for (const [name, pem] of [['ca', ca] as const, ['cert', cert] as const])
    if (pem !== undefined && !isCertificate(pem)) faults.push([name, 'holds no certificate in PEM']);
  const fault = faults.length === 0 ? secureContextFault({ cert, key }) : undefined;
  if (fault !== undefined) faults.push(['key', `is not the key of the certificate (${fault})`]);
  return faults;
}

/** What `given` has, and what it lacks from `other`. */
export function orElse(given: Tls, other: Tls | undefined): Tls {
  return { ca: given.ca ?? other?.ca, cert: given.cert ?? other?.cert, key: given.key ?? other?.key };
}

export function openTls(first: Tls, read: () => Promise<Tls>): RenewableTls {
  let now = first;
  return {
    get ca() {
      return now.ca;
    },
    get cert() {
      return now.cert;
    },
    get key() {
      return now.key;
    },
    async renew() {
      const fresh = await read();
      if (fresh.ca === now.ca && fresh.cert === now.cert && fresh.key === now.key) return false;
      const [fault] = tlsFaults(fresh);
      if (fault !== undefined) throw new Failure('config', 'tls', `${fault[0]} ${fault[1]}`);
      now = fresh;
      return true;
    },
  };
}

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).subject !== undefined;
  } catch {
    return false;
  }
}
