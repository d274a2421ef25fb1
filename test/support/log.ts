import { pino } from 'pino';
import type { Log } from '#agent/platform/log.ts';

/** A log that keeps quiet; `PEIO_TEST_LOG=debug` shows what a failing test was doing. */
export const quietLog: Log = pino({ level: process.env['PEIO_TEST_LOG'] ?? 'silent' });
