import type { Clock, MonotonicMs } from '#agent/platform/clock.ts';
import type { Log } from '#agent/platform/log.ts';
import type { Net, TlsTrust } from '#agent/platform/net.ts';
import type { Random } from '#agent/platform/random.ts';
import { Failure } from '#protocol/failure.ts';
import type { Carrier } from './carrier.ts';
import type { Gates } from './gates.ts';
import type { Credentials } from './ingest.ts';
import { KeepAlive } from './keep-alive.ts';
import { type Response, RtspClient } from './rtsp-client.ts';
import { describe, methods, setUpAndPlay } from './rtsp-session.ts';
import { parseRtspUrl, type RtspUrl } from './rtsp-url.ts';
import { parseSdp, type SessionDescription } from './sdp.ts';

/** One stream of a camera and how to get at it. */
export interface CameraAccess {
  /** `rtsp://host[:port]/path`, without user or password. */
  url: string;
  credentials?: Credentials;
  /** For `rtsps`: what vouches for the camera; the system's authorities when absent. */
  tls?: TlsTrust;
  clock: Clock;
  random: Random;
  net: Net;
  log: Log;
  /** Keeps cameras behind one address from being asked all at once. */
  gates?: Gates;
}

export interface SessionBounds {
  /** For a connection, and for each answer: cameras on a busy radio link take a second or two. */
  answerMs: number;
  /** Longest wait for the answer to TEARDOWN, which some cameras never give. */
  teardownMs: number;
}

export interface SessionEvents {
  /** One interleaved packet, valid until this returns. May throw a `Failure`, which ends the connection. */
  packet(channel: number, bytes: Buffer, start: number, end: number, readAt: MonotonicMs): void;
  /** The connection is of no more use. */
  failed(error: unknown): void;
}

/** An NVR sends to its own camera, at most by way of a second one. */
const maxRedirects = 3;

/** One RTSP session with one camera, whoever takes its media: redirects, authentication, keep-alive, end. */
export class CameraSession {
  #access: CameraAccess;
  #bounds: SessionBounds;
  #events: SessionEvents;
  #client: RtspClient | undefined;
  /** What TEARDOWN goes to. */
  #url = '';
  #asked:
    | { url: RtspUrl; answer: Response; known: ReadonlySet<string>; control: string | undefined }
    | undefined;
  #keepAlive: KeepAlive | undefined;
  #leaveGate: (() => void) | undefined;

  constructor(access: CameraAccess, bounds: SessionBounds, events: SessionEvents) {
    this.#access = access;
    this.#bounds = bounds;
    this.#events = events;
  }

  /** Bytes received on the RTSP connection. */
  get bytes(): number {
    return this.#client?.bytes ?? 0;
  }

  get garbageBytes(): number {
    return this.#client?.wire.garbageBytes ?? 0;
  }

  /** The two ends of the RTSP connection, as numbers. */
  get ends(): { local: string; remote: string } {
    return this.#client?.ends ?? { local: '', remote: '' };
  }

  /** Connects, follows redirects and asks what there is. */
  async open(signal: AbortSignal): Promise<SessionDescription> {
    const first = parseRtspUrl(this.#access.url);
    this.#leaveGate = await this.#access.gates?.enter(`${first.host} ${first.port}`, signal);
    let url = first;
    for (let redirects = 0; ; redirects++) {
      const client = this.#connectTo(url, first);
      await client.connect(signal);
      const known = await methods(client, url);
      const answer = await describe(client, url);
      if (!('elsewhere' in answer)) {
        const description = parseSdp(answer.body);
        this.#asked = { url, answer, known, control: description.control };
        return description;
      }
      if (redirects === maxRedirects || (first.tls && !answer.elsewhere.tls))
        throw new Failure('transient', 'stream-error', 'the camera redirects without end, or out of TLS');
      client.close();
      url = answer.elsewhere;
    }
  }

  /** After {@link open}: sets up the one track with this `control` and plays it. */
  async play(control: string | undefined, carrier: Carrier): Promise<{ timeoutMs: number }> {
    const client = this.#client!;
    const { url, answer, known, control: session } = this.#asked!;
    const { clock, log } = this.#access;
    const playing = await setUpAndPlay(client, url, answer, { session, track: control }, known, carrier);
    this.#leaveGate?.();
    this.#url = playing.url;
    this.#keepAlive = new KeepAlive(client, playing, clock.monotonic(), log, this.#events.failed);
    client.pace();
    return playing;
  }

  /** Tells a channel that packets come on. */
  expect(channel: number): void {
    this.#client?.wire.expect(channel);
  }

  /** To be called often while playing. */
  keepAlive(now: MonotonicMs): void {
    this.#keepAlive?.at(now);
  }

  send(bytes: Uint8Array): void {
    this.#client?.send(bytes);
  }

  /** No packet is handed on any more. */
  endPackets(): void {
    this.#client?.wire.endPackets();
  }

  /** Tears down what was set up and closes. */
  async close(): Promise<void> {
    this.#leaveGate?.();
    const client = this.#client;
    try {
      if (client?.session !== undefined) await this.#tearDown(client);
    } finally {
      client?.close();
    }
  }

  #connectTo(url: RtspUrl, first: RtspUrl): RtspClient {
    const { clock, random, net, credentials, tls } = this.#access;
    const { packet, failed } = this.#events;
    const client = new RtspClient({
      target: { host: url.host, port: url.port, ...(url.tls ? { tls: tls ?? {} } : {}) },
      // The password is the camera's: nobody it points to gets to see it.
      credentials: url.host === first.host ? credentials : undefined,
      clock,
      random,
      net,
      answerMs: this.#bounds.answerMs,
      packet: (channel, bytes, start, end) => packet(channel, bytes, start, end, client.readAt),
      failed,
    });
    this.#client = client;
    this.#url = url.origin + url.path;
    return client;
  }

  /** Cameras serve a handful of sessions: an abandoned one may keep us out until it times out. */
  async #tearDown(client: RtspClient): Promise<void> {
    const over = Promise.withResolvers<void>();
    const timer = this.#access.clock.after(this.#bounds.teardownMs, over.resolve);
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
