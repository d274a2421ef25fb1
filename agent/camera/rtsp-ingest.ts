import type { Clock, MonotonicMs, Timer } from '#agent/platform/clock.ts';
import type { Log } from '#agent/platform/log.ts';
import type { Net } from '#agent/platform/net.ts';
import type { Random } from '#agent/platform/random.ts';
import { Failure } from '#protocol/failure.ts';
import type { MuxerBounds } from './gop-muxer.ts';
import type { Credentials, FragmentSink, Ingest, IngestStats } from './ingest.ts';
import { KeepAlive } from './keep-alive.ts';
import { RtspClient } from './rtsp-client.ts';
import { chooseTrack, describe, methods, type Playing, refusal, setUpAndPlay } from './rtsp-session.ts';
import { parseRtspUrl } from './rtsp-url.ts';
import { VideoReceiver } from './video-receiver.ts';

/** Every wait and size of a session, each with its reason. */
export interface IngestBounds extends MuxerBounds {
  /** For a connection, and for each answer: cameras on a busy radio link take a second or two. */
  answerMs: number;
  /** Without media this long the camera is taken for dead; it must be told within 15 s. */
  stallMs: number;
  /** Without a keyframe: the longest GOP of cameras that stretch it on still scenes is about 40 s. */
  keyframeMs: number;
  /** Longest wait for the answer to TEARDOWN, which some cameras never give. */
  teardownMs: number;
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

export interface RtspIngestOptions {
  /** `rtsp://host[:port]/path`, without user or password. */
  url: string;
  credentials?: Credentials;
  clock: Clock;
  random: Random;
  net: Net;
  log: Log;
  bounds?: Partial<IngestBounds>;
}

/** How often a session looks at its own state. */
const watchMs = 500;

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

const noStats: IngestStats = {
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
  #client: RtspClient | undefined;
  #receiver: VideoReceiver | undefined;
  #offered: string[] = [];
  #end = Promise.withResolvers<void>();

  constructor(options: RtspIngestOptions, sink: FragmentSink) {
    this.#options = options;
    this.#bounds = { ...usualBounds, ...options.bounds };
    this.#sink = sink;
  }

  stats(): IngestStats {
    const source = this.#receiver?.source;
    return {
      bytes: this.#client?.bytes ?? 0,
      packets: source?.packets ?? 0,
      lostPackets: source?.lost ?? 0,
      reorderedPackets: source?.reordered ?? 0,
      samples: this.#receiver?.samples ?? 0,
      offered: this.#offered,
      transport: 'tcp',
    };
  }

  async run(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    const aborted = (): void => this.#end.resolve();
    signal.addEventListener('abort', aborted, { once: true });
    let playing: Playing | undefined;
    let watch: { cancel(): void } | undefined;
    try {
      const started = this.#start(signal);
      started.catch(() => {}); // When the session ends first, what becomes of its start is of no interest.
      playing = await Promise.race([started, this.#end.promise.then(() => undefined)]);
      if (playing) {
        watch = this.#watch(playing);
        await this.#end.promise;
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      signal.removeEventListener('abort', aborted);
      watch?.cancel();
      this.#client?.wire.endPackets();
      this.#receiver?.finish();
      await this.#tearDown(playing);
    }
  }

  /** Connects, asks, chooses, sets up, plays. */
  async #start(signal: AbortSignal): Promise<Playing> {
    const { clock, random, net, credentials } = this.#options;
    const url = parseRtspUrl(this.#options.url);
    const client = new RtspClient({
      target: { host: url.host, port: url.port },
      credentials,
      clock,
      random,
      net,
      answerMs: this.#bounds.answerMs,
      packet: (channel, bytes, start, end) =>
        this.#receiver?.interleaved(channel, bytes, start, end, client.readAt),
      failed: (error) => this.#end.reject(error),
    });
    this.#client = client;
    await client.connect(signal);
    const known = await methods(client, url);
    const answer = await describe(client, url);
    if (answer.status !== 200) throw refusal('DESCRIBE', answer);
    const track = chooseTrack(answer);
    this.#offered = track.others;
    const receiver = new VideoReceiver(track, this.#bounds, this.#sink, (channel) =>
      client.wire.expect(channel),
    );
    const playing = await setUpAndPlay(client, url, answer, track, known, (rtp, rtcp) => {
      receiver.listen(rtp, rtcp);
      this.#receiver = receiver;
    });
    client.pace();
    const { timeoutMs } = playing;
    this.#options.log.info({ codec: track.codec.name, offered: this.#offered, timeoutMs }, 'camera plays');
    return playing;
  }

  /** Looks twice a second whether media and keyframes come, and keeps the camera's session alive. */
  #watch(playing: Playing): { cancel(): void } {
    const { clock, log } = this.#options;
    const { stallMs, keyframeMs } = this.#bounds;
    const receiver = this.#receiver!;
    const client = this.#client!;
    const began = clock.monotonic();
    const keepAlive = new KeepAlive(client, playing, began, log, (bug) => this.#end.reject(bug));
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
      if (now - Math.max(began, receiver.heardAt) >= stallMs) fail('no-data', `no video for ${stallMs} ms`);
      else if (now - keyframeAt >= keyframeMs) fail('no-keyframe', `no keyframe for ${keyframeMs} ms`);
      keepAlive.at(now);
      timer = clock.after(watchMs, look);
    };
    timer = clock.after(watchMs, look);
    return { cancel: () => timer.cancel() };
  }

  /** Cameras serve a handful of sessions: an abandoned one may keep us out until it times out. */
  async #tearDown(playing: Playing | undefined): Promise<void> {
    const client = this.#client;
    if (!client) return;
    const url = parseRtspUrl(this.#options.url);
    if (client.session !== undefined) {
      const answered = client.request('TEARDOWN', playing?.url ?? url.origin + url.path);
      const waited = Promise.withResolvers<void>();
      const timer = this.#options.clock.after(this.#bounds.teardownMs, waited.resolve);
      const done = (): void => waited.resolve();
      await Promise.race([answered.then(done, done), waited.promise]);
      timer.cancel();
    }
    client.close();
  }
}
