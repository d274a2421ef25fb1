import { readFile } from 'node:fs/promises';
import { availableParallelism, freemem, loadavg, totalmem, uptime } from 'node:os';

/** What the machine tells cheaply: no process is started, 0.1 ms. */
export interface HostReading {
  uptimeSeconds: number;
  /** Load average of one minute. */
  load1: number;
  /** Of five minutes. */
  load5: number;
  processors: number;
  memoryFreeBytes: number;
  memoryTotalBytes: number;
  /** Of the first thermal zone; undefined where there is none. */
  temperatureCelsius?: number;
}

export async function readHost(): Promise<HostReading> {
  const temperature = await readFile('/sys/class/thermal/thermal_zone0/temp', 'utf8').then(
    (text) => Number(text) / 1000,
    () => Number.NaN, // No thermal zone: a virtual machine, mostly.
  );
  const [load1 = 0, load5 = 0] = loadavg();
  return {
    uptimeSeconds: Math.round(uptime()),
    load1: Math.round(load1 * 100) / 100,
    load5,
    processors: availableParallelism(),
    memoryFreeBytes: freemem(),
    memoryTotalBytes: totalmem(),
    ...(Number.isFinite(temperature) ? { temperatureCelsius: Math.round(temperature * 10) / 10 } : {}),
  };
}
