import type { Credentials, FragmentSink, IngestStats, Track } from '#agent/camera/ingest.ts';
import { openRtspIngest } from '#agent/camera/rtsp-ingest.ts';
import { systemClock } from '#agent/platform/clock.ts';
import { openNet } from '#agent/platform/net.ts';
import { systemRandom } from '#agent/platform/random.ts';
import { quietLog } from './log.ts';

/** What came of one track: a whole MP4. */
export interface RecordedTrack {
  track: Track;
  mp4: Buffer;
  fragments: number;
  /** Of the fragments, ticks. */
  durationTicks: number;
}

/** Records a camera with the agent's own ingest until `enough` says so; throws what the ingest throws. */
export async function recordIngest(
  camera: { url: string; credentials?: Credentials },
  enough: (tracks: readonly RecordedTrack[], stats: IngestStats) => boolean,
): Promise<{ tracks: RecordedTrack[]; stats: IngestStats }> {
  const stop = new AbortController();
  const tracks: { track: Track; pieces: Buffer[]; durationTicks: number }[] = [];
  const recorded = (): RecordedTrack[] =>
    tracks.map(({ track, pieces, durationTicks }) => ({
      track,
      durationTicks,
      fragments: pieces.length - 1,
      get mp4() {
        return Buffer.concat(pieces);
      },
    }));
  const sink: FragmentSink = {
    track: (track) => void tracks.push({ track, pieces: [Buffer.from(track.initSegment)], durationTicks: 0 }),
    fragment({ bytes, durationTicks }) {
      const current = tracks.at(-1);
      if (!current) throw new Error('a fragment before its track');
      current.pieces.push(Buffer.from(bytes));
      current.durationTicks += durationTicks;
      if (enough(recorded(), ingest.stats())) stop.abort();
    },
  };
  const ingest = openRtspIngest({
    ...camera,
    clock: systemClock,
    random: systemRandom,
    net: openNet(40),
    log: quietLog,
  });
  await ingest.run(sink, stop.signal);
  return { tracks: recorded(), stats: ingest.stats() };
}
