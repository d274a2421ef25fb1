import * as assert from 'uvu/assert';
import { systemClock } from '#agent/platform/clock.ts';
import { systemFiles } from '#agent/platform/files.ts';
import { listenHttp } from '#agent/platform/http.ts';
import { openPage } from '#agent/web/page.ts';
import { instantText } from '#protocol/time.ts';
import { closeBrowser, type Look, look, noBrowser, openBrowser } from '../support/browser.ts';
import { eventually } from '../support/eventually.ts';
import { type SimulatedSite, simulatedSite } from '../support/simulated-site.ts';
import { suite } from '../support/suite.ts';

const test = suite('the page of a site, in a browser', { timeoutMs: 240_000 });

interface Served extends AsyncDisposable {
  origin: string;
  site: SimulatedSite;
  stop(): Promise<void>;
}

async function serve(cameras = 6): Promise<Served> {
  const site = simulatedSite(cameras, systemClock.utc());
  const bugs: unknown[] = [];
  const failed = (error: unknown): void => void bugs.push(error);
  const page = openPage({
    source: site,
    clock: systemClock,
    files: systemFiles,
    zone: 'Europe/Rome',
    failed,
  });
  const listening = await listenHttp({ host: '127.0.0.1', port: 0 }, page.answer, {
    maxBodyBytes: 1024,
    failed,
  });
  let stopping: Promise<void> | undefined;
  const stop = (): Promise<void> => {
    page.close();
    stopping ??= listening.close();
    return stopping;
  };
  return {
    origin: `http://127.0.0.1:${listening.port}`,
    site,
    stop,
    async [Symbol.asyncDispose]() {
      await stop();
      assert.equal(bugs, []);
    },
  };
}

/** What has the focus, and whether one sees it. */
const focused = `(() => {
  const at = document.activeElement;
  const mark = getComputedStyle(at).outlineStyle === 'none' ? ' without a mark' : '';
  return (at.id || at.className || at.parentElement.id) + mark;
})()`;
/** What was loaded before the page was painted, and when it was. */
const painted = `(() => {
  const all = [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')];
  const sizes = all.filter(({ name }) => !name.includes('/live')).map(({ transferSize }) => transferSize);
  const paint = performance.getEntriesByName('first-contentful-paint')[0];
  return { bytes: sizes.reduce((sum, size) => sum + size, 0), paintedMs: paint.startTime };
})()`;

/** The page, open in a window; nothing may go wrong in it until it is closed. */
async function shown(served: Served, options: Parameters<typeof look>[1] = {}, path = '/'): Promise<Look> {
  const window = await look(served.origin, options);
  await window.page.goto(`${served.origin}${path}`);
  return window;
}

