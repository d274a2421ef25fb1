import type { Random } from '#agent/platform/random.ts';
import { type PreparedSeal, prepareSeal, type Recipients } from '#protocol/seal/seal.ts';

/** Heads of seals made ahead of time, so that a cut never waits for the two milliseconds one takes. */
export interface SpareSeals {
  available(): boolean;
  /** Undefined when the next is still being made. */
  take(): PreparedSeal | undefined;
  /** Resolves when there is one for the recipients of now. */
  ready(): Promise<void>;
}

/** One to cut with, one for a change of track right behind it. */
const spareCount = 2;

/** `recipients` may change with a policy: spares made for others are thrown away. */
export function spareSeals(recipients: () => Recipients, random: Random): SpareSeals {
  let spares: { seal: PreparedSeal; for: Recipients }[] = [];
  let making: Promise<void> | undefined;
  const make = async (): Promise<void> => {
    while (spares.length < spareCount) {
      const wanted = recipients();
      spares.push({ seal: await prepareSeal(wanted, random), for: wanted });
    }
    making = undefined;
  };
  const current = (): void => {
    const wanted = recipients();
    spares = spares.filter((spare) => sameRecipients(spare.for, wanted));
    if (spares.length < spareCount) making ??= make();
  };
  return {
    available() {
      current();
      return spares.length > 0;
    },
    take() {
      current();
      const spare = spares.shift();
      current();
      return spare?.seal;
    },
    async ready() {
      for (current(); spares.length === 0; current()) await making;
    },
  };
}

function sameRecipients(a: Recipients, b: Recipients): boolean {
  return a === b || (a.length === b.length && a.every((recipient, index) => recipient === b[index]));
}
