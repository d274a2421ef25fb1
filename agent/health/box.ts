import type { HealthPayload } from '#protocol/messages.ts';
import type { Conditions } from '../alert/open-conditions.ts';
import { type Probe, runProbe } from '../lifecycle/probe.ts';
import type { Clock } from '../platform/clock.ts';
import type { Files } from '../platform/files.ts';
import type { HostReading } from '../platform/host.ts';
import type { Net } from '../platform/net.ts';
import type { run } from '../platform/process.ts';
import { readClockOffset } from './clock-offset.ts';
import { diskJudge } from './disk-judge.ts';
import { readHeat } from './heat.ts';
import { heatJudge } from './heat-judge.ts';
import { disksBelow, fileSystemErrors, type Mount, readMount } from './mount.ts';
import { readSmart } from './smart.ts';
import { readUps, type UpsAddress } from './ups.ts';
import { upsJudge } from './ups-judge.ts';

export interface BoxParts {
  conditions: Conditions;
  clock: Clock;
  files: Files;
  net: Net;
  run: typeof run;
  readHost(): Promise<HostReading>;
  /** Maker, model, processor; undefined where nothing says. Rare and costly. */
  readHardware(signal: AbortSignal): Promise<string | undefined>;
  /** The folder of the store. */
  dir: string;
  ups?: UpsAddress | undefined;
  /** Told whether the store's file system is mounted read-only. */
  mounted(readOnly: boolean | undefined): void;
  /** Roots of the kernel's files, for tests. */
  sys?: string;
  proc?: string;
}

/** What the probes of the box have found. */
export interface Box {
  run(signal: AbortSignal): Promise<void>;
  reading(): Pick<HealthPayload['host'], 'temperatureCelsius' | 'hardware' | 'disk' | 'ups'> & {
    clockOffsetMs?: number;
  };
}

const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;
const memoryLow = { share: 0.08, overShare: 0.12 };
const busy = { perProcessor: 2, overPerProcessor: 1 };

/**
 * Asks the box how it is: each question a probe with its own time limit, none more than a twentieth of the time, and
 * none beside itself. What cannot be told is unknown.
 */
export function openBox(parts: BoxParts): Box {
  const { conditions, clock, files, dir, sys = '/sys', proc = '/proc' } = parts;
  const memory = conditions.watch('memory-low');
  const load = conditions.watch('overloaded');
  const heat = heatJudge(conditions.watch('overheating'), clock);
  const disk = diskJudge(conditions.watch('disk-dying'));
  const ups = parts.ups && upsJudge(conditions);
  let hardware: string | undefined;
  let clockOffsetMs: number | undefined;
  let low = false;
  let loaded = false;

  const lookAtHost = async (): Promise<void> => {
    const { memoryFreeBytes, memoryTotalBytes, load5, processors } = await parts.readHost();
    const share = memoryFreeBytes / memoryTotalBytes;
    low = share < (low ? memoryLow.overShare : memoryLow.share);
    if (low) memory.failing('low', { megabytes: Math.round(memoryFreeBytes / 1e6) });
    else memory.ok();
    loaded = load5 > processors * (loaded ? busy.overPerProcessor : busy.perProcessor);
    if (loaded) load.failing('load', { load: load5, processors });
    else load.ok();
  };
  const storeMount = async (): Promise<Mount | undefined> => {
    const place = await files.realPath(dir).catch(() => undefined); // Its folder may have gone with its disk.
    return place === undefined ? undefined : await readMount(files, place, proc);
  };
  const lookAtMount = async (): Promise<void> => {
    const mount = await storeMount();
    parts.mounted(mount?.readOnly);
    disk.fileSystem(mount && (await fileSystemErrors(files, mount.device, sys)));
  };
  const askDisks = async (signal: AbortSignal): Promise<void> => {
    const mount = await storeMount();
    const disks = mount === undefined ? [] : await disksBelow(files, mount.device, sys);
    const readings = [];
    for (const one of disks) readings.push(await readSmart(parts.run, one, signal));
    if (!signal.aborted) disk.smart(readings);
  };
  const askUps = async (signal: AbortSignal): Promise<void> => {
    if (parts.ups === undefined) return;
    const reading = await readUps(parts, parts.ups, signal);
    if (!signal.aborted) ups?.take(reading);
  };

  const probes: (Pick<Probe, 'everyMs' | 'limitMs' | 'delayMs' | 'once'> & {
    name: string;
    lost?(): void;
  })[] = [
    { name: 'host', everyMs: 10 * second, limitMs: 5 * second, once: lookAtHost },
    {
      name: 'mount',
      everyMs: 10 * second,
      limitMs: 5 * second,
      once: lookAtMount,
      lost() {
        parts.mounted(undefined);
        disk.fileSystem(undefined);
      },
    },
    {
      name: 'heat',
      everyMs: 30 * second,
      limitMs: 10 * second,
      once: async () => heat.take(await readHeat(files, sys)),
      lost: () => heat.take(undefined),
    },
    {
      name: 'smart',
      everyMs: hour,
      delayMs: 30 * second,
      limitMs: 2 * minute,
      once: askDisks,
      lost: () => disk.smart([]),
    },
    {
      name: 'time',
      everyMs: 5 * minute,
      delayMs: 10 * second,
      limitMs: 10 * second,
      async once(signal) {
        const found = await readClockOffset(parts.run, signal);
        if (!signal.aborted) clockOffsetMs = found;
      },
      lost() {
        clockOffsetMs = undefined;
      },
    },
    {
      name: 'hardware',
      everyMs: 24 * hour,
      delayMs: 20 * second,
      limitMs: minute,
      async once(signal) {
        hardware = (await parts.readHardware(signal)) ?? hardware;
      },
    },
  ];
  if (ups)
    probes.push({
      name: 'ups',
      everyMs: 10 * second,
      limitMs: 6 * second,
      once: askUps,
      lost: () => ups.take(undefined),
    });
  const stuck = new Map(probes.map(({ name }) => [name, conditions.watch('probe-stuck', name)]));

  return {
    async run(signal) {
      await Promise.all(
        probes.map(({ name, lost, ...probe }) =>
          runProbe(clock, signal, {
            ...probe,
            stuck(yes) {
              if (!yes) return stuck.get(name)?.ok();
              lost?.();
              stuck.get(name)?.failing('hanging', { probe: name });
            },
          }),
        ),
      );
    },
    reading: () => ({
      ...heat.reading(),
      ...(hardware === undefined ? {} : { hardware }),
      disk: disk.reading(),
      ...(ups ? { ups: ups.reading() } : {}),
      ...(clockOffsetMs === undefined ? {} : { clockOffsetMs }),
    }),
  };
}
