import type { Fragment, FragmentSink, Ingest, Track } from '#agent/camera/ingest.ts';
import { headBytes, writeHead } from '#agent/camera/moof.ts';
import type { Clock, MonotonicMs } from '#agent/platform/clock.ts';
import { pause } from '#agent/platform/clock.ts';
import { Failure } from '#protocol/failure.ts';

export const scriptedTimescale = 90_000;

/** Begins as a file of this track does, and can be told from any other bytes. */
export function scriptedTrack(width = 640): Track {
  return {
    codec: 'h264',
    codecString: 'avc1.64001f',
    width,
    height: 480,
    timescale: scriptedTimescale,
    initSegment: Buffer.from(`\0\0\0\x10ftypINIT${String(width).padStart(4, '0')}`),
  };
}

/** One real moof+mdat of one sample of `size` bytes, filled with `fill`. */
export function scriptedBytes(decodeTime: number, durationTicks: number, size: number, fill: number): Buffer {
  const head = headBytes(1, false);
  const bytes = Buffer.alloc(head + size, fill);
  const start = writeHead(bytes, head, head + size, 1, decodeTime, {
    count: 1,
    keyframe: true,
    intra: false,
    durations: Uint32Array.of(durationTicks),
    sizes: Uint32Array.of(size),
    offsets: new Int32Array(1),
    reordered: false,
  });
  return bytes.subarray(start);
}

/** What a scripted camera does next. */
export type Step =
  /** `count` GOPs of `gopMs` each. */
  | { do: 'send'; count: number; gopMs: number; bytes?: number; keyframe?: boolean }
  | { do: 'track'; width?: number }
  | { do: 'wait'; ms: number }
  | { do: 'fail'; code: string }
  /** Something outside the stream: a step of the clock, a disk that fills. */
  | { do: 'call'; run: () => void };

/** One session per list of steps; when the lists are used up a session waits for the end. */
export function scriptedIngest(clock: Clock, sessions: Step[][]): () => Ingest {
  const left = [...sessions];
  return () => {
    const steps = left.shift() ?? [];
    let samples = 0;
    return {
      stats: () => ({
        bytes: 0,
        packets: 0,
        lostPackets: 0,
        reorderedPackets: 0,
        samples,
        offered: [],
        transport: 'tcp',
      }),
      async run(sink: FragmentSink, signal: AbortSignal) {
        let ticks = 0;
        let fill = 0;
        if (steps[0]?.do === 'send') sink.track(scriptedTrack());
        for (const step of steps) {
          if (signal.aborted) return;
          if (step.do === 'fail') throw new Failure('transient', step.code, 'as scripted');
          if (step.do === 'wait') await pause(clock, step.ms, signal);
          if (step.do === 'call') step.run();
          if (step.do === 'track') {
            ticks = 0;
            sink.track(scriptedTrack(step.width));
          }
          if (step.do !== 'send') continue;
          for (let i = 0; i < step.count && !signal.aborted; i++) {
            const arrivedAt = clock.monotonic();
            await pause(clock, step.gopMs, signal);
            const durationTicks = step.gopMs * (scriptedTimescale / 1000);
            const bytes = scriptedBytes(ticks, durationTicks, step.bytes ?? 20_000, ++fill & 0xff);
            const fragment: Fragment = {
              bytes,
              decodeTime: ticks,
              durationTicks,
              samples: 25,
              keyframe: step.keyframe ?? true,
              standsAlone: false,
              lostPackets: 0,
              arrivedAt,
              endedAt: clock.monotonic() as MonotonicMs,
            };
            samples += 25;
            ticks += durationTicks;
            sink.fragment(fragment);
            bytes.fill(0xee); // The ingest reuses its buffer.
          }
        }
        await new Promise<void>((resolve) => {
          if (signal.aborted) resolve();
          else signal.addEventListener('abort', () => resolve(), { once: true });
        });
      },
    };
  };
}
