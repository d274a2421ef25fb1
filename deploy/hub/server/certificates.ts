import { X509Certificate } from 'node:crypto';
import type { Clock } from '#agent/platform/clock.ts';
import { instantText } from '#protocol/time.ts';
import { hubNode } from '#protocol/topics.ts';
import { sayOf } from '../alarms/hub-sentences.ts';
import type { Alerts } from '../fleet/alerts.ts';

const dayMs = 86_400_000;
/** A month: somebody has to come with the authority's medium. */
const warnMs = 30 * dayMs;
const lookEveryMs = 3_600_000;
const key = 'certificate-expiring';

const words: Record<string, { soon(day: string): string; past(): string }> = {
  'hub.crt': { soon: (day) => sayOf('hubCertificate', { day }), past: () => sayOf('hubCertificateOver') },
  'ca.crl': { soon: (day) => sayOf('revocationList', { day }), past: () => sayOf('revocationListOver') },
  'ca.crt': { soon: (day) => sayOf('authority', { day }), past: () => sayOf('authorityOver') },
  broker: { soon: (day) => sayOf('brokerCertificate', { day }), past: () => sayOf('brokerCertificateOver') },
};

/** Looks once an hour at the certificates that hub and broker live on, and raises `certificate-expiring`. */
export function openCertificateWatch(parts: {
  clock: Clock;
  alerts: Pick<Alerts, 'raise' | 'clear'>;
  /** PEM of a file in the hub's folder, read anew each time; undefined where there is none. */
  read(name: 'hub.crt' | 'ca.crt' | 'ca.crl'): string | undefined;
  /** UTC milliseconds; undefined before there was a connection with TLS. */
  brokerUntil(): number | undefined;
  broken(error: unknown): void;
}): { close(): void } {
  const { clock, alerts } = parts;
  let closed = false;

  async function look(): Promise<void> {
    const ends: [string, number | undefined][] = [
      ['hub.crt', endOf(parts.read('hub.crt'))],
      ['ca.crt', endOf(parts.read('ca.crt'))],
      ['ca.crl', await listEnd(parts.read('ca.crl'))],
      ['broker', parts.brokerUntil()],
    ];
    const known = ends.filter((one): one is [string, number] => one[1] !== undefined);
    const [first] = known.sort(([, a], [, b]) => a - b);
    const leftMs = first === undefined ? Number.POSITIVE_INFINITY : first[1] - clock.utc();
    const said = words[first?.[0] ?? ''];
    if (said === undefined || leftMs > warnMs) return alerts.clear(hubNode, key, 'hub');
    await alerts.raise({
      node: hubNode,
      key,
      severity: leftMs < 0 ? 'critical' : 'warning',
      detail: leftMs < 0 ? said.past() : said.soon(instantText(clock.utc() + leftMs).slice(0, 10)),
      from: 'hub',
    });
  }
  let timer = clock.after(0, function turn() {
    look().catch(parts.broken);
    if (!closed) timer = clock.after(lookEveryMs, turn);
  });
  return {
    close() {
      closed = true;
      timer.cancel();
    },
  };
}

function endOf(pem: string | undefined): number | undefined {
  if (pem === undefined) return undefined;
  try {
    return Date.parse(new X509Certificate(pem).validTo);
  } catch {
    return undefined; // What is no certificate keeps the hub from starting, and says so there.
  }
}

/** The certificate library is loaded once an hour, and only where there is a list. */
async function listEnd(pem: string | undefined): Promise<number | undefined> {
  if (pem === undefined) return undefined;
  const { listedUntil } = await import('../authority/x509.ts');
  return listedUntil(pem);
}
