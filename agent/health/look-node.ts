import type { ClockState } from '#protocol/clock-state.ts';
import type { Conditions } from '../alert/open-conditions.ts';
import type { Clock, MonotonicMs } from '../platform/clock.ts';

/** An hour without a cosignature: the hub is away, or nobody hears this node. */
const hubSilentMs = 3_600_000;

/** Judges `clock-untrusted` and `clock-step`. A clock whose service nobody can ask is unknown. */
export function openClockLook(conditions: Conditions, state: () => ClockState): { look(): void } {
  const untrusted = conditions.watch('clock-untrusted');
  const step = conditions.watch('clock-step');
  return {
    look() {
      const now = state();
      if (now === 'stepped') step.failing('stepped');
      else step.ok();
      if (now === 'synced') untrusted.ok();
      else if (now === 'unsynchronised') untrusted.failing('unsynchronised');
      else untrusted.unknown();
    },
  };
}

/** How the hub is heard. */
export interface HubSight {
  /** When it last cosigned, or this run began. */
  heardAt(): MonotonicMs;
  /** Whether there is a connection to the broker. */
  connected(): boolean;
}

/** Judges `hub-silent`. */
export function openHubLook(conditions: Conditions, clock: Clock, hub: HubSight): { look(): void } {
  const silent = conditions.watch('hub-silent');
  return {
    look() {
      const silentMs = clock.monotonic() - hub.heardAt();
      const minutes = Math.round(silentMs / 60_000);
      if (silentMs < hubSilentMs) silent.ok();
      else silent.failing(hub.connected() ? 'no-cosignature' : 'no-broker', { minutes });
    },
  };
}
