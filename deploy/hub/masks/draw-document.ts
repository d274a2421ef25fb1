import { html } from '#agent/view/html.ts';
import type { Size } from './paint.ts';

const words = {
  it: {
    title: 'Zone da oscurare',
    first: 'Segnare chi si può vedere; tutto il resto è oscurato.',
    how: 'Trascinare sull’immagine per disegnare la zona in quel momento; spostarsi nel tempo e trascinarla dove la persona è andata: in mezzo si muove da sola. Con la tastiera: frecce per spostarla, Maiusc e frecce per la grandezza, N per una nuova, Canc per togliere il punto.',
    time: 'Momento',
    earlier: 'Prima',
    later: 'Dopo',
    regions: 'Zone',
    region: 'zona',
    fresh: 'Nuova zona',
    remove: 'Elimina la zona',
    name: 'Nome',
    keys: 'Punti nel tempo',
    dropKey: 'Togli il punto di questo momento',
    always: 'Vale per tutto il filmato',
    mode: 'Che cosa si oscura',
    except: 'tutto tranne le zone',
    at: 'solo le zone',
    style: 'Come',
    solid: 'nero pieno',
    mosaic: 'riquadri grossi',
    left: 'da sinistra',
    top: 'dall’alto',
    width: 'larghezza',
    height: 'altezza',
    preview: 'Mostra come esce',
    back: 'Torna all’immagine in chiaro',
    save: 'Salva e chiudi',
    saved: 'Salvato: questa pagina si può chiudere.',
    nothing: 'Nessuna zona: disegnarne una.',
    short: 'dura un solo momento: dare un secondo punto, o tutto il filmato',
    canvas: 'Immagine su cui disegnare la zona scelta',
    lasts: 'dura',
    until: 'fino a',
    hiddenNow: 'In questo momento nessuna zona: tutto è oscurato.',
    failed: 'Non è riuscito',
    script: 'Questa pagina ha bisogno di JavaScript.',
    unit: 'punti dell’immagine',
  },
  en: {
    title: 'Regions to mask',
    first: 'Mark who may be seen; everything else is masked.',
    how: 'Drag on the picture to draw the region at that moment; move in time and drag it to where the person went: in between it moves by itself. By keyboard: arrows move it, Shift and arrows change its size, N makes a new one, Delete takes the key away.',
    time: 'Moment',
    earlier: 'Earlier',
    later: 'Later',
    regions: 'Regions',
    region: 'region',
    fresh: 'New region',
    remove: 'Delete the region',
    name: 'Name',
    keys: 'Keys in time',
    dropKey: 'Remove the key of this moment',
    always: 'For the whole film',
    mode: 'What is masked',
    except: 'everything but the regions',
    at: 'the regions only',
    style: 'How',
    solid: 'solid black',
    mosaic: 'coarse mosaic',
    left: 'from the left',
    top: 'from the top',
    width: 'width',
    height: 'height',
    preview: 'Show what goes out',
    back: 'Back to the clear picture',
    save: 'Save and close',
    saved: 'Saved: this page can be closed.',
    nothing: 'No region: draw one.',
    short: 'lasts a single moment: give a second key, or the whole film',
    canvas: 'Picture to draw the chosen region on',
    lasts: 'lasts',
    until: 'until',
    hiddenNow: 'No region at this moment: everything is masked.',
    failed: 'It did not work',
    script: 'This page needs JavaScript.',
    unit: 'pixels of the picture',
  },
};

/** The page; masks.js fills it. What it says later stands in `data-` of its body. */
export function drawDocument(lang: 'it' | 'en', { width, height }: Size): string {
  const t = words[lang];
  const radio = (name: string, value: string, label: string, checked = false) =>
    html`<label><input type="radio" name="${name}" value="${value}"${checked && html` checked`}> ${label}</label>`;
  const number = (id: string, label: string) =>
    html`<label>${label} <input type="number" id="${id}" inputmode="numeric"></label>`;
  return html`<!doctype html>
<html lang="${lang}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${t.title}</title>
<link rel="icon" href="/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/page.css">
<link rel="stylesheet" href="/masks.css">
<script type="module" src="/masks.js"></script>
</head>
<body class="masks" data-saved="${t.saved}" data-nothing="${t.nothing}" data-short="${t.short}" data-until="${t.until}" data-hidden-now="${t.hiddenNow}" data-failed="${t.failed}" data-preview="${t.preview}" data-back="${t.back}" data-region="${t.region}">
<main id="main">
<h1 id="first">${t.first}</h1>
<noscript><p>${t.script}</p></noscript>
<div class="desk">
<div class="stage">
<div class="picture">
<img id="still" alt="" width="${width}" height="${height}">
<svg id="canvas" viewBox="0 0 ${width} ${height}" tabindex="0" role="application" aria-label="${t.canvas}"></svg>
</div>
<p id="now" aria-live="polite"></p>
<div class="row">
<button type="button" id="earlier">${t.earlier}</button>
<label class="time">${t.time} <input type="range" id="time" min="0" value="0" step="100"></label>
<button type="button" id="later">${t.later}</button>
</div>
<p class="small">${t.how}</p>
</div>
<form id="tools" novalidate>
<fieldset><legend>${t.mode}</legend>${radio('mode', 'except', t.except, true)}${radio('mode', 'at', t.at)}</fieldset>
<fieldset><legend>${t.style}</legend>${radio('style', 'solid', t.solid, true)}${radio('style', 'mosaic', t.mosaic)}</fieldset>
<fieldset><legend>${t.regions}</legend>
<div id="regions"></div>
<div class="row"><button type="button" id="fresh">${t.fresh}</button><button type="button" id="remove">${t.remove}</button></div>
<div class="numbers" role="group" aria-label="${t.unit}">${number('x', t.left)}${number('y', t.top)}${number('width', t.width)}${number('height', t.height)}</div>
<button type="button" id="always">${t.always}</button>
</fieldset>
<fieldset><legend>${t.keys}</legend>
<ol id="keys"></ol>
<button type="button" id="drop">${t.dropKey}</button>
</fieldset>
<div class="row ends"><button type="button" id="preview" aria-pressed="false">${t.preview}</button><button type="submit" id="save">${t.save}</button></div>
<p id="said" role="status"></p>
</form>
</div>
</main>
</body>
</html>
`.text;
}
