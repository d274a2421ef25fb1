import { Authenticator } from '#agent/platform/authenticator.ts';
import type { Clock, MonotonicMs, Timer } from '#agent/platform/clock.ts';
import type { Connection, Net, Target } from '#agent/platform/net.ts';
import type { Random } from '#agent/platform/random.ts';
import { codeOf, Failure } from '#protocol/failure.ts';
import type { Credentials } from './ingest.ts';
import { formatRequest, type RtspMessage } from './rtsp-message.ts';
import { RtspWire } from './rtsp-wire.ts';

export type Response = Extract<RtspMessage, { kind: 'response' }>;
type Fields = readonly (readonly [string, string])[];

export interface ClientOptions {
  target: Target;
  credentials: Credentials | undefined;
  clock: Clock;
  random: Random;
  net: Net;
  /** Longest wait for the connection, and for each answer. */
  answerMs: number;
  /** One interleaved packet, valid until this returns. May throw a `Failure`, which ends the connection. */
  packet(channel: number, bytes: Buffer, start: number, end: number): void;
  /** The connection is of no more use; told once, and never after `close`. */
  failed(error: unknown): void;
}

/** Challenge, stale nonce, and one to spare. */
const maxRounds = 3;
const userAgent = 'Peio-Agent';

interface Waiting {
  resolve(response: Response): void;
  reject(error: unknown): void;
  timer: Timer;
}

/** One RTSP connection: questions with their answers (RFC 2326), authentication, and packets in between. */
export class RtspClient {
  /** Bytes received. */
  bytes = 0;
  /** When the bytes that are being handed on were read. */
  readAt = 0 as MonotonicMs;
  /** Sent with every request once the camera gave one. */
  session: string | undefined;
  readonly wire: RtspWire;
  #options: ClientOptions;
  #connection: Connection | undefined;
  #auth: Authenticator | undefined;
  #sequence = 0;
  #waiting = new Map<number, Waiting>();
  #over: unknown;

  constructor(options: ClientOptions) {
    this.#options = options;
    if (options.credentials) this.#auth = new Authenticator(options.credentials, options.random);
    this.wire = new RtspWire({
      packet: (channel, bytes, start, end) => options.packet(channel, bytes, start, end),
      message: (message) => this.#message(message),
    });
  }

  /** Throws `no-connection`. */
  async connect(signal: AbortSignal): Promise<void> {
    const { clock, net, target, answerMs } = this.#options;
    const stop = new AbortController();
    const late = clock.after(answerMs, () => stop.abort(new Error(`no connection within ${answerMs} ms`)));
    try {
      this.#connection = await net.connect(
        target,
        {
          data: (bytes, length) => this.#data(bytes, length),
          ended: (error) => this.#fail(noConnection('the camera closed the connection', error)),
        },
        AbortSignal.any([signal, stop.signal]),
      );
    } catch (error) {
      throw noConnection(`no connection to ${target.host} port ${target.port} (${codeOf(error)})`, error);
    } finally {
      late.cancel();
    }
    if (this.#over === undefined) return;
    this.#connection.close('abort'); // Closed while it was being opened.
    throw this.#over;
  }

  /**
   * Sends a request and gives its answer, whatever its status but 401: throws `auth-failed` when the camera wants other
   * credentials or any, `no-connection` when no answer comes or the connection ends.
   */
  async request(method: string, url: string, fields: Fields = []): Promise<Response> {
    for (let round = 1; ; round++) {
      const authorisation = this.#auth?.authorise(method, url);
      const response = await this.#exchange(method, url, authorisation, fields);
      if (response.status !== 401) {
        if (authorisation !== undefined) this.#auth?.accepted();
        return response;
      }
      if (!this.#auth)
        throw new Failure('transient', 'auth-failed', 'the camera wants credentials and none are set');
      const again = this.#auth.challenged(
        response.headers.all('www-authenticate'),
        authorisation !== undefined,
      );
      if (!again || round === maxRounds)
        throw new Failure('transient', 'auth-failed', 'the camera refuses the credentials');
    }
  }

