import { causeWords, isCause } from '../view/causes.ts';
import { shape, sinceTime, stateWord } from '../view/document.ts';
import { bitRate, byteSize, number } from '../view/figures.ts';
import { type Html, html } from '../view/html.ts';
import type { Parts } from '../view/live.ts';
import { spark } from '../view/spark.ts';
import type { State } from '../view/states.ts';
import { isGap, type Piece, piecesOf, type Rows, weekMs } from '../view/strip.ts';
import { stripBox } from '../view/strip-svg.ts';
import { elapsed, exactly, type Form, lasting, moment } from '../view/times.ts';
import { deviceFacts, hostFacts } from './device-facts.ts';
import type { History } from './history.ts';
import type { LocalStatus } from './local.ts';
import {
  aboutOf,
  type Camera,
  cameraName,
  checksText,
  firstSentence,
  gravestFirst,
  type Seen,
  saidOf,
  stateSince,
  worstFirst,
} from './site-summary.ts';
import { type SiteWords, siteWords } from './site-words.ts';

/** Everything the page of a site shows, at one moment. */
export interface SiteView {
  form: Form;
  nowUtc: number;
  status: Seen;
  /** What the store knows of each camera, reaching back a week. */
  weeks: ReadonlyMap<string, Rows>;
  history: History;
}

type Link = LocalStatus['health']['links'][number];

/** Gaps listed below a strip; the newest first. */
const mostListed = 100;
const severityState = { critical: 'failing', warning: 'degraded', info: 'unknown' } as const;

/** The changing parts of the page, by the id of their element. */
export function siteParts(view: SiteView): Parts {
  return new Map(
    Object.entries({
      first: html`${firstSentence(view.status, view.nowUtc, view.form.lang)}`,
      alerts: alertList(view),
      cameras: cameraList(view),
      links: linkList(view),
      box: boxFacts(view),
    }).map(([id, { text }]) => [id, text]),
  );
}

function alertList({ status, nowUtc, form }: SiteView): Html {
  const t = siteWords[form.lang];
  if (status.alerts.length === 0) return html`<p class="soft">${t.noAlerts}</p>`;
  return html`<ul class="alerts">${gravestFirst(status.alerts).map((alert) => {
    const said = saidOf(alert, form.lang);
    return html`<li id="alert-${alert.key}">${shape(severityState[alert.severity])}<div class="what" lang="${said === undefined ? status.lang : form.lang}">${aboutOf(status, alert)}${said ?? alert.detail} <code>${alert.key}</code></div>${sinceTime(alert.since, nowUtc, form)}</li>`;
  })}</ul>`;
}

function cameraList(view: SiteView): Html {
  const { status } = view;
  return html`${worstFirst(status).map(({ camera, state }) => cameraArticle(view, camera, state))}`;
}

function cameraArticle(view: SiteView, camera: Camera, state: State): Html {
  const { form, nowUtc, status, history } = view;
  const t = siteWords[form.lang];
  const { lang } = form;
  const window = { from: nowUtc - weekMs, to: nowUtc };
  const rows = view.weeks.get(camera.id) ?? { recorded: [], gaps: [], now: 'unexplained' };
  const pieces = piecesOf(window, rows);
  const name = cameraName(status, camera.id);
  const why = camera.state === 'recording' ? undefined : camera.reason;
  const curve = (figure: string, say: (value: number) => string): Html => {
    const values = history.curve(`${camera.id} ${figure}`);
    const known = values.filter((value) => value !== undefined);
    return spark(values, t.curve(say(Math.min(...known)), say(Math.max(...known))));
  };
  const stateAt = stateSince(camera);
  const size = camera.width && camera.height ? ` ${camera.width}×${camera.height}` : '';
  return html`<article class="camera" id="camera-${camera.id}">
<div class="head"><h3>${status.names?.[camera.id] ?? camera.id} <small>${camera.id}</small></h3><p class="said">${status.unheard ? stateWord('unknown', lang) : html`${stateWord(state, lang)}, ${t.state[camera.state]}${stateAt !== undefined && html` ${sinceTime(stateAt, nowUtc, form)}`}${why !== undefined && html`, ${isCause(why) ? causeWords(why, lang) : ''} <code>${why}</code>`}`}</p></div>
${stripBox(`strip-${camera.id}`, { ...form, window, pieces, name, heightPx: 40, days: true, apartMs: 60_000 })}
<dl class="facts">
<div><dt>${t.bitrate}</dt><dd>${bitRate(camera.bitrate, lang)}</dd>${curve('bitrate', (value) => bitRate(value, lang))}</div>
<div><dt>${t.fps}</dt><dd>${number(camera.fps ?? 0, lang)}</dd>${curve('fps', (value) => number(value, lang))}</div>
<div><dt>${t.newest}</dt><dd>${
    camera.newestSegment === undefined
      ? t.none
      : html`<time title="${exactly(camera.newestSegment, form)}">${t.ago(elapsed(nowUtc - camera.newestSegment, lang))}</time>`
  }</dd></div>
${camera.codec !== undefined && html`<div><dt>${t.format}</dt><dd>${camera.codec}${size}${(camera.lostPackets ?? 0) > 0 && `, ${t.lost(number(camera.lostPackets ?? 0, lang))}`}</dd></div>`}
${camera.picture !== undefined && html`<div><dt>${t.picture}</dt><dd>${t.verdict[camera.picture]}</dd></div>`}
${deviceFacts(camera, form)}
</dl>
${gapTable(pieces, form, t, `gaps-${camera.id}`)}
</article>`;
}

