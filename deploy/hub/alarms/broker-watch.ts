import type { Clock, Timer } from '#agent/platform/clock.ts';
import type { Alerts } from '../fleet/alerts.ts';

const lookEveryMs = 5000;
/** A broker that is updated is back within this. */
const patienceMs = 15_000;

/** Watches the hub's own connection: without it every node is silent, and none of them is to blame. */
export function watchBroker(parts: {
  clock: Clock;
  alarms: Pick<Alerts, 'raise' | 'clear'>;
  connected(): boolean;
  broken(error: unknown): void;
}): { close(): void } {
  const { clock, alarms } = parts;
  let awaySince: number | undefined;
  let timer: Timer;
  const look = async (): Promise<void> => {
    if (parts.connected()) {
      awaySince = undefined;
      await alarms.clear('hub', 'broker-down', 'hub');
      return;
    }
    awaySince ??= clock.monotonic();
    if (clock.monotonic() - awaySince < patienceMs) return;
    await alarms.raise({
      node: 'hub',
      key: 'broker-down',
      severity: 'critical',
      detail:
        'il municipio non raggiunge il broker e non sente nessun nodo: controllare mosquitto, poi i certificati',
      from: 'hub',
      since: clock.utc() - (clock.monotonic() - awaySince),
    });
  };
  const schedule = (): void => {
    timer = clock.after(lookEveryMs, () => {
      look().catch(parts.broken);
      schedule();
    });
  };
  look().catch(parts.broken);
  schedule();
  return { close: () => timer.cancel() };
}
