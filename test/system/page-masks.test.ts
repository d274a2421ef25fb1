import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { drawMasks } from '../../deploy/hub/masks/draw.ts';
import type { MaskFile } from '../../deploy/hub/masks/masks.ts';
import { parseMasks, rectanglesAt } from '../../deploy/hub/masks/masks.ts';
import { joinSegments } from '../../deploy/hub/viewing/join.ts';
import { closeBrowser, type Look, look, noBrowser, openBrowser } from '../support/browser.ts';
import { eventually } from '../support/eventually.ts';
import { start } from '../support/hub-case.ts';
import { cutClip } from '../support/hub-segments.ts';
import { suite } from '../support/suite.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { fileOutput } from '../support/viewing.ts';

const test = suite('the page where regions are drawn, in a browser', { timeoutMs: 240_000 });

interface Drawing extends AsyncDisposable {
  folder: string;
  file: string;
  url: string;
  saved: Promise<MaskFile>;
}

/** The page over some seconds of walkers.mp4. */
async function drawing(begin?: MaskFile): Promise<Drawing> {
  const folder = temporaryFolder();
  const pieces = cutClip(join(folder.path, 'cut'), 2).slice(0, 3);
  let at = start;
  const segments = pieces.map(({ clear, durationMs }) => {
    const segment = {
      start: at,
      async *chunks() {
        yield clear;
      },
    };
    at += durationMs;
    return segment;
  });
  const joined = await joinSegments(segments, { from: start, to: at }, fileOutput(folder.path));
  const files = joined.map((one) => ({ ...one, path: join(folder.path, one.name), sha256: '0'.repeat(64) }));
  const file = join(folder.path, 'masks.json');
  const stop = new AbortController();
  const url = Promise.withResolvers<string>();
  const saved = drawMasks({
    clear: { files, incomplete: [] },
    lang: 'it',
    zone: 'Europe/Rome',
    file,
    begin,
    say: url.resolve,
    signal: stop.signal,
  });
  // A test that does not save ends it by the signal.
  saved.catch(() => undefined);
  return {
    folder: folder.path,
    file,
    url: await url.promise,
    saved,
    async [Symbol.asyncDispose]() {
      stop.abort();
      await saved.catch(() => undefined);
      folder[Symbol.dispose]();
    },
  };
}

async function opened(page: Drawing, options: Parameters<typeof look>[1] = {}): Promise<Look> {
  const window = await look(new URL(page.url).origin, options);
  await window.page.goto(page.url);
  await loaded(window, '/still.jpg');
  return window;
}

/** Waits until the picture of that kind is there. */
function loaded(window: Look, path: string): Promise<unknown> {
  return eventually('the picture', () =>
    window.run<boolean>(
      `(() => { const one = document.getElementById('still'); return one.src.includes('${path}') && one.complete && one.naturalWidth > 0; })()`,
    ),
  );
}

/** Drags from one place of the picture, in pixels of it, to another. */
async function drag({ page }: Look, from: [number, number], to: [number, number]): Promise<void> {
  const box = await page.locator('#canvas').boundingBox();
  if (box === null) throw new Error('no picture');
  const place = ([x, y]: [number, number]): [number, number] => [
    box.x + (x * box.width) / 768,
    box.y + (y * box.height) / 576,
  ];
  await page.mouse.move(...place(from));
  await page.mouse.down();
  await page.mouse.move(...place([(from[0] + to[0]) / 2, (from[1] + to[1]) / 2]));
  await page.mouse.move(...place(to));
  await page.mouse.up();
}

const near = (one: number, other: number): boolean => Math.abs(one - other) <= 4;

