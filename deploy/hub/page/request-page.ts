import { type Html, html } from '#agent/view/html.ts';
import { stripBox } from '#agent/view/strip-svg.ts';
import type { Form } from '#agent/view/times.ts';
import { purposes } from '#protocol/purpose.ts';
import { texts } from '../cli/texts.ts';
import type { KnownRequest } from '../register/requests.ts';
import { cameraName, type Settings } from '../settings.ts';
import type { Prospect } from './prospect.ts';
import { prospectWords } from './prospect-words.ts';
import type { RequestForm } from './request-form.ts';
import { requestWords } from './request-words.ts';
import { pageWords } from './words.ts';

/** What the chosen window holds, camera by camera; `undefined` while none is chosen. */
export function windowPart(
  prospects: readonly Prospect[],
  chosen: boolean,
  form: Form,
  settings: Pick<Settings, 'nodes'>,
): Html {
  const t = requestWords[form.lang];
  if (prospects.length === 0) return html`<p class="soft">${chosen ? t.noWindow : t.choose}</p>`;
  return html`${prospects.map((prospect) => {
    const { node, camera, from, to, week, pieces } = prospect;
    const name = cameraName(settings, node, camera);
    const { summary, warnings, estimate } = prospectWords(prospect, form);
    const drawing = {
      ...form,
      window: week,
      pieces,
      name,
      heightPx: 32,
      days: true,
      apartMs: 120_000,
      chosen: { from, to },
    };
    return html`<div class="choice"><h2>${name}</h2>${stripBox(`ask-${node}-${camera}`, drawing)}<p class="ends"><button type="button" data-put="from" aria-label="${t.fromHere}: ${name}">${t.fromHere}</button> <button type="button" data-put="to" aria-label="${t.toHere}: ${name}">${t.toHere}</button></p><p><strong>${summary}</strong> ${estimate}</p>${warnings.length > 0 && html`<ul class="warnings">${warnings.map((warning) => html`<li>${warning}</li>`)}</ul>`}</div>`;
  })}`;
}

/** The form: what is asked for with what is recorded of it, then who asks and why. */
export function requestFormPart(options: {
  form: Form;
  settings: Pick<Settings, 'nodes'>;
  csrf: string;
  typed: RequestForm;
  window: Html;
  problem: string | undefined;
}): Html {
  const { form, settings, csrf, typed, window, problem } = options;
  const { lang } = form;
  const t = requestWords[lang];
  const input = (name: 'from' | 'to' | 'protocol' | 'date' | 'authority', type: string, max = ''): Html =>
    html`<label>${t.field[name]}<input name="${name}" type="${type}" value="${typed[name]}"${max !== '' && html` maxlength="${max}"`} required></label>`;
  const area = (name: 'persons' | 'reason', hint: string): Html =>
    html`<label>${t.field[name]}${hint !== '' && html` <small>${hint}</small>`}<textarea name="${name}" rows="3" maxlength="2000" required>${typed[name]}</textarea></label>`;
  const places = settings.nodes.filter(({ cameras }) => cameras.length > 0);
  return html`<h1>${t.title}</h1><p><a href="/?lang=${lang}">${pageWords[lang].back}</a></p>
${problem !== undefined && html`<p class="wrong" role="alert">${problem}</p>`}
<form class="ask" method="post" action="/request?lang=${lang}" data-preview="window"><input type="hidden" name="csrf" value="${csrf}">
<fieldset><legend>${t.what}</legend><div class="pair">${input('from', 'datetime-local')}${input('to', 'datetime-local')}</div>
<div class="cameras" role="group" aria-label="${t.field.cameras}">${places.map(
    ({ id, name, cameras }) =>
      html`<div><strong>${name}</strong>${cameras.map((camera) => {
        const value = `${id}/${camera.id}`;
        return html`<label class="pick"><input type="checkbox" name="camera" value="${value}"${typed.cameras.includes(value) && html` checked`}> ${camera.name}</label>`;
      })}</div>`,
  )}</div>
<div id="window" aria-live="polite">${window}</div><p><button type="submit" name="act" value="show" formnovalidate>${t.show}</button></p></fieldset>
<fieldset><legend>${t.why}</legend><div class="pair">${input('protocol', 'text', '64')}${input('date', 'date')}</div>${input('authority', 'text', '200')}${area('persons', t.personsHint)}
<label>${t.field.purpose}<select name="purpose" required><option value=""></option>${purposes.map(
    (purpose) =>
      html`<option value="${purpose}"${purpose === typed.purpose && html` selected`}>${texts[lang].purpose[purpose]}</option>`,
  )}</select></label>${area('reason', '')}
<p><button type="submit" name="act" value="enter">${t.enter}</button></p></fieldset></form>`;
}

/** A request that is in the register, and what is typed for it where the keys are. */
export function enteredPart(
  { id, record }: KnownRequest,
  prospects: readonly Prospect[],
  form: Form,
  settings: Pick<Settings, 'nodes'>,
): Html {
  const { lang } = form;
  const t = requestWords[lang];
  const commands = record.windows.map(
    ({ node, camera }) => `peio-hub extract --request ${id} --node ${node} --camera ${camera}`,
  );
  return html`<h1>${t.entered(id)}</h1><p><a href="/?lang=${lang}">${pageWords[lang].back}</a></p>
<section>${prospects.map((prospect) => {
    const { summary, warnings, estimate } = prospectWords(prospect, form);
    return html`<p>${cameraName(settings, prospect.node, prospect.camera)}: <strong>${summary}</strong> ${estimate}</p>${warnings.length > 0 && html`<ul class="warnings">${warnings.map((warning) => html`<li>${warning}</li>`)}</ul>`}`;
  })}</section>
<p>${t.next}</p><pre tabindex="0">${commands.join('\n')}</pre>
<p>${t.thenOfficer}</p><pre tabindex="0">peio-hub authorise latest
peio-hub follow latest</pre>`;
}
