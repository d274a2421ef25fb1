// What runs in the browser: rectangles over stills, keys in time, masks.json. Plain JavaScript, served as it is.

/**
 * @typedef {{ at: number, x: number, y: number, width: number, height: number }} Key
 * @typedef {{ name: string, keys: Key[], from?: number, to?: number }} Region
 * @typedef {{ start: number, end: number }} Stretch
 */

/** @template {Element} T @param {string} id @param {new () => T} kind @returns {T} */
function byId(id, kind) {
  const found = document.getElementById(id);
  if (found instanceof kind) return found;
  throw new Error(`there is no ${id}`);
}

const words = document.body.dataset;
const still = byId('still', HTMLImageElement);
const canvas = /** @type {SVGSVGElement} */ (/** @type {unknown} */ (document.getElementById('canvas')));
const time = byId('time', HTMLInputElement);
const now = byId('now', HTMLElement);
const said = byId('said', HTMLElement);
const tools = byId('tools', HTMLFormElement);
const list = byId('regions', HTMLElement);
const keyList = byId('keys', HTMLElement);
const previewButton = byId('preview', HTMLButtonElement);
const fields = /** @type {const} */ (['x', 'y', 'width', 'height']);
/** Pixels of an arrow key, and the least edge of a region. */
const stepPx = 8;
const leastPx = 16;
const svgNames = 'http://www.w3.org/2000/svg';

const facts = await (await fetch('/facts.json')).json();
/** @type {{ width: number, height: number }} */
const picture = facts.picture;
/** @type {Stretch[]} */
const stretches = facts.stretches;
const form = new Intl.DateTimeFormat(document.documentElement.lang, {
  timeZone: facts.zone,
  day: '2-digit',
  month: '2-digit',
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  fractionalSecondDigits: 1,
});

/** @type {Region[]} */
let regions = [];
let chosen = 0;
let atMs = 0;
let shown = '';
let previewing = false;

const lengthMs = stretches.reduce((sum, { start, end }) => sum + end - start, 0);
time.max = String(Math.max(0, Math.floor(lengthMs / 100) * 100 - 100));

/** What was filmed at a place of the film. @param {number} ms */
function instantOf(ms) {
  let left = ms;
  for (const { start, end } of stretches) {
    if (left < end - start) return start + left;
    left -= end - start;
  }
  const last = stretches[stretches.length - 1];
  return last ? last.end - 1 : 0;
}

/** @param {number} utcMs */
function placeOf(utcMs) {
  let before = 0;
  for (const { start, end } of stretches) {
    if (utcMs < end) return before + Math.max(0, utcMs - start);
    before += end - start;
  }
  return lengthMs;
}

/** Instants of keys are whole tenths of the film, so that a moment that is found again is the same one. */
const instant = () => Math.round(instantOf(atMs));

/** @param {Region} region @param {number} at @returns {Key | undefined} */
function placeAt({ keys, from, to }, at) {
  const first = keys[0];
  const last = keys[keys.length - 1];
  if (!first || !last || at < (from ?? first.at) || at > (to ?? last.at)) return undefined;
  const after = keys.find((key) => key.at >= at);
  if (!after) return { ...last, at };
  const before = keys[keys.indexOf(after) - 1];
  if (!before) return { ...first, at };
  const part = (at - before.at) / (after.at - before.at);
  /** @param {'x' | 'y' | 'width' | 'height'} name */
  const between = (name) => Math.round(before[name] + (after[name] - before[name]) * part);
  return { at, x: between('x'), y: between('y'), width: between('width'), height: between('height') };
}

/** Where the chosen region is now, or was last. @returns {Key | undefined} */
function current() {
  const region = regions[chosen];
  if (!region) return undefined;
  const at = instant();
  return placeAt(region, at) ?? region.keys.findLast((key) => key.at <= at) ?? region.keys[0];
}

/** @param {{ x: number, y: number, width: number, height: number }} place */
function setKey(place) {
  const at = instant();
  const region = regions[chosen] ?? addRegion();
  const width = Math.min(picture.width, Math.max(leastPx, Math.round(place.width)));
  const height = Math.min(picture.height, Math.max(leastPx, Math.round(place.height)));
  const x = Math.min(picture.width - width, Math.max(0, Math.round(place.x)));
  const y = Math.min(picture.height - height, Math.max(0, Math.round(place.y)));
  region.keys = [...region.keys.filter((key) => key.at !== at), { at, x, y, width, height }].sort(
    (a, b) => a.at - b.at,
  );
  draw();
}

