// What runs in the browser: takes the parts that changed, and tells what a strip shows where it is pointed at.
// Plain JavaScript, served as it is: what is read here is what runs, and nothing is built. Types are checked by tsc.

/** @type {HTMLElement} */
const body = document.body;
const { zone, recorded = '', nothing = '', live } = body.dataset;

// Live: server-sent events with parts of this page.

/** A server that said nothing for this long is gone, whatever the connection says. */
const silentMs = 40_000;

/** What the reader did to the page is theirs, and outlives an update. */
const own = new Set(['open', 'data-at']);
/** So does, once they have pointed at a strip, what it says of that moment; elements of that kind have `data-own`. */
const ownOnceTold = new Set(['aria-valuenow', 'aria-valuetext']);

/**
 * Makes `there` like `wanted` and keeps what is alike, so that focus, selection and pointers stay.
 * @param {Element} there
 * @param {Element} wanted
 */
function morph(there, wanted) {
  const told = there.closest('[data-at]') !== null;
  if (told && there.hasAttribute('data-own')) return;
  /** @param {string} name */
  const kept = (name) => own.has(name) || (told && ownOnceTold.has(name));
  for (const { name, value } of [...wanted.attributes])
    if (!kept(name) && there.getAttribute(name) !== value) there.setAttribute(name, value);
  for (const { name } of [...there.attributes])
    if (!kept(name) && !wanted.hasAttribute(name)) there.removeAttribute(name);
  morphChildren(there, wanted);
}

/**
 * @param {Element} there
 * @param {Element | DocumentFragment} wanted
 */
function morphChildren(there, wanted) {
  let at = there.firstChild;
  for (const child of [...wanted.childNodes]) {
    const id = child instanceof Element ? child.id : '';
    const known = id === '' ? null : [...there.children].find((one) => one.id === id);
    if (known && known !== at) place(there, known, at);
    const same = known ?? at;
    if (same && same.nodeName === child.nodeName && (!(same instanceof Element) || same.id === id)) {
      if (same instanceof Element && child instanceof Element) morph(same, child);
      else if (same.nodeValue !== child.nodeValue) same.nodeValue = child.nodeValue;
      at = same.nextSibling;
    } else there.insertBefore(child, at);
  }
  while (at) {
    const next = at.nextSibling;
    at.remove();
    at = next;
  }
}

/**
 * Moves an element and what it is doing, where the browser can do that; elsewhere it loses the focus.
 * @param {Element} into
 * @param {Element} element
 * @param {Node | null} before
 */
function place(into, element, before) {
  const move = into.moveBefore ?? into.insertBefore;
  move.call(into, element, before);
}

/** @param {string} address */
function listen(address) {
  const stale = document.getElementById('stale');
  /** @type {number | undefined} */
  let silence;
  const heard = () => {
    if (stale) stale.hidden = true;
    clearTimeout(silence);
    silence = setTimeout(lost, silentMs);
  };
  const lost = () => {
    if (stale) stale.hidden = false;
  };
  const source = new EventSource(address);
  source.addEventListener('open', heard);
  source.addEventListener('beat', heard);
  /** @type {string | undefined} */
  let made;
  source.addEventListener('made', ({ data }) => {
    // Another version came while this page stood open: its files are of the one before.
    if (made !== undefined && made !== data) location.reload();
    made = data;
  });
  source.addEventListener('error', () => {
    lost();
    // Refused rather than interrupted: a session that ended, most likely. The server says what to do.
    if (source.readyState === EventSource.CLOSED) setTimeout(() => location.reload(), 10_000);
  });
  source.addEventListener('part', (event) => {
    heard();
    const { id, html } = JSON.parse(event.data);
    update(id, html);
  });
}

/**
 * @param {string} id
 * @param {string} html Made and escaped by this page's own server.
 */
function update(id, html) {
  const part = document.getElementById(id);
  if (!part) return;
  const template = document.createElement('template');
  template.innerHTML = html;
  const focused = document.activeElement;
  morphChildren(part, template.content);
  if (focused instanceof HTMLElement && focused !== document.activeElement)
    focused.focus({ preventScroll: true });
  for (const box of part.querySelectorAll('.stripbox')) retell(box);
}

// Strips: pointer, finger and keys tell time, cause and length.

const moment = new Intl.DateTimeFormat(document.documentElement.lang === 'it' ? 'it-IT' : 'en-GB', {
  timeZone: zone,
  weekday: 'short',
  day: 'numeric',
  month: 'short',
  hour: '2-digit',
  minute: '2-digit',
});
/** A notch may be narrower than a finger. */
const reachPx = 5;
const minuteMs = 60_000;

/** @param {Element} box */
function spanOf(box) {
  const { from, to } = /** @type {HTMLElement} */ (box).dataset;
  return { from: Number(from), to: Number(to) };
}

/**
 * @param {Element} box
 * @param {string} selector
 */
function stretchesOf(box, selector) {
  return [...box.querySelectorAll(selector)].map((element) => {
    const { from, to } = /** @type {SVGElement} */ (element).dataset;
    return { element, from: Number(from), to: Number(to) };
  });
}

/** @type {Element | undefined} */
let latest;

/** @param {Element} box */
function forget(box) {
  box.removeAttribute('data-at');
  const cursor = box.querySelector('.cursor');
  if (cursor instanceof HTMLElement) cursor.hidden = true;
}

/**
 * Shows what the strip says at a moment.
 * @param {Element} box
 * @param {number} utcMs
 * @param {number} reachMs
 */
