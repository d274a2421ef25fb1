import { Failure } from '#protocol/failure.ts';
import { pause } from '../platform/clock.ts';
import { listenHttp } from '../platform/http.ts';
import { openPage } from '../web/page.ts';
import { guarded, type Life } from './node.ts';
import type { Sight } from './sight.ts';

const maxQuestionBytes = 4096;
/** A port that somebody else has may be free again. */
const retryMs = 30_000;

/** Serves the page where the configuration wants one. A port that cannot be had is told of, and holds nothing up. */
export function showPage(life: Life, sight: Sight): void {
  const { clock, files, config, log, scope } = life;
  const { web } = config;
  if (web === undefined) return;
  const failed = (err: unknown): void => log.error({ err }, 'the page failed');
  const closing = new AbortController();
  const page = openPage({ source: sight, clock, files, zone: config.zone, failed });
  const serve = async (): Promise<void> => {
    let told = false;
    while (!closing.signal.aborted)
      try {
        const listening = await listenHttp(web, page.answer, { maxBodyBytes: maxQuestionBytes, failed });
        log.info({ host: web.host, port: listening.port }, 'the page is there');
        await new Promise<void>((resolve) => {
          if (closing.signal.aborted) return resolve();
          closing.signal.addEventListener('abort', () => resolve(), { once: true });
        });
        await listening.close();
      } catch (error) {
        if (!(error instanceof Failure)) throw error;
        if (!told) log.error({ code: error.code, why: error.message }, 'there is no page');
        told = true;
        await pause(clock, retryMs, closing.signal);
      }
  };
  const serving = guarded(life, serve());
  scope.defer(async () => {
    closing.abort();
    await serving;
    page.close();
  });
}
