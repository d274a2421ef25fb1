import type { Clock } from '#agent/platform/clock.ts';
import type { Log } from '#agent/platform/log.ts';
import { listenLoopback } from '#agent/platform/loopback.ts';
import { openNet } from '#agent/platform/net.ts';
import type { Random } from '#agent/platform/random.ts';
import { startStreaming } from '#agent/platform/streaming-process.ts';
import { systemUdp } from '#agent/platform/udp.ts';
import { findFfmpeg } from './ffmpeg/program.ts';
import { openGates } from './gates.ts';
import type { IngestParts } from './open-ingest.ts';

/**
 * What cameras need of this box. Their sockets are read on one beat of `readPaceMs`; `ffmpeg` is the path that is tried
 * before the usual places.
 */
export function systemParts(
  clock: Clock,
  random: Random,
  log: Log,
  { readPaceMs, ffmpeg }: { readPaceMs: number; ffmpeg: string | undefined },
): IngestParts {
  return {
    clock,
    random,
    log,
    net: openNet(readPaceMs),
    gates: openGates(clock),
    find: findFfmpeg(ffmpeg, log),
    listen: listenLoopback,
    start: startStreaming,
    udp: systemUdp,
  };
}