function gapTable(pieces: readonly Piece[], form: Form, t: SiteWords, id: string): Html {
  // That a node is silent now interrupts nothing that anybody knows of.
  const gaps = pieces
    .filter(isGap)
    .filter(({ what }) => what !== 'unheard')
    .reverse();
  if (gaps.length === 0) return html``;
  const rest = gaps.length - mostListed;
  return html`<details id="${id}"><summary>${t.interruptions(gaps.length)}</summary><table><thead><tr>${t.gapHead.map((head) => html`<th scope="col">${head}</th>`)}</tr></thead><tbody>${gaps
    .slice(0, mostListed)
    .map(
      ({ from, to, what }) =>
        html`<tr><td>${moment(from, form)}</td><td>${moment(to, form)}</td><td>${lasting(to - from, form.lang)}</td><td>${causeWords(what, form.lang)} <code>${what}</code></td></tr>`,
    )}</tbody></table>${rest > 0 && html`<p class="soft">${t.andMore(rest)}</p>`}</details>`;
}

const linkState = { up: 'ok', down: 'failing', unknown: 'unknown' } as const;

function linkList({ status, form, history, nowUtc }: SiteView): Html {
  const t = siteWords[form.lang];
  const { lang } = form;
  const { links } = status.health;
  if (links.length === 0) return html`<p class="soft">${t.noLinks}</p>`;
  const figure = (name: string, value: number | undefined, unit: string, curve?: Html): Html =>
    value === undefined
      ? html``
      : html`<div><dt>${name}</dt><dd>${number(value, lang)} ${unit}</dd>${curve}</div>`;
  const curve = (link: Link, name: string, unit: string): Html => {
    const values = history.curve(`link ${link.id} ${name}`);
    const known = values.filter((value) => value !== undefined);
    const said = (value: number): string => `${number(value, lang)} ${unit}`;
    return spark(values, t.curve(said(Math.min(...known)), said(Math.max(...known))));
  };
  const stateOf = ({ state }: Link): Link['state'] => (status.unheard ? 'unknown' : state);
  return html`${links.map(
    (link) => html`<article class="link" id="link-${link.id}">
<div class="head"><h3>${status.places?.[link.to] ?? link.to} <small>${link.id}</small></h3><p class="said">${shape(linkState[stateOf(link)])} ${t.link[stateOf(link)]}${!status.unheard && link.since !== undefined && html` ${sinceTime(link.since, nowUtc, form)}`}</p></div>
<dl class="facts">${figure(t.loss, link.lossPercent, '%', curve(link, 'loss', '%'))}${figure(t.delay, link.delayMs, 'ms', curve(link, 'delay', 'ms'))}${figure(t.jitter, link.jitterMs, 'ms')}${figure(t.signal, link.signalDbm, 'dBm')}${figure(t.capacity, link.capacityMbit, 'Mbit/s')}</dl>
</article>`,
  )}`;
}

function boxFacts({ status, form, nowUtc }: SiteView): Html {
  const t = siteWords[form.lang];
  const { lang } = form;
  const { host, store, clock, mqtt } = status.health;
  const bootAt = nowUtc - host.uptimeSeconds * 1000;
  const boot = host.bootReason === undefined ? '' : `, ${t.boot[host.bootReason]}`;
  const clockState: State =
    clock.state === 'synced' ? 'ok' : clock.state === 'unknown' ? 'unknown' : 'degraded';
  const fact = (name: keyof SiteWords['facts'], value: Html | string | false): Html =>
    html`${value !== false && html`<div${name === 'checks' && html` class="long"`}><dt>${t.facts[name]}</dt><dd>${value}</dd></div>`}`;
  return html`<dl class="facts">
${fact('clock', html`${shape(clockState)} ${t.clock[clock.state]}`)}
${fact('hub', !status.unheard && html`${shape(mqtt.connected ? 'ok' : 'degraded')} ${t.hub(mqtt.connected, mqtt.reconnects)}`)}
${fact('disk', t.free(byteSize(store.freeBytes, lang), byteSize(store.totalBytes, lang)))}
${fact('room', store.forecastHours !== undefined && t.fits(lasting(store.forecastHours * 3_600_000, lang)))}
${fact('memory', t.free(byteSize(host.memoryFreeBytes, lang), byteSize(host.memoryTotalBytes, lang)))}
${fact('load', number(host.load1, lang, 2))}
${fact('heat', host.temperatureCelsius !== undefined && `${number(host.temperatureCelsius, lang)} °C`)}
${fact('checks', checksText(status, lang) ?? false)}
${hostFacts(host, form)}
${fact('machine', html`<time title="${exactly(bootAt, form)}">${t.up(elapsed(host.uptimeSeconds * 1000, lang), boot)}</time>`)}
${fact('program', status.startedAt !== undefined && sinceTime(status.startedAt, nowUtc, form))}
${fact('version', status.version)}
</dl>`;
}
