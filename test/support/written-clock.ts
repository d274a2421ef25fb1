// Loaded before a program (`--import`): what it takes for UTC is off by as many milliseconds as the file says that
// PEIO_TEST_CLOCK names. Its monotonic clock goes on as it was, as after settimeofday(2).
import { existsSync, readFileSync } from 'node:fs';

const path = process.env['PEIO_TEST_CLOCK'];
const trueNow = Date.now;
const lookEveryMs = 100;
let offsetMs = 0;
let lookedAt = Number.NEGATIVE_INFINITY;

Date.now = () => {
  if (path !== undefined && performance.now() - lookedAt >= lookEveryMs) {
    lookedAt = performance.now();
    offsetMs = existsSync(path) ? Number(readFileSync(path, 'utf8')) : 0;
  }
  return trueNow() + offsetMs;
};
