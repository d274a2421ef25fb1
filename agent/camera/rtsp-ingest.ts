import type { MonotonicMs, Timer } from '#agent/platform/clock.ts';
import { Failure } from '#protocol/failure.ts';
import { type CameraAccess, CameraSession, type SessionBounds } from './camera-session.ts';
import { interleaved } from './carrier.ts';
import { chooseTrack } from './choose-track.ts';
import type { MuxerBounds } from './gop-muxer.ts';
import type { FragmentSink, Ingest, IngestStats } from './ingest.ts';
import { parseRtspUrl } from './rtsp-url.ts';
import { offered } from './sdp.ts';
import { VideoReceiver } from './video-receiver.ts';

/** Every wait and size of a session, each with its reason. */
export interface IngestBounds extends MuxerBounds, SessionBounds {
  /** Without media this long the camera is taken for dead; it must be told within 15 s. */
  stallMs: number;
  /** Without a keyframe: the longest GOP of cameras that stretch it on still scenes is about 40 s. */
  keyframeMs: number;
}

export const usualBounds: IngestBounds = {
  answerMs: 5000,
  stallMs: 10_000,
  keyframeMs: 60_000,
  teardownMs: 500,
  accessUnitBytes: 4 * 1024 * 1024, // the largest keyframes of 4K cameras have about 1.5 MB
  fragmentBytes: 8 * 1024 * 1024, // 16 Mbit/s for 4 s, the longest usual GOP
  fragmentSamples: 512, // 60 pictures a second for longer than fragmentMs
  fragmentMs: 5000, // what a power cut may cost on a camera with an endless GOP
};

export interface RtspIngestOptions extends CameraAccess {
  bounds?: Partial<IngestBounds>;
}

/** How often a session looks at its own state. */
const watchMs = 500;
/** After a goodbye: an encoder that only begins anew is back within this. */
export const goodbyeMs = 2000;
/** RFC 3550 §6.2: five seconds at least; some cameras take the reports for a sign of life. */
const reportMs = 5000;

/** Records one camera over RTSP with interleaved TCP (RFC 2326), in process. Throws `camera-address` on a bad URL. */
export function openRtspIngest(options: RtspIngestOptions): Ingest {
  parseRtspUrl(options.url);
  let session: Session | undefined;
  return {
    run(sink, signal) {
      session = new Session(options, sink);
      return session.run(signal);
    },
    stats: () => session?.stats() ?? { ...noStats },
  };
}

export const noStats: IngestStats = {
  bytes: 0,
  packets: 0,
  lostPackets: 0,
  reorderedPackets: 0,
  samples: 0,
  offered: [],
  transport: 'tcp',
};

class Session {
  #options: RtspIngestOptions;
  #bounds: IngestBounds;
  #sink: FragmentSink;
  #camera: CameraSession;
  #receiver: VideoReceiver | undefined;
  #offered: string[] = [];
  #end = Promise.withResolvers<void>();

  constructor(options: RtspIngestOptions, sink: FragmentSink) {
    this.#options = options;
    this.#bounds = { ...usualBounds, ...options.bounds };
    this.#sink = sink;
    this.#camera = new CameraSession(options, this.#bounds, {
      packet: (channel, bytes, start, end, readAt) =>
        this.#receiver?.interleaved(channel, bytes, start, end, readAt),
      failed: (error) => this.#end.reject(error),
    });
  }

  stats(): IngestStats {
    const source = this.#receiver?.source;
    const report = this.#receiver?.report;
    return {
      bytes: this.#camera.bytes,
      packets: source?.packets ?? 0,
      lostPackets: source?.lost ?? 0,
      reorderedPackets: source?.reordered ?? 0,
      samples: this.#receiver?.samples ?? 0,
      offered: this.#offered,
      transport: 'tcp',
      ...(report ? { cameraClock: { utc: report.utc, readAt: report.readAt } } : {}),
    };
  }

  async run(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    const aborted = (): void => this.#end.resolve();
    signal.addEventListener('abort', aborted, { once: true });
    let watch: { cancel(): void } | undefined;
    try {
      const started = this.#start(signal);
      started.catch(() => {}); // When the session ends first, what becomes of its start is of no interest.
      const receiver = await Promise.race([started, this.#end.promise.then(() => undefined)]);
      if (receiver) {
        watch = this.#watch(receiver);
        await this.#end.promise;
      }
    } catch (error) {
      if (!signal.aborted || !(error instanceof Failure)) throw error;
    } finally {
      signal.removeEventListener('abort', aborted);
      watch?.cancel();
      await this.#finish();
    }
  }

  /** Connects, asks, chooses, sets up, plays. */
  async #start(signal: AbortSignal): Promise<VideoReceiver> {
    const camera = this.#camera;
    const description = await camera.open(signal);
    this.#offered = offered(description.media);
    const track = chooseTrack(description);
    this.#offered = track.others;
    const expect = (channel: number): void => camera.expect(channel);
    const receiver = new VideoReceiver(track, this.#bounds, this.#sink, expect);
    const carrier = interleaved((rtp, rtcp) => {
      receiver.listen(rtp, rtcp);
      this.#receiver = receiver;
    });
    const { timeoutMs } = await camera.play(track.medium.control, carrier);
    this.#options.log.info({ codec: track.codec.name, offered: this.#offered, timeoutMs }, 'camera plays');
    return receiver;
  }

  /** Looks twice a second whether media and keyframes come, and keeps the camera's session alive. */
  #watch(receiver: VideoReceiver): { cancel(): void } {
    const { clock, random } = this.#options;
    const { stallMs, keyframeMs } = this.#bounds;
    const camera = this.#camera;
    const began = clock.monotonic();
    const ourSsrc = random.bytes(4).readUInt32BE();
    let reportedAt = began;
    let keyframes = receiver.keyframes;
    let keyframeAt: MonotonicMs = began;
    let timer: Timer;
    const fail = (code: string, sentence: string): void =>
      this.#end.reject(new Failure('transient', code, sentence));
    const look = (): void => {
      const now = clock.monotonic();
      if (receiver.keyframes !== keyframes) {
        keyframes = receiver.keyframes;
        keyframeAt = now;
      }
      const { leftAt } = receiver;
      if (leftAt !== undefined && now - Math.max(leftAt, receiver.heardAt) >= goodbyeMs)
        fail('no-connection', 'the camera said that its stream ends');
      else if (now - Math.max(began, receiver.heardAt) >= stallMs)
        fail('no-data', `no video for ${stallMs} ms`);
      else if (now - keyframeAt >= keyframeMs) fail('no-keyframe', `no keyframe for ${keyframeMs} ms`);
      camera.keepAlive(now);
      const report = now - reportedAt >= reportMs ? receiver.receiverReport(ourSsrc, now) : undefined;
      if (report) {
        camera.send(report);
        reportedAt = now;
      }
      timer = clock.after(watchMs, look);
    };
    timer = clock.after(watchMs, look);
    return { cancel: () => timer.cancel() };
  }

  /** Gives the sink what is whole, tears the session down, closes. */
  async #finish(): Promise<void> {
    const receiver = this.#receiver;
    const { garbageBytes } = this.#camera;
    try {
      this.#camera.endPackets();
      receiver?.finish();
    } finally {
      await this.#camera.close();
      if (receiver && (receiver.strange > 0 || receiver.malformed > 0 || garbageBytes > 0))
        this.#options.log.warn(
          { strange: receiver.strange, malformed: receiver.malformed, garbageBytes },
          'camera sent what was not understood',
        );
    }
  }
}