function addRegion() {
  /** @type {Region} */
  const region = { name: `${words['region']} ${regions.length + 1}`, keys: [] };
  regions.push(region);
  chosen = regions.length - 1;
  return region;
}

/** @param {string} name */
function radio(name) {
  return /** @type {string} */ (new FormData(tools).get(name));
}

function masksDocument() {
  const text = (/** @type {number} */ ms) => new Date(Math.round(ms)).toISOString();
  return {
    version: 1,
    picture,
    mode: radio('mode'),
    style: radio('style'),
    regions: regions
      .filter(({ keys }) => keys.length > 0)
      .map(({ name, keys, from, to }) => ({
        ...(name === '' ? {} : { name }),
        ...(from === undefined ? {} : { from: text(from) }),
        ...(to === undefined ? {} : { to: text(to) }),
        keys: keys.map((key) => ({ ...key, at: text(key.at) })),
      })),
  };
}

/** What is wrong with what is drawn, or nothing. */
function wrong() {
  const drawn = regions.filter(({ keys }) => keys.length > 0);
  if (drawn.length === 0) return words['nothing'] ?? '';
  const short = drawn.find(
    ({ keys, from, to }) => keys.length === 1 && (from === undefined || to === undefined),
  );
  return short ? `${short.name}: ${words['short']}` : undefined;
}

/** @param {string} name @param {Record<string, string | number>} attributes */
function shape(name, attributes) {
  const element = document.createElementNS(svgNames, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, String(value));
  return element;
}

function drawCanvas() {
  const at = instant();
  const places = regions.map((region) => placeAt(region, at));
  const seen = places.filter((place) => place !== undefined);
  const parts = [];
  const covers = radio('mode') === 'at' && seen.length > 0;
  if (!covers) {
    const holes = seen.map(({ x, y, width, height }) => `M${x},${y}v${height}h${width}v${-height}z`).join('');
    const whole = `M0,0h${picture.width}v${picture.height}h${-picture.width}z`;
    parts.push(shape('path', { class: 'veil', d: whole + holes, 'fill-rule': 'evenodd' }));
  }
  for (const [index, here] of places.entries()) {
    // Where the chosen one was last: to be taken along to this moment.
    const place = here ?? (index === chosen ? current() : undefined);
    if (!place) continue;
    const { x, y, width, height } = place;
    const mine = index === chosen ? (here ? ' chosen' : ' chosen ghost') : '';
    const rectangle = {
      x,
      y,
      width,
      height,
      class: `region${mine}${covers && here ? ' covers' : ''}`,
      'data-index': index,
    };
    parts.push(shape('rect', rectangle));
    if (mine) {
      const edge = Math.round(picture.width / 60);
      const corner = { x: x + width - edge / 2, y: y + height - edge / 2, width: edge, height: edge };
      parts.push(shape('rect', { ...corner, class: 'corner' }));
    }
  }
  canvas.replaceChildren(...parts);
  now.textContent = `${form.format(at)}${seen.length === 0 ? ` – ${words['hiddenNow']}` : ''}`;
}