  /** The two ends of the connection, as numbers; empty before there is one. */
  get ends(): { local: string; remote: string } {
    return { local: this.#connection?.local ?? '', remote: this.#connection?.remote ?? '' };
  }

  /** From now on mostly packets come. */
  pace(): void {
    this.#connection?.pace();
  }

  send(bytes: Uint8Array): void {
    this.#connection?.write(bytes);
  }

  /** Ends everything; requests without an answer reject, nothing is told any more. */
  close(): void {
    if (this.#over === undefined) this.#connection?.close();
    this.#end(new Failure('transient', 'no-connection', 'the connection was closed'));
  }

  #exchange(
    method: string,
    url: string,
    authorisation: string | undefined,
    fields: Fields,
  ): Promise<Response> {
    return new Promise((resolve, reject) => {
      if (this.#over !== undefined || !this.#connection) return reject(this.#over);
      const sequence = ++this.#sequence;
      const timer = this.#options.clock.after(this.#options.answerMs, () => {
        this.#waiting.delete(sequence);
        reject(noConnection(`no answer to ${method} within ${this.#options.answerMs} ms`, undefined));
      });
      this.#waiting.set(sequence, { resolve, reject, timer });
      this.#connection.write(
        formatRequest(method, url, [
          ['CSeq', String(sequence)],
          ['User-Agent', userAgent],
          ...(this.session === undefined ? [] : [['Session', this.session] as const]),
          ...(authorisation === undefined ? [] : [['Authorization', authorisation] as const]),
          ...fields,
        ]),
      );
    });
  }

  #data(bytes: Buffer, length: number): void {
    if (this.#over !== undefined) return;
    this.bytes += length;
    this.readAt = this.#options.clock.monotonic();
    try {
      this.wire.push(bytes, length);
    } catch (error) {
      this.#fail(error);
    }
  }

  #message(message: RtspMessage): void {
    if (message.kind === 'request') {
      this.#asked(message.method, message.headers.get('cseq'));
      return;
    }
    const stated = message.headers.get('cseq');
    // Some cameras leave the number out: then the answer belongs to the oldest question.
    const sequence = stated === undefined ? this.#waiting.keys().next().value : Number.parseInt(stated, 10);
    const waiting = sequence === undefined ? undefined : this.#waiting.get(sequence);
    if (sequence === undefined || !waiting || message.status < 200) return; // Late, or a 100 Continue.
    this.#waiting.delete(sequence);
    waiting.timer.cancel();
    waiting.resolve(message);
  }

  /** Cameras ask OPTIONS or GET_PARAMETER to see whether we live; a redirect or teardown from them ends the session. */
  #asked(method: string, sequence: string | undefined): void {
    const known = method === 'OPTIONS' || method.endsWith('_PARAMETER');
    const status = known ? '200 OK' : '501 Not Implemented';
    const number = /^\d{1,10}$/.test(sequence ?? '') ? sequence : '0';
    this.#connection?.write(`RTSP/1.0 ${status}\r\nCSeq: ${number}\r\n\r\n`);
    if (method === 'TEARDOWN' || method === 'REDIRECT')
      this.#fail(new Failure('transient', 'stream-error', `the camera ended the session with ${method}`));
  }

  #fail(error: unknown): void {
    if (this.#over !== undefined) return;
    this.#end(error);
    this.#connection?.close('abort');
    this.#options.failed(error);
  }

  #end(error: unknown): void {
    this.#over ??= error;
    this.wire.end();
    for (const { reject, timer } of this.#waiting.values()) {
      timer.cancel();
      reject(error);
    }
    this.#waiting.clear();
  }
}

function noConnection(sentence: string, cause: unknown): Failure {
  return new Failure('transient', 'no-connection', sentence, { cause });
}
