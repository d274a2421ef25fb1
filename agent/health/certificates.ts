import { X509Certificate } from 'node:crypto';
import type { ClockState } from '#protocol/clock-state.ts';
import { instantText } from '#protocol/time.ts';
import type { Conditions } from '../alert/open-conditions.ts';
import type { Clock } from '../platform/clock.ts';

const dayMs = 86_400_000;
/** A month: somebody has to come with the root's medium. */
const warnMs = 30 * dayMs;

/** A certificate that the connection rests on, and until when it counts, UTC milliseconds. */
export interface Dated {
  whose: 'own' | 'authority' | 'broker';
  until: number;
}

/** The earliest end of the certificates in a PEM; undefined where there is none that can be read. */
export function earliestEnd(pem: string | undefined): number | undefined {
  const blocks = pem?.match(/-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g) ?? [];
  const ends = blocks.flatMap((block) => {
    try {
      return Date.parse(new X509Certificate(block).validTo);
    } catch {
      return []; // The connection says what is wrong with it.
    }
  });
  return ends.length === 0 ? undefined : Math.min(...ends);
}

/** Judges `certificate-expiring`: by the first that ends. A clock that is not believed tells nothing of dates. */
export function openCertificateLook(
  conditions: Conditions,
  clock: Clock,
  clockState: () => ClockState,
  dated: () => readonly Dated[],
): { look(): void } {
  const expiring = conditions.watch('certificate-expiring');
  return {
    look() {
      const state = clockState();
      if (state === 'unsynchronised' || state === 'stepped') return expiring.unknown();
      const now = clock.utc();
      const [first] = [...dated()].sort((a, b) => a.until - b.until);
      if (first === undefined || first.until - now > warnMs) return expiring.ok();
      if (first.until <= now) expiring.failing(`${first.whose}-expired`);
      // The day and not what is left of it: the sentence is said once.
      else expiring.failing(first.whose, { day: instantText(first.until).slice(0, 10) });
    },
  };
}
