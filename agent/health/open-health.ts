import type { ClockState } from '#protocol/clock-state.ts';
import type { HealthPayload } from '#protocol/messages.ts';
import { runProbe } from '../lifecycle/probe.ts';
import type { HostReading } from '../platform/host.ts';
import type { Random } from '../platform/random.ts';
import { type BootReason, readBootReason } from './boot-reason.ts';
import { type BoxParts, openBox } from './box.ts';
import { type Dated, openCertificateLook } from './certificates.ts';
import { openCameraLooks } from './look-cameras.ts';
import { type HubSight, openClockLook, openHubLook } from './look-node.ts';
import { openStoreLook, type StoreLookParts } from './look-store.ts';
import { type OnvifCamera, type OnvifParts, type OnvifReading, openOnvifWatch } from './onvif.ts';
import { type EventParts, openEventWatch } from './onvif-events.ts';

export interface HealthParts extends Omit<BoxParts, 'mounted'>, StoreLookParts {
  segmentMs: number;
  clockState(): ClockState;
  /** How the boot before this one ended; undefined where nobody saw it. */
  bootBefore: 'orderly' | 'cut' | undefined;
  /** Absent at a node without a broker. */
  hub?: HubSight | undefined;
  /** The certificates that the connection to the broker rests on; absent at a node without a broker. */
  dated?: (() => readonly Dated[]) | undefined;
  /** Those that have an ONVIF address. */
  onvif: readonly OnvifCamera[];
  askChild: OnvifParts['askChild'];
  openClient: EventParts['openClient'];
  random: Random;
}

export interface Health {
  /** Judges everything that is seen without asking anybody; call it at least every second. */
  look(): void;
  /** Asks the box and the cameras until `signal` aborts. */
  run(signal: AbortSignal): Promise<void>;
  /** The host's part of health. */
  host(): Promise<HealthPayload['host']>;
  clock(): HealthPayload['clock'];
  /** What a camera says of itself; undefined for one without ONVIF. */
  onvif(camera: string): OnvifReading | undefined;
  /** Hours of footage that fit; absent while nothing is known. */
  forecastHours(): number | undefined;
}

/** Watches one node: cameras, store, clock, hub, box. A node without cameras has none of what assumes one. */
export function openHealth(parts: HealthParts): Health {
  const { conditions, clock } = parts;
  const store = openStoreLook(parts);
  const box = openBox({ ...parts, mounted: store.mounted });
  const onvif =
    parts.onvif.length === 0
      ? undefined
      : openOnvifWatch({
          ...parts,
          cameras: parts.onvif,
          clockTrusted: () => parts.clockState() === 'synced',
        });
  const events = onvif && openEventWatch({ ...parts, service: onvif.events }, parts.onvif);
  let bootReason: BootReason | undefined;
  const looks = [
    // Before the cameras: a disk that fails explains them.
    store,
    openCameraLooks(parts),
    openClockLook(conditions, parts.clockState),
    ...(parts.hub ? [openHubLook(conditions, clock, parts.hub)] : []),
    ...(parts.dated ? [openCertificateLook(conditions, clock, parts.clockState, parts.dated)] : []),
  ];
  return {
    look() {
      for (const one of looks) one.look();
    },
    async run(signal) {
      await Promise.all([
        box.run(signal),
        onvif && runProbe(clock, signal, onvif.probe),
        events?.run(signal),
      ]);
    },
    async host() {
      const { uptimeSeconds, load1, memoryFreeBytes, memoryTotalBytes }: HostReading = await parts.readHost();
      const { clockOffsetMs: _, ...found } = box.reading();
      bootReason ??= await readBootReason(parts.files, parts.bootBefore, parts.sys);
      return { uptimeSeconds, load1, memoryFreeBytes, memoryTotalBytes, bootReason, ...found };
    },
    clock() {
      const { clockOffsetMs } = box.reading();
      return {
        state: parts.clockState(),
        ...(clockOffsetMs === undefined ? {} : { offsetMs: Math.round(clockOffsetMs * 10) / 10 }),
      };
    },
    onvif: (camera) => onvif?.reading(camera),
    forecastHours: store.forecastHours,
  };
}
