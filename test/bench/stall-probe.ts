// Loaded into a process under measurement (node --import): writes a line `UTC-ms longest-stall-ms` a second to the file
// that PEIO_STALLS names. What it costs, fifty wake-ups a second or a sixth of a percent of a core, counts as the
// process's own.
import { appendFileSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';

/** A stall is told shorter by up to this. */
const resolutionMs = 20;

const path = process.env['PEIO_STALLS'];
if (path === undefined) throw new Error('PEIO_STALLS names no file');
const delay = monitorEventLoopDelay({ resolution: resolutionMs });
delay.enable();
setInterval(() => {
  const stallMs = Math.max(0, delay.max / 1e6 - resolutionMs);
  delay.reset();
  appendFileSync(path, `${Date.now()} ${stallMs.toFixed(1)}\n`);
}, 1000).unref();
