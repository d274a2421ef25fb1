import { join } from 'node:path';
import type { Clock } from '#agent/platform/clock.ts';
import type { Files } from '#agent/platform/files.ts';
import type { Answer, Asked, Reply, Told } from '#agent/platform/http.ts';
import type { Log } from '#agent/platform/log.ts';
import { pageFiles, pageHeaders } from '#agent/view/document.ts';
import { openLive } from '#agent/view/live.ts';
import { metricsText, metricsType } from '#agent/view/metrics.ts';
import type { Lang } from '#agent/view/states.ts';
import type { Form } from '#agent/view/times.ts';
import { Failure } from '#protocol/failure.ts';
import type { Alarms } from '../alarms/alarms.ts';
import type { RequestRecord } from '../register/requests.ts';
import { inRounds } from '../rounds.ts';
import { version } from '../server/version.ts';
import { readNamed, type Settings } from '../settings.ts';
import { shelfHours } from './alert-list.ts';
import { openDisplays } from './displays.ts';
import { alertsFor } from './fleet-view.ts';
import { loginPage, overviewPage, plainPage, registerPage } from './hub-pages.ts';
import { hubParts } from './hub-parts.ts';
import { type HubSource, hubView, nodeRows } from './hub-source.ts';
import type { Seer } from './hub-view.ts';
import { keepListening } from './keep-listening.ts';
import { openLogins } from './logins.ts';
import { nodePage, nodeParts } from './node-page.ts';
import { openPasswordTries } from './password-tries.ts';
import { type DeskAnswer, openRequestDesk } from './request-desk.ts';
import { displayMs, openSessions, type Session, sameToken } from './sessions.ts';
import { isHere, isLoopback, isReachable, knownHost, sameSite, splitHost, tokenOf } from './web-address.ts';
import { pageWords } from './words.ts';

export interface HubPage {
  /** Undefined while the port cannot be had. */
  url(): string | undefined;
  close(): Promise<void>;
}

const maxFileBytes = 256 * 1024;
const liveEveryMs = 2000;
const mostWatchers = 100;
const keepEveryMs = 5000;

const ownFiles: Readonly<Record<string, { file: string; type: string }>> = {
  '/hub.css': { file: 'browser/hub.css', type: 'text/css; charset=utf-8' },
};

/** `data/logins.json` */
export function loginsPath(dir: string): string {
  return join(dir, 'data', 'logins.json');
}

/** `data/displays.json` */
export function displaysPath(dir: string): string {
  return join(dir, 'data', 'displays.json');
}

/**
 * Throws `config` `web-open` where hub.yaml would have the page reach beyond loopback without TLS or without logins. A
 * proxy before it has the TLS, and its address in `web.origins`.
 */
export async function requireGuarded(settings: Settings, files: Files): Promise<void> {
  const { web } = settings;
  if (web === undefined || !isReachable(web)) return;
  const secure = isLoopback(splitHost(web.listen)[0])
    ? web.origins.every((origin) => origin.startsWith('https:'))
    : web.cert !== undefined && web.key !== undefined;
  if (secure && (await openLogins(files, loginsPath(settings.dir)).all()).length > 0) return;
  throw new Failure(
    'config',
    'web-open',
    `hub.yaml: web (${[web.listen, ...web.origins].join(', ')}) reaches beyond loopback: give web.cert and web.key, or https:// in web.origins, and add logins with "hub login add"`,
  );
}

/**
 * The town hall's page where hub.yaml wants one; what {@link requireGuarded} throws was asked before. A port that
 * cannot be had is told of, and tried again: the page takes nothing else of the hub with it.
 */
