import type { FragmentSink, IngestStats } from '#agent/camera/ingest.ts';
import { type CameraChoice, type IngestParts, openIngest } from '#agent/camera/open-ingest.ts';
import type { IngestBounds } from '#agent/camera/rtsp-ingest.ts';
import { systemParts } from '#agent/camera/system-parts.ts';
import { systemClock } from '#agent/platform/clock.ts';
import { systemRandom } from '#agent/platform/random.ts';
import { startStreaming } from '#agent/platform/streaming-process.ts';
import type { Failure } from '#protocol/failure.ts';
import { type KeptFile, keepingSink } from '../fixtures/camera/keep.ts';
import { quietLog } from './log.ts';

export interface CameraRecording {
  files: KeptFile[];
  /** Process ids of every ffmpeg that was started, its whole command line, and whether it has ended. */
  children: { pid: number; args: readonly string[]; ended: boolean; kill(signal: NodeJS.Signals): void }[];
  stats(): IngestStats;
  samples(): number;
  /** What `run` throws by itself. */
  end: Promise<Failure | undefined>;
  /** Aborts, and gives what `run` threw before, if it did. */
  stop(): Promise<Failure | undefined>;
}

/** Parts of this machine, with the children they start noted down. */
export function watchedParts(ffmpeg?: string): { parts: IngestParts; children: CameraRecording['children'] } {
  const children: CameraRecording['children'] = [];
  const parts: IngestParts = {
    ...systemParts(systemClock, systemRandom, quietLog, { readPaceMs: 40, ffmpeg }),
    start(command, args, options) {
      const child = startStreaming(command, args, options);
      const noted = {
        pid: child.pid as number,
        args: [command, ...args],
        ended: false,
        kill: (signal: NodeJS.Signals) => void process.kill(child.pid as number, signal),
      };
      children.push(noted);
      void child.ended.then(() => {
        noted.ended = true;
      });
      return child;
    },
  };
  return { parts, children };
}

/** Records with what `openIngest` gives for the camera, until it is stopped or fails. */
export function recordCamera(
  camera: Omit<CameraChoice, 'ingest' | 'transport'> & Partial<CameraChoice>,
  more: { parts?: Partial<IngestParts>; bounds?: Partial<IngestBounds>; ffmpeg?: string } = {},
): CameraRecording {
  const { parts, children } = watchedParts(more.ffmpeg);
  const choice = { ingest: 'auto', transport: 'tcp', ...camera } as const;
  const bounded = more.bounds ? { bounds: more.bounds } : {};
  const ingest = openIngest(choice, { ...parts, ...more.parts, ...bounded })();
  const sink = keepingSink();
  const stop = new AbortController();
  const recorded: FragmentSink = sink;
  const end = ingest.run(recorded, stop.signal).then(
    () => undefined,
    (failure: Failure) => failure,
  );
  return {
    files: sink.files,
    children,
    stats: () => ingest.stats(),
    samples: () =>
      sink.files.reduce((sum, { fragments }) => sum + fragments.reduce((n, f) => n + f.samples, 0), 0),
    end,
    async stop() {
      stop.abort();
      return end;
    },
  };
}
