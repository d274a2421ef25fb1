import type { ClockState } from '#protocol/clock-state.ts';
import type { HealthPayload } from '#protocol/messages.ts';
import type { HostReading } from '../platform/host.ts';
import { type BoxParts, openBox } from './box.ts';
import { openCameraLooks } from './look-cameras.ts';
import { type HubSight, openClockLook, openHubLook } from './look-node.ts';
import { openStoreLook, type StoreLookParts } from './look-store.ts';

export interface HealthParts extends Omit<BoxParts, 'mounted'>, StoreLookParts {
  segmentMs: number;
  clockState(): ClockState;
  /** Why the agent was away before this run; undefined for a new store. */
  absence: 'agent-stopped' | 'agent-crashed' | 'power-lost' | undefined;
  /** Absent at a node without a broker. */
  hub?: HubSight | undefined;
}

export interface Health {
  /** Judges everything that is seen without asking anybody; call it at least every second. */
  look(): void;
  /** Asks the box until `signal` aborts. */
  run(signal: AbortSignal): Promise<void>;
  /** The host's part of health. */
  host(): Promise<HealthPayload['host']>;
  clock(): HealthPayload['clock'];
  /** Hours of footage that fit; absent while nothing is known. */
  forecastHours(): number | undefined;
}

const bootReasons = { 'agent-stopped': 'orderly', 'agent-crashed': 'crash', 'power-lost': 'power' } as const;

/** Watches one node: cameras, store, clock, hub, box. A node without cameras has none of what assumes one. */
export function openHealth(parts: HealthParts): Health {
  const { conditions, clock } = parts;
  const store = openStoreLook(parts);
  const box = openBox({ ...parts, mounted: store.mounted });
  const looks = [
    // Before the cameras: a disk that fails explains them.
    store,
    openCameraLooks(parts),
    openClockLook(conditions, parts.clockState),
    ...(parts.hub ? [openHubLook(conditions, clock, parts.hub)] : []),
  ];
  return {
    look() {
      for (const one of looks) one.look();
    },
    run: (signal) => box.run(signal),
    async host() {
      const { uptimeSeconds, load1, memoryFreeBytes, memoryTotalBytes }: HostReading = await parts.readHost();
      const { clockOffsetMs: _, ...found } = box.reading();
      const bootReason = parts.absence === undefined ? ('unknown' as const) : bootReasons[parts.absence];
      return { uptimeSeconds, load1, memoryFreeBytes, memoryTotalBytes, bootReason, ...found };
    },
    clock() {
      const { clockOffsetMs } = box.reading();
      return {
        state: parts.clockState(),
        ...(clockOffsetMs === undefined ? {} : { offsetMs: Math.round(clockOffsetMs * 10) / 10 }),
      };
    },
    forecastHours: store.forecastHours,
  };
}
