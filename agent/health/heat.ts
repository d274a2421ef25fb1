import { join } from 'node:path';
import type { Files } from '../platform/files.ts';
import { numberIn, textIn } from './kernel-file.ts';

export interface Sensor {
  name: string;
  celsius: number;
  /** The temperature at which its maker shuts the thing down. */
  limitCelsius?: number;
}

export interface Heat {
  sensors: Sensor[];
  /** How often the processor slowed down from heat since boot; undefined where it does not say. */
  throttles?: number;
}

/** More are a broken driver. */
const maxSensors = 64;
const maxTrips = 16;

/** Thermal zones, hardware monitors and throttle counters of the kernel's `/sys`: a few dozen small files, 2 ms. */
export async function readHeat(files: Files, sys = '/sys'): Promise<Heat> {
  const sensors = [
    ...(await zones(files, join(sys, 'class/thermal'))),
    ...(await monitors(files, join(sys, 'class/hwmon'))),
  ];
  const counter = join(sys, 'devices/system/cpu/cpu0/thermal_throttle/package_throttle_count');
  const throttles = await numberIn(files, counter);
  return { sensors: sensors.slice(0, maxSensors), ...(throttles === undefined ? {} : { throttles }) };
}

async function zones(files: Files, folder: string): Promise<Sensor[]> {
  const found: Sensor[] = [];
  for (const { name } of await files.list(folder)) {
    if (!name.startsWith('thermal_zone') || found.length >= maxSensors) continue;
    const zone = join(folder, name);
    const sensor = await sensorOf(
      files,
      (await textIn(files, join(zone, 'type'))) ?? name,
      join(zone, 'temp'),
    );
    if (sensor === undefined) continue;
    for (let trip = 0; trip < maxTrips; trip++) {
      const kind = await textIn(files, join(zone, `trip_point_${trip}_type`));
      if (kind === undefined) break;
      const limit = await numberIn(files, join(zone, `trip_point_${trip}_temp`));
      if (kind === 'critical') limitOf(sensor, limit);
    }
    found.push(sensor);
  }
  return found;
}

async function monitors(files: Files, folder: string): Promise<Sensor[]> {
  const found: Sensor[] = [];
  for (const { name } of await files.list(folder)) {
    const monitor = join(folder, name);
    const inputs = (await files.list(monitor)).filter((entry) => /^temp\d{1,2}_input$/.test(entry.name));
    const chip = (await textIn(files, join(monitor, 'name'))) ?? name;
    for (const input of inputs) {
      if (found.length >= maxSensors) return found;
      const stem = join(monitor, input.name.slice(0, -'_input'.length));
      const sensor = await sensorOf(files, chip, join(monitor, input.name));
      if (sensor === undefined) continue;
      limitOf(sensor, await numberIn(files, `${stem}_crit`));
      found.push(sensor);
    }
  }
  return found;
}

async function sensorOf(files: Files, name: string, path: string): Promise<Sensor | undefined> {
  const milli = await numberIn(files, path);
  // A sensor that is not connected reports nonsense.
  return milli === undefined || milli < -40_000 || milli > 150_000
    ? undefined
    : { name: name.slice(0, 32), celsius: milli / 1000 };
}

function limitOf(sensor: Sensor, milli: number | undefined): void {
  if (milli !== undefined && milli >= 50_000 && milli <= 150_000) sensor.limitCelsius = milli / 1000;
}
