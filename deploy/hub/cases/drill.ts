import type { Clock } from '#agent/platform/clock.ts';
import { Failure } from '#protocol/failure.ts';
import type { Policy } from '#protocol/policy.ts';
import { hubNode } from '#protocol/topics.ts';
import type { Alerts } from '../fleet/alerts.ts';
import type { Register } from '../register/register.ts';

/** A month, and some days to find the person with the envelope. */
export const drillEveryMs = 35 * 86_400_000;
const lookEveryMs = 3_600_000;

export interface DrillResult {
  /** The recipient of the identity that was tried, and what of each kind it opened. */
  recipient: string;
  sample: boolean;
  /** Of the newest delivery; undefined when there is none. */
  segment?: { case: string; name: string; opened: boolean } | undefined;
}

export interface Drills {
  /** Enters a drill. Throws `unknown-identity` for an identity that is not the escrow's in the policy of now. */
  enter(result: DrillResult, by: string): { seq: number; passed: boolean };
  /** Raises an alert when the last drill that passed is older than {@link drillEveryMs}, clears it after one. */
  look(): Promise<void>;
  close(): void;
}

/** The monthly proof that a lost officer's identity would not lose the footage. */
export function openDrills(parts: {
  clock: Clock;
  register: Register;
  alerts: Alerts;
  policy(): Policy;
  /** The recipients whose loss the drill is about are as old as the policy that first named them. */
  begun: number;
  broken(error: unknown): void;
}): Drills {
  const { clock, register, alerts } = parts;
  /** The escrow recipients of now, and when each last opened something. */
  const lastPassed = (recipient: string): number | undefined => {
    const line = register
      .lines()
      .findLast((one) => one.kind === 'drill' && one['passed'] === true && one['recipient'] === recipient);
    return line && Date.parse(line.at);
  };
  async function look(): Promise<void> {
    const now = clock.utc();
    const late = parts
      .policy()
      .recipients.filter(({ role, from, until }) => role === 'escrow' && from <= now && now < until)
      .some(({ recipient, from }) => {
        const since = lastPassed(recipient) ?? Math.max(from, parts.begun);
        return now - since > drillEveryMs;
      });
    if (!late) return alerts.clear(hubNode, 'drill-overdue', 'hub');
    await alerts.raise({
      node: hubNode,
      key: 'drill-overdue',
      severity: 'warning',
      detail: 'da oltre 35 giorni non si prova l’identità di riserva: eseguire "peio-hub drill"',
      from: 'hub',
    });
  }
  let timer = clock.after(0, function turn() {
    look().catch(parts.broken);
    timer = clock.after(lookEveryMs, turn);
  });
  return {
    enter({ recipient, sample, segment }, by) {
      const known = parts
        .policy()
        .recipients.some((one) => one.recipient === recipient && one.role === 'escrow');
      if (!known)
        throw new Failure(
          'denied',
          'unknown-identity',
          'this is not the escrow identity that the policy names',
        );
      const passed = sample && segment?.opened !== false;
      const of = segment ? { case: segment.case, name: segment.name, opened: segment.opened } : {};
      const { seq } = register.append({ kind: 'drill', by, recipient, sample, passed, ...of });
      look().catch(parts.broken);
      return { seq, passed };
    },
    look,
    close: () => timer.cancel(),
  };
}
