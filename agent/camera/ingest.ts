import type { MonotonicMs, UtcMs } from '#agent/platform/clock.ts';

export type CodecName = 'h264' | 'h265' | 'mjpeg' | 'mpeg4';

/** What a stream is, from its parameter sets. A change of any field is a new track: a new file. */
export interface Track {
  codec: CodecName;
  /** RFC 6381, e.g. `avc1.64001f`. */
  codecString: string;
  width: number;
  height: number;
  /** Ticks per second of every time below. */
  timescale: number;
  /** ftyp and moov: the head of every file of this track. */
  initSegment: Uint8Array;
}

/** One moof+mdat. `bytes` belongs to the ingest and is reused: valid until {@link FragmentSink.fragment} returns. */
export interface Fragment {
  bytes: Buffer;
  /** Ticks since the first sample of this track, never decreasing; also what the fragment's tfdt says. */
  decodeTime: number;
  durationTicks: number;
  samples: number;
  /** Begins with a sync sample; false only for the rest of a GOP that was split at a bound. */
  keyframe: boolean;
  /** Its first sample shows a whole picture by itself: none that is renewed by degrees, and no field of one. */
  standsAlone: boolean;
  /** Packets known to be lost inside it. */
  lostPackets: number;
  /** When the first packet of its first sample arrived. */
  arrivedAt: MonotonicMs;
  /** When the first packet of the sample after it arrived; of its last sample when the stream ended. */
  endedAt: MonotonicMs;
}

/** Takes what an ingest makes. Both calls are synchronous: nothing in an ingest waits for a disk. */
export interface FragmentSink {
  /** A track begins, or the stream lost its continuity: what follows goes into a new file and a new run. */
  track(track: Track): void;
  fragment(fragment: Fragment): void;
}

/** How RTP comes from a camera. */
export type Transport = 'tcp' | 'udp' | 'multicast';

/** It is set so for the camera; RTP comes over UDP or multicast; the stream's codec is none that is taken in process. */
export type FfmpegReason = 'configured' | 'udp' | 'multicast' | 'unsupported-codec';

/** Counters since the session began, read by health; monotone. */
export interface IngestStats {
  bytes: number;
  packets: number;
  lostPackets: number;
  reorderedPackets: number;
  samples: number;
  /** Media the camera offers besides the recorded one, e.g. `audio/PCMA`; never set up. */
  offered: readonly string[];
  transport: 'tcp' | 'ffmpeg';
  /** With `ffmpeg`: why it is not taken in process. */
  because?: FfmpegReason;
  /** The camera's time of day as it last stated it, and when that was read here; to be judged, never followed. */
  cameraClock?: { utc: UtcMs; readAt: MonotonicMs };
}

/**
 * One session with one camera. `run` connects, feeds `sink`, and settles when the session ends: it resolves only
 * after `signal` aborted, and else throws a `Failure` with one of the codes of a gap (`no-connection`, `auth-failed`,
 * `no-data`, `no-keyframe`, `stream-error`) or `unsupported-codec`. The last complete access units are flushed first.
 */
export interface Ingest {
  run(sink: FragmentSink, signal: AbortSignal): Promise<void>;
  stats(): IngestStats;
}

/** User and password of a camera. Kept out of every message: never put one into an error. */
export interface Credentials {
  user: string;
  password: string;
}
