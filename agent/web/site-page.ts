import { documentOf } from '../view/document.ts';
import { Html, html } from '../view/html.ts';
import { stripLegend } from '../view/strip-svg.ts';
import { type SiteView, siteParts } from './site-parts.ts';
import { firstSentence } from './site-summary.ts';
import { siteWords } from './site-words.ts';

/** The agent's page. It shows no picture, and no request, hold or extraction. */
export function sitePage(view: SiteView): string {
  const { form, status } = view;
  const t = siteWords[form.lang];
  const parts = siteParts(view);
  const part = (id: string): Html => new Html(parts.get(id) ?? '');
  const section = (id: string, title: string): Html =>
    html`<section aria-labelledby="${id}-title"><h2 id="${id}-title">${title}</h2><div id="${id}">${part(id)}</div></section>
`;
  return documentOf({
    form,
    title: `${status.node}: ${firstSentence(status, view.nowUtc, form.lang)}`,
    where: html`<span>${status.node}</span>`,
    other: `?lang=${form.lang === 'it' ? 'en' : 'it'}`,
    live: `/live?lang=${form.lang}`,
    body: html`<h1 id="first" aria-live="polite">${part('first')}</h1>
${section('alerts', t.alerts)}${status.health.cameras !== undefined && section('cameras', t.cameras)}${section('links', t.links)}${section('box', t.box)}<section aria-labelledby="legend-title"><h2 id="legend-title">${t.legend}</h2>${stripLegend(form.lang)}<p class="soft">${t.keys}</p></section>`,
  });
}
