import type { Clock, MonotonicMs, Timer } from '#agent/platform/clock.ts';
import type { Log } from '#agent/platform/log.ts';
import type { Net, TlsTrust } from '#agent/platform/net.ts';
import type { Random } from '#agent/platform/random.ts';
import { Failure } from '#protocol/failure.ts';
import { chooseTrack } from './choose-track.ts';
import type { MuxerBounds } from './gop-muxer.ts';
import type { Credentials, FragmentSink, Ingest, IngestStats } from './ingest.ts';
import { KeepAlive } from './keep-alive.ts';
import { type Response, RtspClient } from './rtsp-client.ts';
import { describe, methods, type Playing, setUpAndPlay } from './rtsp-session.ts';
import { parseRtspUrl, type RtspUrl } from './rtsp-url.ts';
import { offered, parseSdp } from './sdp.ts';
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
  /** For `rtsps`: what vouches for the camera; the system's authorities when absent. */
  tls?: TlsTrust;
  clock: Clock;
  random: Random;
  net: Net;
  log: Log;
  bounds?: Partial<IngestBounds>;
}

/** How often a session looks at its own state. */
const watchMs = 500;
/** RFC 3550 §6.2: five seconds at least; some cameras take the reports for a sign of life. */
const reportMs = 5000;
/** An NVR sends to its own camera, at most by way of a second one. */
const maxRedirects = 3;

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
  /** What TEARDOWN goes to. */
  #url = '';
  #end = Promise.withResolvers<void>();

  constructor(options: RtspIngestOptions, sink: FragmentSink) {
    this.#options = options;
    this.#bounds = { ...usualBounds, ...options.bounds };
    this.#sink = sink;
  }

  stats(): IngestStats {
    const source = this.#receiver?.source;
    const report = this.#receiver?.report;
    return {
      bytes: this.#client?.bytes ?? 0,
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
      const playing = await Promise.race([started, this.#end.promise.then(() => undefined)]);
      if (playing) {
        watch = this.#watch(playing);
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
  async #start(signal: AbortSignal): Promise<Playing> {
    const first = parseRtspUrl(this.#options.url);
    let url = first;
    for (let redirects = 0; ; redirects++) {
      const client = this.#open(url, first);
      await client.connect(signal);
      const known = await methods(client, url);
      const answer = await describe(client, url);
      if (!('elsewhere' in answer)) return await this.#play(client, url, answer, known);
      if (redirects === maxRedirects || (first.tls && !answer.elsewhere.tls))
        throw new Failure('transient', 'stream-error', 'the camera redirects without end, or out of TLS');
      client.close();
      url = answer.elsewhere;
    }
  }

  #open(url: RtspUrl, first: RtspUrl): RtspClient {
    const { clock, random, net, credentials, tls } = this.#options;
    const client = new RtspClient({
      target: { host: url.host, port: url.port, ...(url.tls ? { tls: tls ?? {} } : {}) },
      // The password is the camera's: nobody it points to gets to see it.
      credentials: url.host === first.host ? credentials : undefined,
      clock,
      random,
      net,
      answerMs: this.#bounds.answerMs,
      packet: (channel, bytes, start, end) =>
        this.#receiver?.interleaved(channel, bytes, start, end, client.readAt),
      failed: (error) => this.#end.reject(error),
    });
    this.#client = client;
    this.#url = url.origin + url.path;
    return client;
  }

  async #play(client: RtspClient, url: RtspUrl, answer: Response, known: Set<string>): Promise<Playing> {
    const description = parseSdp(answer.body);
    this.#offered = offered(description.media);
    const track = chooseTrack(description);
    this.#offered = track.others;
    const expect = (channel: number): void => client.wire.expect(channel);
    const receiver = new VideoReceiver(track, this.#bounds, this.#sink, expect);
    const controls = { session: description.control, track: track.control };
    const playing = await setUpAndPlay(client, url, answer, controls, known, (rtp, rtcp) => {
      receiver.listen(rtp, rtcp);
      this.#receiver = receiver;
    });
    this.#url = playing.url;
    client.pace();
    const { timeoutMs } = playing;
    this.#options.log.info({ codec: track.codec.name, offered: this.#offered, timeoutMs }, 'camera plays');
    return playing;
  }

  /** Looks twice a second whether media and keyframes come, and keeps the camera's session alive. */
  #watch(playing: Playing): { cancel(): void } {
    const { clock, log, random } = this.#options;
    const { stallMs, keyframeMs } = this.#bounds;
    const receiver = this.#receiver!;
    const client = this.#client!;
    const began = clock.monotonic();
    const ourSsrc = random.bytes(4).readUInt32BE();
    let reportedAt = began;
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
      const report = now - reportedAt >= reportMs ? receiver.receiverReport(ourSsrc, now) : undefined;
      if (report) {
        client.send(report);
        reportedAt = now;
      }
      timer = clock.after(watchMs, look);
    };
    timer = clock.after(watchMs, look);
    return { cancel: () => timer.cancel() };
  }

  /** Gives the sink what is whole, tears the session down, closes. */
  async #finish(): Promise<void> {
    const client = this.#client;
    const receiver = this.#receiver;
    try {
      client?.wire.endPackets();
      receiver?.finish();
      if (client?.session !== undefined) await this.#tearDown(client);
    } finally {
      client?.close();
      if (receiver && (receiver.strange > 0 || receiver.malformed > 0 || client?.wire.garbageBytes))
        this.#options.log.warn(
          {
            strange: receiver.strange,
            malformed: receiver.malformed,
            garbageBytes: client?.wire.garbageBytes,
          },
          'camera sent what was not understood',
        );
    }
  }

  /** Cameras serve a handful of sessions: an abandoned one may keep us out until it times out. */
  async #tearDown(client: RtspClient): Promise<void> {
    const over = Promise.withResolvers<void>();
    const timer = this.#options.clock.after(this.#bounds.teardownMs, over.resolve);
    const answered = client.request('TEARDOWN', this.#url).then(
      () => over.resolve(),
      (error) => (error instanceof Failure ? over.resolve() : over.reject(error)),
    );
    await over.promise;
    timer.cancel();
    client.close();
    await answered;
  }
}
