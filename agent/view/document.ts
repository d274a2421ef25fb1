import { type Html, html } from './html.ts';
import { type Lang, type State, states } from './states.ts';
import { stripPatterns } from './strip-svg.ts';
import { exactly, type Form, since } from './times.ts';

/**
 * Of every answer of a page: nothing from anywhere else, nothing inline, nobody frames it, nothing is guessed.
 * <https://www.w3.org/TR/CSP3/>
 */
export const pageHeaders: Readonly<Record<string, string>> = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
};

/** What a page is made of besides its HTML: files of this folder, served as they are. */
export const pageFiles: Readonly<Record<string, { file: string; type: string }>> = {
  '/page.css': { file: 'browser/page.css', type: 'text/css; charset=utf-8' },
  '/page.js': { file: 'browser/page.js', type: 'text/javascript; charset=utf-8' },
  '/icon.svg': { file: 'browser/icon.svg', type: 'image/svg+xml' },
};

const words = {
  it: {
    other: 'English',
    skip: 'Vai al contenuto',
    stale: 'Pagina non collegata: quel che segue non è di adesso.',
    recorded: 'registrato',
    nothing: 'nulla',
  },
  en: {
    other: 'Italiano',
    skip: 'Skip to content',
    stale: 'Page not connected: what follows is not of now.',
    recorded: 'recorded',
    nothing: 'nothing',
  },
};

type Inner = Parameters<typeof html>[1];

/** A whole page. `live` is where its changes come from; `styles` are its own besides the common one. */
export function documentOf(page: {
  form: Form;
  title: Inner;
  where: Inner;
  body: Inner;
  live?: string;
  /** Of this page in the other language. */
  other: string;
  styles?: readonly string[];
  /** For screens on a wall. */
  wide?: boolean;
}): string {
  const { lang, zone } = page.form;
  const t = words[lang];
  return html`<!doctype html>
<html lang="${lang}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${page.title}</title>
<link rel="icon" href="/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/page.css">${(page.styles ?? []).map(
    (href) => html`
<link rel="stylesheet" href="${href}">`,
  )}
<script type="module" src="/page.js"></script>
</head>
<body${page.wide && html` class="wide"`} data-zone="${zone}" data-recorded="${t.recorded}" data-nothing="${t.nothing}"${page.live !== undefined && html` data-live="${page.live}"`}>
<a class="skip" href="#main">${t.skip}</a>
<header>${page.where}<a class="lang" lang="${lang === 'it' ? 'en' : 'it'}" href="${page.other}">${t.other}</a></header>
<p id="stale" role="alert" hidden>${t.stale}</p>
<main id="main">
${page.body}
</main>
${stripPatterns()}
</body>
</html>
`.text;
}

const drawn: Readonly<Record<State, Html>> = {
  ok: html`<circle cx="8" cy="8" r="6"/>`,
  degraded: html`<circle cx="8" cy="8" r="6" class="open"/><path d="M8,2 a6,6 0 0 1 0,12 z"/>`,
  failing: html`<path d="M8,1.5 L15,14 H1 z"/>`,
  unknown: html`<circle cx="8" cy="8" r="5.5" class="open"/>`,
  affected: html`<path d="M8,2.5 L14,13.5 H2 z" class="open"/>`,
  shelved: html`<rect x="2.5" y="2.5" width="11" height="11" class="open"/>`,
};

/** The shape of a state; its word stands beside it. */
export function shape(state: State): Html {
  return html`<svg class="shape ${state}" width="16" height="16" viewBox="0 0 16 16" aria-hidden="true">${drawn[state]}</svg>`;
}

/** The same within a drawing, around a point. */
export function shapeAt(state: State, x: number, y: number): Html {
  return html`<g class="shape ${state}" transform="translate(${(x - 8).toFixed(1)},${(y - 8).toFixed(1)})">${drawn[state]}</g>`;
}

export function stateWord(state: State, lang: Lang): Html {
  return html`${shape(state)} <span class="word">${states[state][lang]}</span>`;
}

/** `da 12 min`, with the exact time where it is pointed at. */
export function sinceTime(utcMs: number, nowUtc: number, form: Form): Html {
  return html`<time datetime="${new Date(utcMs).toISOString()}" title="${exactly(utcMs, form)}">${since(nowUtc - utcMs, form.lang)}</time>`;
}