function drawTools() {
  const place = current();
  for (const name of fields) {
    const input = byId(name, HTMLInputElement);
    input.disabled = place === undefined;
    if (document.activeElement !== input) input.value = place ? String(place[name]) : '';
  }
  list.replaceChildren(
    ...regions.map((region, index) => {
      const label = document.createElement('label');
      const pick = Object.assign(document.createElement('input'), {
        type: 'radio',
        name: 'region',
        value: index,
      });
      pick.checked = index === chosen;
      pick.addEventListener('change', () => {
        chosen = index;
        draw();
        // The list was made anew: the focus goes to the one that was chosen.
        const again = list.querySelectorAll('input')[index];
        if (again instanceof HTMLInputElement) again.focus();
      });
      const last = region.keys[region.keys.length - 1];
      const first = region.keys[0];
      const spans =
        region.from !== undefined || !first || !last
          ? ''
          : ` ${form.format(first.at)} ${words['until']} ${form.format(last.at)}`;
      label.append(pick, ` ${region.name}${spans}`);
      return label;
    }),
  );
  const region = regions[chosen];
  const at = instant();
  keyList.replaceChildren(
    ...(region?.keys ?? []).map((key) => {
      const item = document.createElement('li');
      const go = Object.assign(document.createElement('button'), {
        type: 'button',
        textContent: form.format(key.at),
      });
      if (key.at === at) go.setAttribute('aria-current', 'true');
      go.addEventListener('click', () => moveTo(placeOf(key.at)));
      item.append(go);
      return item;
    }),
  );
  byId('drop', HTMLButtonElement).disabled = !region?.keys.some((key) => key.at === at);
  byId('remove', HTMLButtonElement).disabled = region === undefined;
  const always = byId('always', HTMLButtonElement);
  always.disabled = region === undefined || region.keys.length === 0;
  always.setAttribute('aria-pressed', String(region?.from !== undefined));
}

function draw() {
  drawCanvas();
  drawTools();
}

/** @param {number} ms */
function moveTo(ms) {
  atMs = Math.min(Number(time.max), Math.max(0, Math.round(ms)));
  time.value = String(atMs);
  showPreview(false);
  draw();
  wantStill();
}

/** One still at a time; the newest wish is asked for when the one before has come. */
let asking = false;
function wantStill() {
  const address = `/still.jpg?at=${instant()}`;
  if (asking || address === shown) return;
  asking = true;
  shown = address;
  const loaded = () => {
    asking = false;
    if (!previewing) wantStill();
  };
  still.addEventListener('load', loaded, { once: true });
  still.addEventListener('error', loaded, { once: true });
  still.src = address;
}

/** @param {string} path @param {unknown} value */
async function send(path, value) {
  const answer = await fetch(path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(value),
  });
  if (answer.ok) return undefined;
  const { sentence } = answer.status === 422 ? await answer.json() : { sentence: answer.statusText };
  return `${words['failed']}: ${sentence}`;
}

let previews = 0;
/** @param {boolean} wanted */
async function showPreview(wanted) {
  if (wanted) {
    const problem = wrong() ?? (await send('/preview', { at: instant(), masks: masksDocument() }));
    said.textContent = problem ?? '';
    if (problem) return;
    still.src = `/preview.jpg?n=${++previews}`;
  } else if (previewing) shown = '';
  const before = previewing;
  previewing = wanted;
  canvas.parentElement?.classList.toggle('masked', wanted);
  previewButton.setAttribute('aria-pressed', String(wanted));
  previewButton.textContent = (wanted ? words['back'] : words['preview']) ?? '';
  if (before && !wanted) wantStill();
}

/** A pointer's place in pixels of the picture. @param {PointerEvent} event */
function pixel(event) {
  const box = canvas.getBoundingClientRect();
  return {
    x: ((event.clientX - box.left) * picture.width) / box.width,
    y: ((event.clientY - box.top) * picture.height) / box.height,
  };
}

/** @type {((to: { x: number, y: number }) => void) | undefined} */
let dragging;
canvas.addEventListener('pointerdown', (event) => {
  if (previewing || event.button !== 0) return;
  const from = pixel(event);
  const target = /** @type {Element} */ (event.target);
  const index = target.getAttribute('data-index');
  if (index !== null) chosen = Number(index);
  const place = current();
  if (target.classList.contains('corner') && place)
    dragging = (to) => setKey({ ...place, width: to.x - place.x, height: to.y - place.y });
  else if (index !== null && place)
    dragging = (to) => setKey({ ...place, x: place.x + to.x - from.x, y: place.y + to.y - from.y });
  else
    dragging = (to) =>
      setKey({
        x: Math.min(from.x, to.x),
        y: Math.min(from.y, to.y),
        width: Math.abs(to.x - from.x),
        height: Math.abs(to.y - from.y),
      });
  canvas.setPointerCapture(event.pointerId);
  canvas.focus();
  event.preventDefault();
});
canvas.addEventListener('pointermove', (event) => dragging?.(pixel(event)));
for (const end of /** @type {const} */ (['pointerup', 'pointercancel']))
  canvas.addEventListener(end, () => {
    dragging = undefined;
    draw();
  });

