import { type Clock, pause } from '#agent/platform/clock.ts';
import { type Answer, type Listen, listenHttp } from '#agent/platform/http.ts';
import type { Log } from '#agent/platform/log.ts';
import { Failure, sentenceOf } from '#protocol/failure.ts';

/** A request with 64 cameras and a long reason. */
const maxFormBytes = 32 * 1024;
const maxConnections = 256;
/** A port that somebody else has may be free again. */
const retryMs = 30_000;

export interface Listening {
  /** Undefined while the port cannot be had. */
  url(): string | undefined;
  /** Resolves when it listens no more, after `signal`. */
  ended: Promise<void>;
}

/** Listens until `signal`; resolves once that was tried. A port that cannot be had is told of, and tried again. */
export async function keepListening(parts: {
  at: Extract<Listen, { host: string }>;
  answer: Answer;
  clock: Clock;
  log: Log;
  failed(error: unknown): void;
  signal: AbortSignal;
}): Promise<Listening> {
  const { at, answer, clock, log, failed, signal } = parts;
  let url: string | undefined;
  const tried = Promise.withResolvers<void>();
  const serve = async (): Promise<void> => {
    while (!signal.aborted)
      try {
        const server = await listenHttp(at, answer, { maxBodyBytes: maxFormBytes, maxConnections, failed });
        const host = at.host.includes(':') ? `[${at.host}]` : at.host;
        url = `${at.tls ? 'https' : 'http'}://${host}:${server.port}`;
        log.info({ url }, 'the page is there');
        tried.resolve();
        await untilAborted(signal);
        await server.close();
      } catch (error) {
        if (!(error instanceof Failure)) throw error;
        log.error({ why: sentenceOf(error) }, 'there is no page');
        tried.resolve();
        await pause(clock, retryMs, signal);
      }
  };
  const ended = serve();
  await Promise.race([tried.promise, ended]);
  return { url: () => url, ended };
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
