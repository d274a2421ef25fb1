import { fileURLToPath } from 'node:url';
import type { Clock } from '../platform/clock.ts';
import type { Files } from '../platform/files.ts';
import type { Answer, Asked, Reply } from '../platform/http.ts';
import { version } from '../platform/node-version.ts';
import { pageFiles, pageHeaders } from '../view/document.ts';
import { openLive } from '../view/live.ts';
import { metricsText, metricsType } from '../view/metrics.ts';
import type { Lang } from '../view/states.ts';
import { weekMs } from '../view/strip.ts';
import { emptyHistory, sampleMs } from './history.ts';
import { type LocalSource, type LocalStatus, localStatus } from './local.ts';
import { sitePage } from './site-page.ts';
import { type SiteView, siteParts } from './site-parts.ts';

export interface Page {
  answer: Answer;
  close(): void;
}

const liveEveryMs = 2000;
/** A technician's laptop and a phone or two. */
const mostWatchers = 12;
const maxFileBytes = 256 * 1024;

/**
 * The agent's page, its metrics and its sign of life, for a listener on loopback. Whoever asks by another name than
 * loopback's is refused: a page of somebody else must not reach this one through the reader's browser (DNS rebinding).
 */
export function openPage(parts: {
  source: LocalSource;
  clock: Clock;
  files: Files;
  /** IANA; times are shown by the clocks of the place. */
  zone: string;
  failed(error: unknown): void;
}): Page {
  const { source, clock, files } = parts;
  const history = emptyHistory();
  const status = async (): Promise<LocalStatus> => localStatus.parse(await source.status());
  const viewOf = async (lang: Lang): Promise<SiteView> => {
    const nowUtc = clock.utc();
    return {
      form: { lang, zone: parts.zone },
      nowUtc,
      status: await status(),
      weeks: source.weeks(nowUtc - weekMs, nowUtc),
      history,
    };
  };
  const live = openLive<Lang>({
    render: async (lang) => siteParts(await viewOf(lang)),
    after: clock.after,
    everyMs: liveEveryMs,
    made: version,
    most: mostWatchers,
    failed: parts.failed,
  });
  let closed = false;
  let timer = clock.after(0, sample);
  function sample(): void {
    status()
      .then((now) => history.add(figuresOf(now)))
      .catch(parts.failed)
      .finally(() => {
        if (!closed) timer = clock.after(sampleMs, sample);
      });
  }

  const text = (code: number, said: string): Reply => ({
    status: code,
    type: 'text/plain; charset=utf-8',
    headers: pageHeaders,
    body: `${said}\n`,
  });
  const file = async (path: string): Promise<Reply | undefined> => {
    const found = Object.hasOwn(pageFiles, path) ? pageFiles[path] : undefined;
    if (found === undefined) return undefined;
    const place = fileURLToPath(new URL(`../view/${found.file}`, import.meta.url));
    return {
      status: 200,
      type: found.type,
      headers: { ...pageHeaders, 'cache-control': 'no-cache' },
      body: await files.read(place, maxFileBytes),
    };
  };

  return {
    async answer(asked) {
      if (!fromLoopback(asked)) return text(421, 'ask for this page by a loopback name, such as localhost');
      if (asked.method !== 'GET' && asked.method !== 'HEAD') return text(405, 'method not allowed');
      switch (asked.path) {
        case '/': {
          const lang = langOf(asked) ?? (await status()).lang;
          return {
            status: 200,
            type: 'text/html; charset=utf-8',
            headers: pageHeaders,
            body: sitePage(await viewOf(lang)),
          };
        }
        case '/live': {
          if (live.watchers() >= mostWatchers) return text(503, 'too many are watching');
          const lang = langOf(asked) ?? (await status()).lang;
          return {
            status: 200,
            type: 'text/event-stream',
            headers: pageHeaders,
            tell: (watcher) => void live.watch(lang, watcher),
          };
        }
        case '/metrics': {
          const { node, version, health, alerts } = await status();
          return {
            status: 200,
            type: metricsType,
            headers: pageHeaders,
            body: await metricsText([{ node, version, health, alerts }]),
          };
        }
        case '/healthz': {
          const { node, version, alerts } = await status();
          return {
            status: 200,
            type: 'application/json',
            headers: pageHeaders,
            body: `${JSON.stringify({ node, version, alerts: alerts.length })}\n`,
          };
        }
        default:
          return (await file(asked.path)) ?? text(404, 'not found');
      }
    },
    close() {
      closed = true;
      timer.cancel();
      live.close();
    },
  };
}

function langOf({ query }: Asked): Lang | undefined {
  const asked = query.get('lang');
  return asked === 'it' || asked === 'en' ? asked : undefined;
}

function fromLoopback({ headers }: Asked): boolean {
  return /^(?:localhost|127\.0\.0\.1|\[::1\])(?::\d{1,5})?$/.test(String(headers['host'] ?? ''));
}

function figuresOf({ health }: LocalStatus): ReadonlyMap<string, number> {
  const figures = new Map<string, number>();
  for (const { id, bitrate, fps } of health.cameras ?? []) {
    figures.set(`${id} bitrate`, bitrate);
    figures.set(`${id} fps`, fps ?? 0);
  }
  for (const { id, lossPercent, delayMs } of health.links) {
    if (lossPercent !== undefined) figures.set(`link ${id} loss`, lossPercent);
    if (delayMs !== undefined) figures.set(`link ${id} delay`, delayMs);
  }
  return figures;
}
