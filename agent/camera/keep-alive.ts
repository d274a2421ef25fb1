import type { MonotonicMs } from '#agent/platform/clock.ts';
import type { Log } from '#agent/platform/log.ts';
import { codeOf, Failure } from '#protocol/failure.ts';
import type { RtspClient } from './rtsp-client.ts';
import type { Playing } from './rtsp-session.ts';

/** However long the camera's timeout: routers and firewalls on the way forget sooner. */
const longestPauseMs = 30_000;
/** However short: a camera that states one second means something else. */
const shortestPauseMs = 2000;

/**
 * Keeps a camera's session alive at half its timeout: by GET_PARAMETER where OPTIONS lists it (RFC 2326 §10.8), else,
 * or once it is refused, by OPTIONS. An answer that does not come ends nothing: the media decides.
 */
export class KeepAlive {
  #client: RtspClient;
  #url: string;
  #log: Log;
  #bug: (error: unknown) => void;
  #method: 'GET_PARAMETER' | 'OPTIONS';
  #pauseMs: number;
  #lastAt: MonotonicMs;
  #asking = false;

  constructor(
    client: RtspClient,
    playing: Playing,
    now: MonotonicMs,
    log: Log,
    bug: (error: unknown) => void,
  ) {
    this.#client = client;
    this.#url = playing.url;
    this.#log = log;
    this.#bug = bug;
    this.#method = playing.getParameter ? 'GET_PARAMETER' : 'OPTIONS';
    this.#pauseMs = Math.min(Math.max(playing.timeoutMs / 2, shortestPauseMs), longestPauseMs);
    this.#lastAt = now;
  }

  /** To be called often; asks when it is time. */
  at(now: MonotonicMs): void {
    if (this.#asking || now - this.#lastAt < this.#pauseMs) return;
    this.#lastAt = now;
    this.#asking = true;
    this.#ask().catch(this.#bug);
  }

  async #ask(): Promise<void> {
    const method = this.#method;
    try {
      const { status } = await this.#client.request(method, this.#url);
      if (status >= 400) {
        this.#log.debug({ method, status }, 'keep-alive refused');
        this.#method = 'OPTIONS';
      }
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      this.#log.debug({ method, code: codeOf(error) }, 'keep-alive failed');
    } finally {
      this.#asking = false;
    }
  }
}