if (noBrowser) test.skip('everything', noBrowser);
else {
  test.before(openBrowser);
  test.after(closeBrowser);

  test('a region is drawn, moved at a later moment, looked at as it goes out, and saved', async () => {
    await using page = await drawing();
    await using window = await opened(page);
    await drag(window, [100, 100], [260, 400]);
    await window.page.locator('#later').click();
    await window.page.locator('#later').click();
    await drag(window, [180, 250], [280, 250]);
    await window.page.locator('#preview').click();
    await loaded(window, '/preview.jpg');
    await window.page.locator('#preview').click();
    await loaded(window, '/still.jpg');
    await window.page.locator('#save').click();
    const { masks, sha256 } = await page.saved;
    const kept = parseMasks(readFileSync(page.file));
    assert.is(kept.sha256, sha256);
    assert.equal(kept.masks, masks);
    assert.is(masks.mode, 'except');
    assert.is(masks.style, 'solid');
    const [one] = rectanglesAt(masks, start, { width: 768, height: 576 });
    const [other] = rectanglesAt(masks, start + 2000, { width: 768, height: 576 });
    assert.ok(
      one && near(one.left, 100) && near(one.top, 100) && near(one.right, 260) && near(one.bottom, 400),
    );
    assert.ok(other && near(other.left, 200) && near(other.right, 360));
    assert.equal(rectanglesAt(masks, start + 2100, { width: 768, height: 576 }), []);
    assert.equal(window.troubles, []);
  });

  test('everything can be done by keys, and what axe finds is nothing', async () => {
    await using page = await drawing();
    await using window = await opened(page);
    const { keyboard } = window.page;
    const focus = (id: string): Promise<void> => window.page.locator(`#${id}`).focus();
    await focus('save');
    await keyboard.press('Enter');
    await eventually('the refusal', async () => (await window.text('#said')) !== '');
    assert.not(existsSync(page.file), 'nothing is drawn yet');
    await focus('canvas');
    await keyboard.press('n');
    for (let i = 0; i < 5; i++) await keyboard.press('ArrowLeft');
    await keyboard.press('Shift+ArrowRight');
    await window.page.locator('#x').fill('40');
    await keyboard.press('Tab');
    await focus('always');
    await keyboard.press('Enter');
    await window.page.locator('input[value="mosaic"]').focus();
    await keyboard.press('Space');
    assert.equal(await window.axe(), []);
    await focus('save');
    await keyboard.press('Enter');
    const { masks } = await page.saved;
    assert.is(masks.style, 'mosaic');
    const size = { width: 768, height: 576 };
    assert.is(rectanglesAt(masks, start + 5900, size)[0]?.left, 40);
    assert.is(masks.regions[0]?.keys[0]?.width, Math.round(768 * 0.2) + 8);
    assert.equal(
      window.troubles.filter((one) => !one.includes('ERR_CONNECTION')),
      [],
    );
  });

  test('what was drawn before is there again', async () => {
    const key = { x: 10, y: 20, width: 100, height: 200 };
    const document = {
      version: 1,
      picture: { width: 384, height: 288 },
      mode: 'at',
      style: 'mosaic',
      regions: [
        {
          name: 'passante',
          from: new Date(start).toISOString(),
          to: new Date(start + 3000).toISOString(),
          keys: [{ at: new Date(start).toISOString(), ...key }],
        },
      ],
    };
    await using page = await drawing(parseMasks(Buffer.from(JSON.stringify(document))));
    await using window = await opened(page);
    await window.page.locator('#save').click();
    const { masks } = await page.saved;
    assert.is(masks.mode, 'at');
    assert.is(masks.style, 'mosaic');
    const [region] = masks.regions;
    assert.is(region?.to, start + 3000);
    assert.equal(region?.keys, [{ at: start, x: 20, y: 40, width: 200, height: 400 }]);
  });

  test('on a phone and in the dark nothing is cut off or unreadable', async () => {
    await using page = await drawing();
    await using window = await opened(page, { viewport: { width: 390, height: 844 }, colorScheme: 'dark' });
    assert.ok(await window.run<boolean>('document.documentElement.scrollWidth <= innerWidth'));
    assert.equal(await window.axe(), []);
    assert.equal(window.troubles, []);
  });
}

test('its address counts once, and it answers nobody else', async () => {
  await using page = await drawing();
  const { origin } = new URL(page.url);
  const ask = (path: string, options: RequestInit = {}) =>
    fetch(`${origin}${path}`, { redirect: 'manual', ...options });
  assert.is((await ask('/')).status, 403);
  assert.is((await ask('/still.jpg?at=0')).status, 403);
  assert.is((await ask('/facts.json')).status, 403);
  assert.is((await ask('/?token=wrong')).status, 403);
  const first = await ask(new URL(page.url).pathname + new URL(page.url).search);
  assert.is(first.status, 303);
  const given = first.headers.get('set-cookie') ?? '';
  assert.match(given, /HttpOnly; SameSite=Strict/);
  const cookie = given.split(';')[0] ?? '';
  assert.is((await fetch(page.url, { redirect: 'manual' })).status, 403, 'a second time');
  const html = await ask('/', { headers: { cookie } });
  assert.match(html.headers.get('content-security-policy') ?? '', /default-src 'none'; script-src 'self'/);
  assert.not.match(await html.text(), /<script(?![^>]* src=)|\sstyle=|\son\w+=/);
  const still = await ask(`/still.jpg?at=${start}`, { headers: { cookie } });
  assert.is(still.status, 200);
  assert.is(still.headers.get('cache-control'), 'no-store');
  for (const at of ['', 'x', '1e300', '0', '9007199254740993'])
    assert.is((await ask(`/still.jpg?at=${at}`, { headers: { cookie } })).status, 422, at);
  const post = (path: string, body: string, headers: Record<string, string> = {}) =>
    ask(path, { method: 'POST', body, headers: { cookie, ...headers } });
  assert.is((await post('/masks', '{}', { 'sec-fetch-site': 'cross-site' })).status, 403);
  assert.is((await post('/masks', '{}', { origin: 'http://127.0.0.1:1' })).status, 403);
  for (const body of ['', '{}', 'null', '{"version":1}'])
    assert.is((await post('/masks', body, { 'sec-fetch-site': 'same-origin' })).status, 422);
  for (const body of ['', '{}', '{"at":0}'])
    assert.is((await post('/preview', body, { 'sec-fetch-site': 'same-origin' })).status, 422);
  assert.is((await ask('/nothing', { headers: { cookie } })).status, 404);
  assert.not(existsSync(page.file));
  const { request } = await import('node:http');
  const status = await new Promise((resolve) => {
    request(`${origin}/`, { headers: { host: 'rebound.example', cookie } }, (answer) => {
      answer.resume();
      resolve(answer.statusCode);
    }).end();
  });
  assert.is(status, 421, 'a name that somebody else can point here');
});
