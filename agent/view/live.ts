/** Whoever looks at a page that changes while they look. */
export interface Watcher {
  write(text: string): void;
  gone: AbortSignal;
}

/** The changing parts of a page: HTML by the id of the element it is in. */
export type Parts = ReadonlyMap<string, string>;

export interface Live<View> {
  /** False when there are too many watchers already. */
  watch(view: View, watcher: Watcher): boolean;
  watchers(): number;
  close(): void;
}

/** A page that has heard nothing for thrice this long says so. */
const beatEvery = 5;

/**
 * Tells watchers what changed, as server-sent events: `made` at the beginning, `part` with `{id, html}`, `beat` when
 * nothing changed for a while. A view is rendered once for all who look at it, and not at all while nobody does. The first look at a part
 * is always told, since the page may have changed since it was loaded.
 */
export function openLive<View>(options: {
  render(view: View): Promise<Parts>;
  after(pauseMs: number, then: () => void): { cancel(): void };
  everyMs: number;
  most: number;
  /** What serves the page, by its version: a page that comes back to another one loads itself anew. */
  made: string;
  /** A view could not be rendered: a bug. */
  failed(error: unknown): void;
}): Live<View> {
  const watchers = new Map<Watcher, { view: View; told: Map<string, string>; silent: number }>();
  let timer: { cancel(): void } | undefined;
  let closed = false;

  const round = async (): Promise<void> => {
    const views = new Set([...watchers.values()].map(({ view }) => view));
    for (const view of views) {
      const parts = await options.render(view);
      for (const [watcher, seen] of watchers) if (seen.view === view) tell(watcher, seen, parts);
    }
  };
  const tell = (
    watcher: Watcher,
    seen: { told: Map<string, string>; silent: number },
    parts: Parts,
  ): void => {
    let text = '';
    for (const [id, html] of parts) {
      if (seen.told.get(id) === html) continue;
      seen.told.set(id, html);
      text += `event: part\ndata: ${JSON.stringify({ id, html })}\n\n`;
    }
    seen.silent = text === '' ? seen.silent + 1 : 0;
    if (seen.silent >= beatEvery) {
      seen.silent = 0;
      text = 'event: beat\ndata:\n\n';
    }
    if (text !== '') watcher.write(text);
  };
  const schedule = (pauseMs: number): void => {
    if (closed || timer !== undefined || watchers.size === 0) return;
    timer = options.after(pauseMs, () => {
      round()
        .catch(options.failed)
        .finally(() => {
          timer = undefined;
          schedule(options.everyMs);
        });
    });
  };
  return {
    watch(view, watcher) {
      if (closed || watchers.size >= options.most || watcher.gone.aborted) return false;
      watchers.set(watcher, { view, told: new Map(), silent: 0 });
      watcher.gone.addEventListener('abort', () => watchers.delete(watcher), { once: true });
      watcher.write(`retry: 3000\nevent: made\ndata: ${options.made}\n\n`);
      schedule(0);
      return true;
    },
    watchers: () => watchers.size,
    close() {
      closed = true;
      timer?.cancel();
      watchers.clear();
    },
  };
}