if (noBrowser) test.skip('everything', noBrowser);
else {
  test.before(openBrowser);
  test.after(closeBrowser);

  test('the first line answers, then worst first, by name before id', async () => {
    await using served = await serve();
    await using window = await shown(served);
    const { page } = window;
    assert.is(
      await window.text('h1'),
      'Parcheggio scuola zona sud/ovest (cam-2): la telecamera non risponde: controllare alimentazione e cavo di rete, da 18 h. Un altro avviso.',
    );
    assert.equal(await page.locator('#alerts li').evaluateAll((all) => all.map(({ id }) => id)), [
      'alert-camera-down.cam-2',
      'alert-short-retention.store',
    ]);
    const order = await page.locator('#cameras article').evaluateAll((all) => all.map(({ id }) => id));
    assert.is(order[0], 'camera-cam-2');
    assert.is(order.length, 6);
    const first = await window.text('#cameras article');
    assert.match(first, 'guasto, non registra da 18 h, nessuna risposta dalla telecamera no-connection');
    assert.match(await window.text('#links'), 'perdite0,4 %');
    assert.match(await window.text('#box'), 'per 8 g 11 h ai bitrate di ora');
    assert.match(await window.text('#box'), 'ultimo avvio dopo mancanza di corrente');
    assert.equal(window.troubles, []);
  });

  test('a strip tells time, cause and length to a pointer, a finger and the arrow keys', async () => {
    await using served = await serve();
    await using window = await shown(served, { hasTouch: true });
    const { page } = window;
    const strip = page.locator('#strip-cam-5');
    const readout = '#strip-cam-5 .readout';
    const valueText = async (): Promise<string> => (await strip.getAttribute('aria-valuetext')) ?? '';
    const notch = strip.locator('.notch').last();
    const title = (await notch.locator('title').textContent()) ?? '';
    assert.match(title, /^corrente mancata \(power-lost\): .*, 2 h 36 min$/);
    await strip.scrollIntoViewIfNeeded();
    const place = await notch.locator('.cause').boundingBox();
    assert.ok(place);
    const [x, y] = [place.x + place.width / 2, place.y + place.height / 2];
    await page.mouse.move(x, y);
    assert.match(await window.text(readout), title);
    await page.mouse.move(x + 100, y);
    assert.match(await window.text(readout), /· registrato$/);
    await page.touchscreen.tap(x, y);
    assert.match(await window.text(readout), title);

    await strip.focus();
    await page.keyboard.press('End');
    await page.keyboard.press('ArrowUp');
    assert.match(await valueText(), title);
    await page.keyboard.press('Shift+ArrowLeft');
    assert.match(await valueText(), /· registrato$/);
    // Times are those of the place, wherever the browser is.
    const before = await strip.getAttribute('data-at');
    const clock = new Intl.DateTimeFormat('it-IT', {
      timeZone: 'Europe/Rome',
      hour: '2-digit',
      minute: '2-digit',
    });
    assert.match(await valueText(), clock.format(Number(before)));
    assert.equal(window.troubles, []);
  });

  test('what changes is shown while one looks, and the reader keeps place, focus and what was opened', async () => {
    await using served = await serve();
    await using window = await shown(served);
    const { page } = window;
    await page.locator('#gaps-cam-1 summary').focus();
    await page.keyboard.press('Enter');
    await page.locator('#strip-cam-1').focus();
    await page.keyboard.press('ArrowUp');
    const said = await page.locator('#strip-cam-1 .readout').textContent();
    const { now, rows } = served.site;
    const cameras = now.health.cameras ?? [];
    now.health.cameras = cameras.map((camera) => ({
      ...camera,
      state: 'recording' as const,
      bitrate: 1_234_000,
    }));
    now.alerts = [
      {
        key: 'camera-audio-offered.cam-4',
        state: 'raised',
        severity: 'warning',
        since: instantText(systemClock.utc()),
        detail: 'la telecamera offre audio',
      },
    ];
    rows.set('cam-2', { ...rows.get('cam-2')!, now: 'recorded' });
    await page.locator('#alert-camera-audio-offered\\.cam-4').waitFor();
    assert.is(await page.locator('#alerts li').count(), 1);
    await page.getByText('1,2 Mbit/s').first().waitFor();
    assert.match(await window.text('h1'), 'la telecamera offre audio');
    // cam-4 is worst now: the articles changed places around the reader.
    assert.is(await page.locator('#cameras article').first().getAttribute('id'), 'camera-cam-4');
    assert.is(await window.run('document.activeElement.id'), 'strip-cam-1');
    assert.is(await page.locator('#strip-cam-1 .readout').textContent(), said);
    assert.is(await page.locator('#gaps-cam-1').getAttribute('open'), '');
    assert.equal(window.troubles, []);
  });

  test('a page whose server is gone says that it is of before, and takes it back', async () => {
    await using served = await serve(2);
    await using window = await shown(served);
    const { page } = window;
    await eventually('nothing to be stale', () =>
      window.run<boolean>('document.querySelector("#stale").hidden'),
    );
    assert.is(await page.isVisible('#stale'), false);
    await served.stop();
    await page.locator('#stale').waitFor();
    assert.match(await window.text('#stale'), 'Pagina non collegata');
  });

  test('on a phone it is one column, strips have the whole width, nothing hangs over', async () => {
    await using served = await serve();
    await using window = await shown(served, { viewport: { width: 360, height: 740 }, hasTouch: true });
    const { page } = window;
    assert.is(await window.run('document.documentElement.scrollWidth'), 360);
    const strip = await page.locator('#strip-cam-1 svg.strip').boundingBox();
    assert.ok(strip && strip.width >= 344, `${strip?.width}`);
    assert.equal(await window.axe(), []);
    assert.equal(window.troubles, []);
  });

  for (const colorScheme of ['light', 'dark'] as const)
    for (const lang of ['it', 'en'])
      test(`no obstacle that axe finds: ${colorScheme}, ${lang}`, async () => {
        await using served = await serve();
        await using window = await shown(served, { colorScheme }, `/?lang=${lang}`);
        const { page } = window;
        const ground = await window.run('getComputedStyle(document.documentElement).backgroundColor');
        assert.is(ground, colorScheme === 'dark' ? 'rgb(20, 23, 26)' : 'rgb(255, 255, 255)');
        assert.is(await page.getAttribute('html', 'lang'), lang);
        await page.locator('details').first().locator('summary').click();
        assert.equal(await window.axe(), []);
        assert.equal(window.troubles, []);
      });

  test('everything can be reached with the keyboard alone, in the order in which it is read', async () => {
    await using served = await serve(2);
    await using window = await shown(served);
    const { page } = window;
    const reached: string[] = [];
    for (let i = 0; i < 6; i++) {
      await page.keyboard.press('Tab');
      reached.push(await window.run(focused));
    }
    assert.equal(reached, ['skip', 'lang', 'strip-cam-2', 'gaps-cam-2', 'strip-cam-1', 'gaps-cam-1']);
    await page.keyboard.press('Enter');
    assert.is(await page.locator('#gaps-cam-1 tbody tr').first().isVisible(), true);
  });

  test('fourteen cameras with a bad week are painted within a second', async () => {
    await using served = await serve(14);
    // The best of a few: what else this machine does is not the page's doing.
    let [bytes, paintedMs] = [0, Number.POSITIVE_INFINITY];
    for (let i = 0; i < 5 && paintedMs >= 700; i++) {
      await using window = await shown(served);
      await eventually('the page to be painted', () =>
        window.run<boolean>("performance.getEntriesByName('first-contentful-paint').length > 0"),
      );
      const one = await window.run<{ bytes: number; paintedMs: number }>(painted);
      bytes = Math.max(bytes, one.bytes);
      paintedMs = Math.min(paintedMs, one.paintedMs);
    }
    console.log(
      `  measured: first paint of 14 cameras after ${Math.round(paintedMs)} ms, ${Math.round(bytes / 1000)} kB`,
    );
    assert.ok(bytes > 10_000 && bytes < 300_000, `${bytes} bytes`);
    assert.ok(paintedMs < 1000, `${paintedMs} ms`);
  });
}