function point(box, utcMs, reachMs) {
  const { from, to } = spanOf(box);
  const at = Math.min(Math.max(utcMs, from), to - 1);
  const near = stretchesOf(box, '.notch')
    .map((notch) => ({ ...notch, far: Math.max(notch.from - at, at - notch.to, 0) }))
    .filter(({ far }) => far <= reachMs)
    .sort((a, b) => a.far - b.far)[0];
  const within = stretchesOf(box, '.recorded').some((one) => one.from <= at && at < one.to);
  const said = near?.element.querySelector('title')?.textContent ?? (within ? recorded : nothing);
  const text = `${moment.format(at)} · ${said}`;
  // Strips that share one line to speak in: the one that was pointed at last has it.
  if (latest && latest !== box && latest.closest('[data-readout]')) forget(latest);
  latest = box;
  const around = box.closest('[data-readout]')?.querySelector('.readout');
  const readout = box.querySelector('.readout');
  if (readout) readout.textContent = text;
  else if (around) around.textContent = `${box.getAttribute('aria-label')}: ${text}`;
  const cursor = box.querySelector('.cursor');
  if (cursor instanceof HTMLElement) {
    cursor.hidden = false;
    cursor.style.insetInlineStart = `${(100 * (at - from)) / (to - from)}%`;
  }
  box.setAttribute('aria-valuenow', String(Math.round((at - from) / minuteMs)));
  box.setAttribute('aria-valuetext', text);
  /** @type {HTMLElement} */ (box).dataset['at'] = String(at);
}

/**
 * After an update: the same moment, with what is known of it now.
 * @param {Element} box
 */
function retell(box) {
  const { at } = /** @type {HTMLElement} */ (box).dataset;
  if (at !== undefined) point(box, Number(at), 0);
}

/** @param {PointerEvent} event */
function pointed(event) {
  const box = event.target instanceof Element ? event.target.closest('.stripbox') : null;
  const drawing = box?.querySelector('svg.strip');
  if (!box || !drawing) return;
  const { left, width } = drawing.getBoundingClientRect();
  const { from, to } = spanOf(box);
  const msPerPx = (to - from) / width;
  point(box, from + (event.clientX - left) * msPerPx, reachPx * msPerPx);
}

/** @param {KeyboardEvent} event */
function keyed(event) {
  const box = event.target instanceof Element && event.target.matches('.stripbox') ? event.target : null;
  if (!box) return;
  const { from, to } = spanOf(box);
  const at = Number(/** @type {HTMLElement} */ (box).dataset['at'] ?? to);
  const notches = stretchesOf(box, '.notch');
  const step = event.shiftKey ? minuteMs : 15 * minuteMs;
  const day = 24 * 60 * minuteMs;
  const next = notches.find((notch) => notch.from > at);
  const before = notches.findLast((notch) => notch.from < at);
  /** @type {Record<string, number | undefined>} */
  const targets = {
    ArrowLeft: at - step,
    ArrowRight: at + step,
    ArrowUp: before?.from,
    ArrowDown: next?.from,
    PageUp: at - day,
    PageDown: at + day,
    Home: from,
    End: to,
  };
  if (!Object.hasOwn(targets, event.key)) return;
  event.preventDefault();
  const target = targets[event.key];
  if (target !== undefined) point(box, target, 0);
}

// A form that shows what it asks for while it is filled in: `data-preview` names the part that the server draws anew.

const localMinute = new Intl.DateTimeFormat('sv-SE', {
  timeZone: zone,
  dateStyle: 'short',
  timeStyle: 'short',
});
/** Nobody types faster than this and wants to read in between. */
const restMs = 250;
/** @type {number | undefined} */
let resting;
let asked = 0;

/** @param {HTMLFormElement} form */
async function preview(form) {
  asked += 1;
  const mine = asked;
  const fields = new URLSearchParams();
  for (const [name, value] of new FormData(form)) fields.append(name, String(value));
  fields.set('act', 'part');
  const stale = document.getElementById('stale');
  try {
    const answer = await fetch(form.action, { method: 'POST', body: fields });
    // Led away: to the login, since the session ended.
    if (answer.redirected) location.reload();
    else if (answer.ok && mine === asked) update(form.dataset['preview'] ?? '', await answer.text());
    if (stale) stale.hidden = answer.ok;
  } catch {
    if (stale) stale.hidden = false;
  }
}

/** @param {EventTarget | null} target */
function formOf(target) {
  const field = target instanceof Element ? target.closest('form') : null;
  return field instanceof HTMLFormElement && field.dataset['preview'] !== undefined ? field : null;
}

/** @param {Event} event */
function typed(event) {
  const form = formOf(event.target);
  if (!form) return;
  clearTimeout(resting);
  resting = setTimeout(() => preview(form), restMs);
}

/** @param {Event} event */
function put(event) {
  const button = event.target instanceof Element ? event.target.closest('[data-put]') : null;
  const box = button?.closest('.choice')?.querySelector('.stripbox');
  const form = formOf(button);
  if (!(button instanceof HTMLElement) || !(box instanceof HTMLElement) || !form) return;
  const { at } = box.dataset;
  const field = form.elements.namedItem(button.dataset['put'] ?? '');
  if (at === undefined || !(field instanceof HTMLInputElement)) return;
  field.value = localMinute.format(Number(at)).replace(' ', 'T');
  preview(form);
}

document.addEventListener('input', typed);
document.addEventListener('click', put);
document.addEventListener('pointermove', pointed);
document.addEventListener('pointerdown', pointed);
document.addEventListener('keydown', keyed);
if (live !== undefined) listen(live);
