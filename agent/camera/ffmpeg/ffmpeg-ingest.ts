import type { Clock, MonotonicMs, Timer } from '#agent/platform/clock.ts';
import type { ListenLoopback } from '#agent/platform/loopback.ts';
import type { StartStreaming, StreamingProcess } from '#agent/platform/streaming-process.ts';
import type { Udp } from '#agent/platform/udp.ts';
import { Failure } from '#protocol/failure.ts';
import { type CameraAccess, CameraSession } from '../camera-session.ts';
import type { Carrier } from '../carrier.ts';
import { interleaved } from '../carrier.ts';
import { type ChosenTrack, chooseForFfmpeg } from '../choose-track.ts';
import type { FfmpegReason, FragmentSink, Ingest, IngestStats, Transport } from '../ingest.ts';
import type { Codec } from '../nal.ts';
import { findSenderReport, receiverReportFrame, type SenderReport, saysGoodbye } from '../rtcp.ts';
import { RtpSource } from '../rtp-source.ts';
import { goodbyeMs, type IngestBounds, noStats, usualBounds } from '../rtsp-ingest.ts';
import { parseRtspUrl } from '../rtsp-url.ts';
import { type Medium, offered } from '../sdp.ts';
import { openMulticast, openUnicast, type UdpPath } from '../udp-carrier.ts';
import { ffmpegArguments } from './arguments.ts';
import { Mp4Reader } from './mp4-reader.ts';
import { PacketFeed } from './packet-feed.ts';
import { PictureLog, tokenRate } from './picture-log.ts';
import type { FindFfmpeg } from './program.ts';
import { openRelay, type Relay } from './relay.ts';
import { relaySdp } from './relay-sdp.ts';
import { SampleMuxer } from './sample-muxer.ts';

export interface FfmpegIngestOptions extends CameraAccess {
  find: FindFfmpeg;
  listen: ListenLoopback;
  start: StartStreaming;
  udp: Udp;
  /** How RTP comes from the camera. */
  transport: Transport;
  /** Why ffmpeg and not in process. */
  because: FfmpegReason;
  bounds?: Partial<IngestBounds>;
}

const watchMs = 500;
const reportMs = 5000;
/** From its start to its first question: a small box under load takes a second. */
const readyMs = 10_000;
/** What ffmpeg may write when it is told that no more comes. */
const lastWordsMs = 1000;
/** Of packets that ffmpeg does not take: four seconds of the fastest camera. */
const maxUnsentBytes = 8 * 1024 * 1024;
/** A decoder looks at one picture to learn its size; the largest take a hundred megabytes. */
const dataBytes = 512 * 1024 * 1024;
const maxErrorChars = 2000;
const interleavingBytes = 4;

/**
 * Records one camera through ffmpeg, which sees a relay on loopback and neither the camera nor its password. Throws
 * `camera-address` on a bad URL; a session throws `unsupported-codec` where there is no ffmpeg.
 */
export function openFfmpegIngest(options: FfmpegIngestOptions): Ingest {
  parseRtspUrl(options.url);
  let session: Session | undefined;
  return {
    run(sink, signal) {
      session = new Session(options, sink);
      return session.run(signal);
    },
    stats: () => session?.stats() ?? { ...noStats, transport: 'ffmpeg', because: options.because },
  };
}

class Session {
  #options: FfmpegIngestOptions;
  #bounds: IngestBounds;
  #sink: FragmentSink;
  #camera: CameraSession;
  #end = Promise.withResolvers<void>();
  #offered: string[] = [];
  #source: RtpSource | undefined;
  #feed: PacketFeed | undefined;
  #samples: SampleMuxer | undefined;
  #relay: Relay | undefined;
  #ffmpeg: StreamingProcess | undefined;
  #said = '';
  #rtcpChannel = 1;
  #udp: UdpPath | undefined;
  #report: SenderReport | undefined;
  #sampleAt = 0 as MonotonicMs;