export async function openHubPage(parts: {
  settings: Settings;
  source: HubSource;
  alerts: Alarms;
  /** Puts a request into the register; its number. */
  enter(by: string, record: RequestRecord): Promise<string>;
  files: Files;
  clock: Clock;
  log: Log;
}): Promise<HubPage | undefined> {
  const { settings, source, files, clock, log } = parts;
  const { web } = settings;
  if (web === undefined) return undefined;
  const logins = openLogins(files, loginsPath(settings.dir));
  const [host, port] = splitHost(web.listen);
  const [cert, key] = [readNamed(settings, web.cert), readNamed(settings, web.key)];
  const tls = cert !== undefined && key !== undefined ? { cert, key } : undefined;
  const failed = (err: unknown): void => log.error({ err }, 'the page failed');
  const sessions = openSessions(clock);
  const tries = openPasswordTries({ logins, clock, log });
  const cookie = tls ? '__Host-peio' : 'peio';
  const live = openLive<string>({
    render: async (text) => {
      const seer = JSON.parse(text) as Seer;
      const view = await hubView(source, seer);
      const node = view.nodes.find(({ id }) => id === seer.node);
      if (node) return nodeParts(view, node, nodeRows(source, view, node));
      // A node that the policy names no longer has nothing new.
      return seer.node === undefined ? hubParts(view) : new Map();
    },
    after: clock.after,
    everyMs: liveEveryMs,
    made: version,
    most: mostWatchers,
    failed,
  });
  const desk = openRequestDesk(source, parts.enter);
  const closing = new AbortController();
  const displays = openDisplays(files, displaysPath(settings.dir));
  // Before anybody is answered: a screen that asks is not turned away.
  try {
    sessions.restore(await displays.read(), await logins.all());
  } catch (error) {
    failed(error);
  }
  inRounds(clock, keepEveryMs, closing.signal, () => {
    logins
      .all()
      .then(sessions.keep)
      .then(() => displays.keep(sessions.displays()))
      .catch(failed);
  });

  const reply = (status: number, type: string, body: string | Buffer, headers = {}): Reply => ({
    status,
    type,
    headers: { ...pageHeaders, ...headers },
    body,
  });
  const text = (status: number, said: string): Reply =>
    reply(status, 'text/plain; charset=utf-8', `${said}\n`);
  const page = (body: string, status = 200): Reply => reply(status, 'text/html; charset=utf-8', body);
  const goTo = (location: string, headers = {}): Reply =>
    reply(303, 'text/plain', '', { location, ...headers });
  const isSecure = ({ headers }: Asked): boolean =>
    tls !== undefined || web.origins.includes(`https://${headers['host']}`);
  const setCookie = (asked: Asked, value: string, more = ''): Record<string, string> => ({
    'set-cookie': `${cookie}=${value}; Path=/; HttpOnly; SameSite=Strict${isSecure(asked) ? '; Secure' : ''}${more}`,
  });

  async function logIn(asked: Asked): Promise<Reply> {
    const lang = langOf(asked, settings);
    const form = new URLSearchParams(asked.body.toString('utf8'));
    const name = (form.get('name') ?? '').slice(0, 64);
    const t = pageWords[lang];
    const refused = (status: number, why: string): Reply =>
      page(loginPage({ lang, zone: settings.zone }, why), status);
    if (!sameSite(asked)) return text(403, 'this form is not from this page');
    const tried = await tries.check(name, form.get('password') ?? '', asked.address);
    if (tried === 'wrong') return refused(403, t.wrong);
    if ('waitMs' in tried) return refused(429, t.wait(Math.max(1, Math.ceil(tried.waitMs / 1000))));
    const { login } = tried;
    sessions.end(tokenOf(asked, cookie) ?? '');
    log.info({ name: login.name, role: login.role, address: asked.address }, 'logged in');
    const token = sessions.begin(login);
    // What cannot be written now is with the next look.
    await displays.keep(sessions.displays()).catch(failed);
    // Of a display the browser remembers it: its power fails, too.
    return goTo(
      `/?lang=${lang}`,
      setCookie(asked, token, login.display ? `; Max-Age=${displayMs / 1000}` : ''),
    );
  }

  async function post(asked: Asked, session: Session | undefined): Promise<Reply> {
    if (asked.path === '/login') return await logIn(asked);
    const form = new URLSearchParams(asked.body.toString('utf8'));
    if (session === undefined) return goTo('/login');
    if (!sameSite(asked) || !sameToken(session, form.get('csrf')))
      return text(403, 'this form is not from this page');
    if (session.display && asked.path !== '/logout')
      return text(403, pageWords[langOf(asked, settings)].display);
    switch (asked.path) {
      case '/logout':
        sessions.end(tokenOf(asked, cookie) ?? '');
        await displays.keep(sessions.displays()).catch(failed);
        return goTo('/login', setCookie(asked, '', '; Max-Age=0'));
      case '/ack':
      case '/shelve':
      case '/unshelve':
        await setAlert(asked.path, form.get('alert') ?? '', session);
        return goTo(`${backOf(asked)}lang=${langOf(asked, settings)}#alerts-title`);
      case '/request':
        return await atDesk(asked, session, () => desk.take(form, formOf(asked), session));
      default:
        return text(404, 'not found');
    }
  }

  const formOf = (asked: Asked): Form => ({ lang: langOf(asked, settings), zone: settings.zone });
  /** The maintainer's role is told of no request, and enters none. */
  async function atDesk(asked: Asked, session: Session, work: () => Promise<DeskAnswer>): Promise<Reply> {
    const form = formOf(asked);
    if (session.role === 'maintainer') return text(403, pageWords[form.lang].role.maintainer);
    const answer = await work();
    if ('goTo' in answer) return goTo(answer.goTo);
    if ('part' in answer) return page(answer.part.text);
    return page(plainPage(form, session, answer));
  }

  /** What a role does not see it does not change either; what is over in the meantime needs nothing. */
  async function setAlert(
    act: '/ack' | '/shelve' | '/unshelve',
    value: string,
    session: Session,
  ): Promise<void> {
    const { alerts } = parts;
    const visible = (id: string): boolean =>
      alertsFor(session.role, alerts.list()).some((alarm) => alarm.id === id);
    if (act === '/shelve') {
      const [, count = '', id = ''] = /^(\d+) (.+)$/.exec(value) ?? [];
      const hours = Number(count);
      if (shelfHours.includes(hours) && visible(id)) await alerts.shelve(id, session.name, hours * 3_600_000);
    } else if (visible(value))
      await (act === '/ack' ? alerts.acknowledge(value, session.name) : alerts.unshelve(value, session.name));
  }

  /** A node that there is, where one is asked for: nothing else becomes a view of its own. */
  const nodeOf = ({ query }: Asked): string | undefined =>
    source.fleet.nodes().find(({ id }) => id === query.get('node'))?.id;
  const backOf = (asked: Asked): string => {
    const node = nodeOf(asked);
    return node === undefined ? '/?' : `/node?id=${node}&`;
  };

  async function get(asked: Asked, session: Session | undefined, open: boolean): Promise<Reply | Told> {
    const lang = langOf(asked, settings);
    const form = { lang, zone: settings.zone };
    const seer: Seer = {
      role: session?.role ?? 'maintainer',
      lang,
      acts: session !== undefined && !session.display,
    };
    switch (asked.path) {
      case '/login':
        return page(loginPage(form, undefined));
      case '/healthz':
        return reply(200, 'application/json', '{"ok":true}\n');
      case '/metrics':
        // Whoever scrapes from this machine; from elsewhere this page is for people.
        return isHere(asked) ? await metrics() : text(404, 'not found');
      case '/':
        if (!open) return goTo(`/login?lang=${lang}`);
        return page(overviewPage(await hubView(source, seer), session));
      case '/node': {
        if (!open) return goTo(`/login?lang=${lang}`);
        const view = await hubView(source, seer);
        const node = view.nodes.find(({ id }) => id === asked.query.get('id'));
        if (node === undefined) return text(404, 'not found');
        return page(nodePage(view, node, nodeRows(source, view, node), session));
      }
      case '/register':
        if (!open) return goTo(`/login?lang=${lang}`);
        if (seer.role === 'maintainer') return text(403, pageWords[lang].role.maintainer);
        return page(registerPage(seer, form, source.register.lines(), settings, session, beforeOf(asked)));
      case '/request':
        if (session === undefined)
          return open ? text(403, pageWords[lang].readOnly) : goTo(`/login?lang=${lang}`);
        return await atDesk(asked, session, () => desk.show(asked.query, form, session));
      case '/live':
        if (!open) return text(401, 'log in first');
        if (live.watchers() >= mostWatchers) return text(503, 'too many are watching');
        return {
          status: 200,
          type: 'text/event-stream',
          headers: pageHeaders,
          tell(watcher) {
            session?.ended.addEventListener('abort', watcher.end, { once: true });
            watcher.gone.addEventListener('abort', () =>
              session?.ended.removeEventListener('abort', watcher.end),
            );
            const node = nodeOf(asked);
            live.watch(JSON.stringify({ ...seer, ...(node !== undefined && { node }) }), watcher);
          },
        };
      default:
        return (await file(asked.path)) ?? text(404, 'not found');
    }
  }

  async function metrics(): Promise<Reply> {
    const alerts = alertsFor('maintainer', parts.alerts.raised());
    const measured = source.fleet.nodes().map(({ id, state, version, health }) => ({
      node: id,
      version,
      health,
      ...(state === 'unknown' ? {} : { online: state === 'online' }),
      alerts: alerts.filter(({ node }) => node === id),
    }));
    return reply(200, metricsType, await metricsText(measured));
  }

  async function file(path: string): Promise<Reply | undefined> {
    const [found, folder] = Object.hasOwn(ownFiles, path)
      ? [ownFiles[path], import.meta.dirname]
      : [Object.hasOwn(pageFiles, path) ? pageFiles[path] : undefined, viewFolder];
    if (found === undefined) return undefined;
    const body = await files.read(join(folder, found.file), maxFileBytes);
    return reply(200, found.type, body, { 'cache-control': 'no-cache' });
  }

  const answer: Answer = async (asked) => {
    if (tls === undefined && !knownHost(asked, web.origins))
      return text(421, 'ask for this page by a loopback name, or name its address in web.origins');
    const session = sessions.find(tokenOf(asked, cookie));
    if (asked.method === 'POST') return await post(asked, session);
    if (asked.method !== 'GET' && asked.method !== 'HEAD') return text(405, 'method not allowed');
    // Without a single login the page shows on loopback what the maintainer may see, and changes nothing.
    const open = session !== undefined || (!isReachable(web) && (await logins.all()).length === 0);
    return await get(asked, session, open);
  };

  const at = { host, port, ...(tls ? { tls } : {}) };
  const listening = await keepListening({ at, answer, clock, log, failed, signal: closing.signal });
  return {
    url: () => listening.url(),
    async close() {
      closing.abort();
      live.close();
      await listening.ended;
    },
  };
}

const viewFolder = join(import.meta.dirname, '..', '..', '..', 'agent', 'view');

/** A line of the register; every one when none is named. */
function beforeOf({ query }: Asked): number {
  return Number(query.get('before') ?? '') || Number.POSITIVE_INFINITY;
}

function langOf({ query }: Asked, settings: Settings): Lang {
  const asked = query.get('lang');
  return asked === 'it' || asked === 'en' ? asked : settings.lang;
}