canvas.addEventListener('keydown', (event) => {
  const moves = /** @type {Record<string, [number, number]>} */ ({
    ArrowLeft: [-stepPx, 0],
    ArrowRight: [stepPx, 0],
    ArrowUp: [0, -stepPx],
    ArrowDown: [0, stepPx],
  });
  const move = moves[event.key];
  const place = current();
  if (move && place) {
    const [dx, dy] = move;
    if (event.shiftKey) setKey({ ...place, width: place.width + dx, height: place.height + dy });
    else setKey({ ...place, x: place.x + dx, y: place.y + dy });
  } else if (event.key === 'n' || event.key === 'N') freshRegion();
  else if (event.key === 'Delete') dropKey();
  else return;
  event.preventDefault();
});

function freshRegion() {
  addRegion();
  // In the middle, where it is seen, for those who move it with keys.
  setKey({
    x: picture.width * 0.4,
    y: picture.height * 0.3,
    width: picture.width * 0.2,
    height: picture.height * 0.4,
  });
}

function dropKey() {
  const region = regions[chosen];
  if (!region) return;
  const at = instant();
  region.keys = region.keys.filter((key) => key.at !== at);
  draw();
}

for (const name of fields)
  byId(name, HTMLInputElement).addEventListener('change', ({ target }) => {
    const place = current();
    const value = Number(/** @type {HTMLInputElement} */ (target).value);
    if (place && Number.isFinite(value)) setKey({ ...place, [name]: value });
  });
byId('fresh', HTMLButtonElement).addEventListener('click', freshRegion);
byId('drop', HTMLButtonElement).addEventListener('click', dropKey);
byId('remove', HTMLButtonElement).addEventListener('click', () => {
  regions.splice(chosen, 1);
  chosen = Math.max(0, chosen - 1);
  draw();
});
byId('always', HTMLButtonElement).addEventListener('click', () => {
  const region = regions[chosen];
  const first = stretches[0];
  const last = stretches[stretches.length - 1];
  if (!region || !first || !last) return;
  if (region.from === undefined)
    Object.assign(region, { from: Math.floor(first.start), to: Math.ceil(last.end) });
  else {
    delete region.from;
    delete region.to;
  }
  draw();
});
byId('earlier', HTMLButtonElement).addEventListener('click', () => moveTo(atMs - 1000));
byId('later', HTMLButtonElement).addEventListener('click', () => moveTo(atMs + 1000));
time.addEventListener('input', () => moveTo(Number(time.value)));
tools.addEventListener('change', draw);
previewButton.addEventListener('click', () => void showPreview(!previewing));
tools.addEventListener('submit', async (event) => {
  event.preventDefault();
  const problem = wrong() ?? (await send('/masks', masksDocument()));
  said.textContent = problem ?? words['saved'] ?? '';
  if (problem) return;
  // Nothing in the clear stays on the screen.
  still.removeAttribute('src');
  for (const control of document.querySelectorAll('button, input'))
    if (control instanceof HTMLButtonElement || control instanceof HTMLInputElement) control.disabled = true;
  // It ends when it hears this, and may be gone before it answers.
  await fetch('/done', { method: 'POST' }).catch(() => undefined);
});

if (facts.masks) {
  const across = picture.width / facts.masks.picture.width;
  const down = picture.height / facts.masks.picture.height;
  regions = facts.masks.regions.map((/** @type {any} */ one, /** @type {number} */ index) => ({
    name: one.name ?? `${words['region']} ${index + 1}`,
    ...(one.from === undefined ? {} : { from: Date.parse(one.from) }),
    ...(one.to === undefined ? {} : { to: Date.parse(one.to) }),
    keys: one.keys.map((/** @type {any} */ key) => ({
      at: Date.parse(key.at),
      x: Math.round(key.x * across),
      y: Math.round(key.y * down),
      width: Math.round(key.width * across),
      height: Math.round(key.height * down),
    })),
  }));
  for (const name of ['mode', 'style'])
    for (const input of tools.querySelectorAll(`input[name="${name}"]`))
      if (input instanceof HTMLInputElement) input.checked = input.value === (facts.masks[name] ?? 'solid');
}
moveTo(0);