  constructor(options: FfmpegIngestOptions, sink: FragmentSink) {
    this.#options = options;
    this.#bounds = { ...usualBounds, ...options.bounds };
    this.#sink = sink;
    this.#camera = new CameraSession(options, this.#bounds, {
      packet: (channel, bytes, start, end, readAt) => this.#packet(channel, bytes, start, end, readAt),
      failed: (error) => this.#end.reject(error),
    });
  }

  stats(): IngestStats {
    return {
      bytes: this.#camera.bytes + (this.#udp?.bytes ?? 0),
      packets: this.#source?.packets ?? 0,
      lostPackets: this.#source?.lost ?? 0,
      reorderedPackets: this.#source?.reordered ?? 0,
      samples: this.#samples?.muxer.samples ?? 0,
      offered: this.#offered,
      transport: 'ffmpeg',
      because: this.#options.because,
      ...(this.#report ? { cameraClock: { utc: this.#report.utc, readAt: this.#report.readAt } } : {}),
    };
  }

  async run(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    const aborted = (): void => this.#end.resolve();
    signal.addEventListener('abort', aborted, { once: true });
    let watch: { cancel(): void } | undefined;
    const started = this.#start(signal);
    try {
      started.catch(() => {}); // When the session ends first, what becomes of its start is of no interest.
      const playing = await Promise.race([started, this.#end.promise.then(() => false)]);
      if (playing) {
        watch = this.#watch(this.#feed!, this.#samples!);
        await this.#end.promise;
      }
    } catch (error) {
      if (!signal.aborted || !(error instanceof Failure)) throw error;
    } finally {
      signal.removeEventListener('abort', aborted);
      watch?.cancel();
      await this.#finish(started);
    }
  }

  /** First the camera's offer, then ffmpeg as far as it asks to play, then the camera plays. */
  async #start(signal: AbortSignal): Promise<boolean> {
    const { find, log } = this.#options;
    const program = await find();
    if (!program) throw new Failure('transient', 'unsupported-codec', 'there is no ffmpeg on this box');
    const camera = this.#camera;
    const description = await camera.open(signal);
    this.#offered = offered(description.media);
    const track = chooseForFfmpeg(description);
    this.#offered = track.others;
    if (signal.aborted) return false;
    const relay = await this.#openRelay(track);
    if (signal.aborted) return false;
    this.#startFfmpeg(program.path, ffmpegArguments(program, relay.url));
    await this.#ready(relay);
    const { timeoutMs } = await camera.play(track.medium.control, await this.#carrier(track.medium));
    const { because } = this.#options;
    log.info(
      { codec: track.codec.name, offered: this.#offered, timeoutMs, because },
      'camera plays through ffmpeg',
    );
    return true;
  }

  async #carrier(medium: Medium): Promise<Carrier> {
    const { clock, udp, transport } = this.#options;
    if (transport === 'tcp')
      return interleaved((rtpChannel, rtcpChannel) => {
        this.#rtcpChannel = rtcpChannel;
        this.#camera.expect(rtpChannel);
        this.#camera.expect(rtcpChannel);
      });
    const parts = {
      clock,
      udp,
      ends: this.#camera.ends,
      rtp: (packet: Buffer, now: MonotonicMs) => void this.#feed?.take(packet, 0, packet.length, now),
      rtcp: (packet: Buffer, now: MonotonicMs) => this.#reported(packet, 0, packet.length, now),
    };
    this.#udp = transport === 'udp' ? await openUnicast(parts) : openMulticast(parts, medium);
    return this.#udp;
  }

  async #openRelay(track: ChosenTrack<Codec>): Promise<Relay> {
    const { clock, random, listen } = this.#options;
    const pictures = new PictureLog();
    const source = new RtpSource(track.clockRate);
    const relay = await openRelay({
      clock,
      random,
      listen,
      sdp: relaySdp(track.format),
      left: () => this.#ffmpeg?.kill(),
    });
    this.#relay = relay;
    this.#source = source;
    this.#feed = new PacketFeed(track.format.payloadType, source, pictures, relay);
    this.#samples = new SampleMuxer(track.codec, track.clockRate, pictures, this.#bounds, this.#sink);
    return relay;
  }

  #startFfmpeg(path: string, args: string[]): void {
    const { clock, start } = this.#options;
    const samples = this.#samples!;
    const reader = new Mp4Reader(tokenRate, samples);
    let broken = false;
    const ffmpeg = start(path, args, {
      env: { PATH: '/usr/bin:/bin', AV_LOG_FORCE_NOCOLOR: '1' },
      dataBytes,
      stdout: (chunk) => {
        if (broken) return;
        const before = samples.samples;
        try {
          reader.push(chunk);
        } catch (error) {
          broken = true;
          this.#end.reject(error);
        }
        if (samples.samples !== before) this.#sampleAt = clock.monotonic();
      },
      stderr: (chunk) => {
        this.#said = (this.#said + chunk.toString('latin1')).slice(-maxErrorChars);
      },
    });
    this.#ffmpeg = ffmpeg;
    // Exit code 0 means as little as any: it ends so when a camera dies.
    void ffmpeg.ended.then(({ code, signal, error }) => {
      const how = error ?? signal ?? `exit ${code}`;
      const said = this.#said.replaceAll(/[^\x20-\x7e]+/g, ' ').trim();
      const sentence = `ffmpeg ended (${how})${said === '' ? '' : `: ${said.slice(-300)}`}`;
      this.#end.reject(new Failure('transient', 'stream-error', sentence));
    });
  }

  async #ready(relay: Relay): Promise<void> {
    const late = Promise.withResolvers<void>();
    const timer = this.#options.clock.after(readyMs, () =>
      late.reject(new Failure('transient', 'stream-error', `ffmpeg asks for nothing within ${readyMs} ms`)),
    );
    try {
      await Promise.race([relay.playing, late.promise, this.#end.promise]);
    } finally {
      timer.cancel();
    }
  }

  #packet(channel: number, bytes: Buffer, start: number, end: number, now: MonotonicMs): void {
    // Cameras that send on other channels than they said are known by the payload type.
    if (channel === this.#rtcpChannel) this.#reported(bytes, start, end, now);
    else if (!this.#udp) this.#feed?.take(bytes, start, end, now);
  }

  #reported(bytes: Buffer, start: number, end: number, now: MonotonicMs): void {
    const ssrc = this.#source?.ssrc ?? 0;
    this.#report = findSenderReport(bytes, start, end, ssrc, now) ?? this.#report;
    if ((this.#source?.packets ?? 0) > 0 && saysGoodbye(bytes, start, end, ssrc)) this.#feed?.leave(now);
  }

  /** Looks twice a second whether packets, pictures and keyframes come, and keeps the camera's session alive. */
  #watch(feed: PacketFeed, samples: SampleMuxer): { cancel(): void } {
    const { clock, random } = this.#options;
    const { stallMs, keyframeMs } = this.#bounds;
    const { muxer } = samples;
    const relay = this.#relay!;
    const camera = this.#camera;
    const source = this.#source!;
    const began = clock.monotonic();
    const ourSsrc = random.bytes(4).readUInt32BE();
    let reportedAt = began;
    let keyframes = muxer.keyframes;
    let keyframeAt: MonotonicMs = began;
    let timer: Timer;
    const fail = (code: string, sentence: string): void =>
      this.#end.reject(new Failure('transient', code, sentence));
    const look = (): void => {
      const now = clock.monotonic();
      this.#udp?.tick(now);
      if (muxer.keyframes !== keyframes) {
        keyframes = muxer.keyframes;
        keyframeAt = now;
      }
      if (feed.leftAt !== undefined && now - Math.max(feed.leftAt, feed.heardAt) >= goodbyeMs)
        fail('no-connection', 'the camera said that its stream ends');
      else if (now - Math.max(began, feed.heardAt) >= stallMs) fail('no-data', `no video for ${stallMs} ms`);
      else if (now - keyframeAt >= keyframeMs) fail('no-keyframe', `no keyframe for ${keyframeMs} ms`);
      // It holds pictures until the next comes: without packets it is not ffmpeg that stalls.
      else if (keyframes > 0 && feed.heardAt - this.#sampleAt >= stallMs)
        fail('stream-error', `nothing from ffmpeg for ${stallMs} ms`);
      else if (relay.unsentBytes > maxUnsentBytes) fail('stream-error', 'ffmpeg does not keep up');
      camera.keepAlive(now);
      if (now - reportedAt >= reportMs && source.packets > 0) {
        const reception = source.reception(this.#report, now);
        const frame = receiverReportFrame(this.#rtcpChannel, ourSsrc, reception);
        if (this.#udp) this.#udp.report(frame.subarray(interleavingBytes));
        else camera.send(frame);
        reportedAt = now;
      }
      timer = clock.after(watchMs, look);
    };
    timer = clock.after(watchMs, look);
    return { cancel: () => timer.cancel() };
  }

  /** What ffmpeg still holds goes to the sink; then everything ends: child, relay, session. */
  async #finish(started: Promise<unknown>): Promise<void> {
    this.#camera.endPackets();
    const closed = this.#camera.close();
    await Promise.allSettled([started]);
    try {
      await this.#udp?.close();
      await this.#endFfmpeg(this.#options.clock);
      this.#samples?.muxer.finish();
    } finally {
      await closed;
      const strange = this.#feed?.strange ?? 0;
      const malformed = this.#samples?.malformed ?? 0;
      const { garbageBytes } = this.#camera;
      if (strange > 0 || malformed > 0 || garbageBytes > 0)
        this.#options.log.warn({ strange, malformed, garbageBytes }, 'camera sent what was not understood');
    }
  }

  async #endFfmpeg(clock: Clock): Promise<void> {
    const ffmpeg = this.#ffmpeg;
    if (this.#samples) this.#samples.ended = true;
    if (ffmpeg) {
      this.#relay?.end();
      const timer = clock.after(lastWordsMs, () => ffmpeg.kill());
      await ffmpeg.ended;
      timer.cancel();
    }
    this.#relay?.close();
  }
}
