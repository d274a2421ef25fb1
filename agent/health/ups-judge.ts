import type { HealthPayload } from '#protocol/messages.ts';
import type { Conditions } from '../alert/open-conditions.ts';
import type { UpsReading } from './ups.ts';

/** Judges `mains-lost` and `ups-fault` by what upsd says; undefined is a UPS that nobody can tell of. */
export function upsJudge(conditions: Conditions): {
  take(reading: UpsReading | undefined): void;
  reading(): NonNullable<HealthPayload['host']['ups']>;
} {
  const mains = conditions.watch('mains-lost');
  const fault = conditions.watch('ups-fault');
  let last: UpsReading | undefined;

  const judgeMains = (has: (word: string) => boolean, runtimeSeconds: number | undefined): void => {
    if (has('OB') && has('LB')) mains.failing('battery-low');
    else if (has('OB') && runtimeSeconds === undefined) mains.failing('on-battery-unknown');
    else if (has('OB')) mains.failing('on-battery', { minutes: Math.round((runtimeSeconds as number) / 60) });
    else if (has('OL')) mains.ok();
    // Neither on the mains nor on its battery: calibrating, or off.
    else mains.unknown();
  };
  const judgeFault = (has: (word: string) => boolean): void => {
    if (has('RB')) fault.failing('replace-battery');
    else if (has('OVER')) fault.failing('overloaded');
    else if (has('BYPASS')) fault.failing('bypassed');
    else fault.ok();
  };
  return {
    take(reading) {
      last = reading;
      if (reading === undefined) {
        mains.unknown();
        fault.failing('away');
        return;
      }
      const has = (word: string): boolean => reading.status.includes(word);
      judgeMains(has, reading.runtimeSeconds);
      judgeFault(has);
    },
    reading() {
      const words = last?.status ?? [];
      const { chargePercent, runtimeSeconds } = last ?? {};
      return {
        state: words.includes('OB') ? 'battery' : words.includes('OL') ? 'mains' : 'unknown',
        ...(chargePercent === undefined ? {} : { chargePercent }),
        ...(runtimeSeconds === undefined ? {} : { runtimeMinutes: Math.round(runtimeSeconds / 60) }),
      };
    },
  };
}
