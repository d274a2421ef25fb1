import { documentOf } from '#agent/view/document.ts';
import { Html, html } from '#agent/view/html.ts';
import { stripLegend } from '#agent/view/strip-svg.ts';
import { exactly, type Form } from '#agent/view/times.ts';
import { texts } from '../cli/texts.ts';
import type { RegisterLine } from '../register/register.ts';
import { findRequest } from '../register/requests.ts';
import { aboutOf } from '../register/selection.ts';
import { cameraName, type Settings } from '../settings.ts';
import { alertForms } from './alert-list.ts';
import { firstSentence } from './first-sentence.ts';
import { hubParts } from './hub-parts.ts';
import type { HubView, Seer } from './hub-view.ts';
import { requestWords } from './request-words.ts';
import type { Session } from './sessions.ts';
import { pageWords } from './words.ts';

const styles = ['/hub.css'];

export function other(form: Form): string {
  return `?lang=${form.lang === 'it' ? 'en' : 'it'}`;
}

/** Whose page it is, and the way out. */
export function whereOf(seer: Seer, session: Session | undefined): Html {
  const t = pageWords[seer.lang];
  if (session === undefined) return html`<span>${t.title}</span><span>${t.readOnly}</span>`;
  return html`<span>${t.title}</span><span class="who"><span>${session.name}, ${session.display ? t.display : t.role[session.role]}</span><form method="post" action="/logout?lang=${seer.lang}"><input type="hidden" name="csrf" value="${session.csrf}"><button type="submit">${t.logOut}</button></form></span>`;
}

export function overviewPage(view: HubView, session: Session | undefined): string {
  const { form, seer } = view;
  const t = pageWords[form.lang];
  const parts = hubParts(view);
  const part = (id: string): Html => new Html(parts.get(id) ?? '');
  const section = (id: string, title: string, more: Html | false = false): Html =>
    html`<section aria-labelledby="${id}-title"><h2 id="${id}-title">${title}</h2>${more}<div id="${id}"${id === 'wall' && html` class="wall"`}>${part(id)}</div></section>
`;
  return documentOf({
    form,
    title: firstSentence(view),
    where: whereOf(seer, session),
    other: other(form),
    live: `/live?lang=${form.lang}`,
    styles,
    wide: true,
    body: html`<h1 id="first" aria-live="polite">${part('first')}</h1>
${session !== undefined && seer.acts && alertForms(form.lang, session.csrf)}
${section('alerts', t.alerts)}
<div class="columns">${section('map', t.map)}${section('nodes', t.nodes)}</div>
<div data-readout>${section('wall', t.wall, html`<a class="skip" id="skip-wall" href="#after">${t.skipWall}</a><p class="readout wall-readout" id="wall-readout">${t.wallHint}</p>`)}</div>
<div id="after" tabindex="-1">${view.requests !== undefined && section('requests', t.requests, html`<p><a href="/request?lang=${form.lang}">${requestWords[form.lang].link}</a> · <a href="/register?lang=${form.lang}">${t.register}</a></p>`)}</div>
<section aria-labelledby="legend-title"><h2 id="legend-title">${t.legend}</h2>${stripLegend(form.lang)}<p class="soft">${t.keys}</p></section>`,
  });
}

/** What the line is about: who asks for which cameras, why it was refused, what was reported. */
function aboutLine(
  lines: readonly RegisterLine[],
  line: RegisterLine,
  settings: Pick<Settings, 'nodes'>,
  form: Form,
): Html {
  const found =
    line.kind === 'request' && line.request !== undefined ? findRequest(lines, line.request) : undefined;
  const { purpose, cameras } = aboutOf(lines, line);
  const names = cameras.map((camera) => {
    const [node = '', id = ''] = camera.split('/');
    return cameraName(settings, node, id);
  });
  const said = [line['reason'], line['text']].filter((text) => typeof text === 'string');
  const asked = found && html`${found.record.authority}, ${found.record.protocol}; `;
  return html`${asked}${purpose !== undefined && html`${texts[form.lang].purpose[purpose]}<br>`}${names.join('; ')}${said.length > 0 && html`<br>${said.join('; ')}`}`;
}

/** A page full; the register goes on for as long as the town has cameras. */
const registerLines = 200;

export function registerPage(
  seer: Seer,
  form: Form,
  all: readonly RegisterLine[],
  settings: Pick<Settings, 'nodes'>,
  session: Session | undefined,
  /** Lines before this one. */
  before: number,
): string {
  const t = pageWords[form.lang];
  const { act } = texts[form.lang];
  const lines = all.filter(({ seq }) => seq < before).slice(-registerLines);
  const oldest = lines[0]?.seq ?? 1;
  const rows = [...lines]
    .reverse()
    .map(
      (line) =>
        html`<tr role="row" id="line-${line.seq}">${[
          html`${line.seq}`,
          html`${exactly(Date.parse(line.at), form)}`,
          html`${act[line.kind]}`,
          html`${line.request ?? ''} <code>${line.case ?? ''}</code>`,
          aboutLine(all, line, settings, form),
          html`${line.by}`,
        ].map((cell, i) => html`<td role="cell" data-head="${t.registerHead[i]}">${cell}</td>`)}</tr>`,
    );
  return documentOf({
    form,
    title: t.register,
    where: whereOf(seer, session),
    other: other(form),
    styles,
    wide: true,
    body: html`<h1>${t.register}</h1><p><a href="/?lang=${form.lang}">${t.back}</a></p>
<div class="table" role="region" aria-label="${t.register}" tabindex="0"><table role="table" class="register"><thead role="rowgroup"><tr role="row">${t.registerHead.map((head) => html`<th role="columnheader" scope="col">${head}</th>`)}</tr></thead><tbody role="rowgroup">${rows}</tbody></table></div>${oldest > 1 && html`<p><a href="/register?lang=${form.lang}&amp;before=${oldest}">${t.older}</a></p>`}`,
  });
}

/** A page that does not change by itself. */
export function plainPage(
  form: Form,
  session: Session,
  { body, title }: { body: Html; title: string },
): string {
  return documentOf({
    form,
    title,
    where: whereOf({ role: session.role, lang: form.lang, acts: true }, session),
    other: other(form),
    styles,
    wide: true,
    body,
  });
}

export function loginPage(form: Form, problem: string | undefined): string {
  const t = pageWords[form.lang];
  return documentOf({
    form,
    title: t.logIn,
    where: html`<span>${t.title}</span>`,
    other: other(form),
    styles,
    wide: true,
    body: html`<h1>${t.title}</h1>
<form class="login" method="post" action="/login?lang=${form.lang}">${problem !== undefined && html`<p class="wrong" role="alert">${problem}</p>`}
<label>${t.name}<input name="name" autocomplete="username" autocapitalize="none" required maxlength="32"></label>
<label>${t.password}<input name="password" type="password" autocomplete="current-password" required maxlength="200"></label>
<button type="submit">${t.logIn}</button></form>`,
  });
}
