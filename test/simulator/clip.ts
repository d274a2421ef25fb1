import { readVideoTrack, type SimulatedCodec, splitNals } from './mp4.ts';

/** RTP's clock for video (RFC 6184 §8.2.1, RFC 7798 §7.1). */
export const videoClock = 90_000;

/** One picture, ready for RTP: NAL units, or for MPEG-4 and M-JPEG pieces that follow one another. Times are ticks of {@link videoClock} since the beginning of the clip. */
export interface Frame {
  nals: Buffer[];
  sendAt: number;
  timestamp: number;
  keyframe: boolean;
}

export interface Clip {
  codec: SimulatedCodec;
  parameterSets: Buffer[];
  width: number;
  height: number;
  frames: Frame[];
  /** Ticks after which the clip begins again. */
  duration: number;
}

/**
 * A file as a camera would send it. `inBand` puts the parameter sets in front of every keyframe; `mbit` (of 10^6 bits
 * per second) fills every frame up with filler data (H.264 type 12, H.265 type 38), which costs no encoding;
 * `frameRate` plays it faster or slower; `neverIdr` leaves out what comes before the second keyframe.
 */
export function loadClip(
  file: string,
  options: {
    inBand: boolean;
    mbit?: number | undefined;
    frameRate?: number | undefined;
    neverIdr?: boolean;
  },
): Clip {
  const track = readVideoTrack(file);
  const ownRate = (track.samples.length * track.timescale) / track.duration;
  const perTick = (videoClock / track.timescale) * (ownRate / (options.frameRate ?? ownRate));
  const toClock = (ticks: number): number => Math.round(ticks * perTick);
  const begin = options.neverIdr ? track.samples.findIndex(({ sync }, i) => sync && i > 0) : 0;
  const samples = track.samples.slice(begin);
  const beganAt = toClock(samples[0]?.decodeTime ?? 0);
  const duration = toClock(track.duration) - beganAt;
  const frames = samples.map((sample): Frame => {
    const nals = splitNals(sample.bytes, track.lengthSize);
    return {
      nals: options.inBand && sample.sync ? [...track.parameterSets, ...nals] : nals,
      sendAt: toClock(sample.decodeTime) - beganAt,
      timestamp: toClock(sample.decodeTime + sample.compositionOffset) - beganAt,
      keyframe: sample.sync,
    };
  });
  if (options.mbit !== undefined) pad(frames, duration, track.codec, (options.mbit * 1e6) / 8);
  return {
    codec: track.codec,
    parameterSets: track.parameterSets,
    width: track.width,
    height: track.height,
    frames,
    duration,
  };
}

/** Filler follows the last slice of its picture (H.264 §7.4.1.2.3, H.265 §7.4.2.4.4); a big picture borrows from the next ones. */
function pad(frames: Frame[], duration: number, codec: Clip['codec'], bytesPerSecond: number): void {
  if (codec !== 'h264' && codec !== 'h265') throw new Error(`${codec} has no filler`);
  const header = codec === 'h264' ? Buffer.from([12]) : Buffer.from([38 << 1, 1]);
  let due = 0;
  frames.forEach((frame, index) => {
    const until = frames[index + 1]?.sendAt ?? duration;
    due += ((until - frame.sendAt) / videoClock) * bytesPerSecond;
    due -= frame.nals.reduce((sum, nal) => sum + nal.length, 0);
    const size = Math.floor(due);
    if (size < header.length + 2) return;
    const filler = Buffer.alloc(size, 0xff);
    header.copy(filler);
    filler[size - 1] = 0x80; // rbsp_trailing_bits
    frame.nals.push(filler);
    due -= size;
  });
}
