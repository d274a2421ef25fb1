import * as assert from 'uvu/assert';
import { systemFiles } from '#agent/platform/files.ts';
import { type LoginRole, openLogins } from '../../deploy/hub/page/logins.ts';
import { loginsPath } from '../../deploy/hub/page/open-page.ts';
import { closeBrowser, type Look, look, noBrowser, openBrowser } from '../support/browser.ts';
import { eventually } from '../support/eventually.ts';
import {
  cutOff,
  password,
  record,
  type SimulatedTown,
  simulatedTown,
  townNodes,
} from '../support/simulated-town.ts';
import { suite } from '../support/suite.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const test = suite('the town hall’s page, in a browser', { timeoutMs: 240_000 });

const everyone: readonly LoginRole[] = ['maintainer', 'operator', 'officer'];

/** What has the focus, and whether one sees it. */
const focused = `(() => {
  const at = document.activeElement;
  const { outlineStyle } = getComputedStyle(at);
  return (at.id || at.className.baseVal || at.className || at.name || at.textContent) + (outlineStyle === 'none' ? ' without a mark' : '');
})()`;
/** What was loaded before the page was painted, and when it was. */
const painted = `(() => {
  const all = [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')];
  const sizes = all.filter(({ name }) => !name.includes('/live')).map(({ transferSize }) => transferSize);
  const paint = performance.getEntriesByName('first-contentful-paint')[0];
  return { bytes: sizes.reduce((sum, size) => sum + size, 0), paintedMs: paint.startTime };
})()`;
/** Names on the map that lie upon each other, where they are shown. */
const collisions = `(() => {
  const names = [...document.querySelectorAll('svg.map text.name')].filter((name) => name.getClientRects().length > 0);
  const boxes = names.map((name) => ({ text: name.textContent, box: name.getBoundingClientRect() }));
  return boxes.flatMap((a, i) => boxes.slice(i + 1).filter((b) =>
    a.box.left < b.box.right - 1 && b.box.left < a.box.right - 1 && a.box.top < b.box.bottom - 3 && b.box.top < a.box.bottom - 3
  ).map((b) => a.text + ' / ' + b.text));
})()`;

async function shown(
  town: SimulatedTown,
  options: Parameters<typeof look>[1] = {},
  path = '/',
): Promise<Look> {
  const origin = town.page.url() as string;
  const window = await look(origin, { viewport: { width: 1440, height: 900 }, ...options });
  await window.page.goto(`${origin}${path}`);
  return window;
}

async function logIn(window: Look, name: string): Promise<void> {
  const { page } = window;
  await page.locator('input[name=name]').fill(name);
  await page.locator('input[name=password]').fill(password);
  await page.keyboard.press('Enter');
  await page.locator('#first').waitFor();
}

if (noBrowser) test.skip('everything', noBrowser);
else {
  test.before(openBrowser);
  test.after(closeBrowser);

  test('the first line answers; map, nodes worst first and every camera’s week on one screen', async () => {
    using folder = temporaryFolder();
    await using town = await simulatedTown(folder.path);
    await using window = await shown(town);
    const { page } = window;
    assert.is(
      await window.text('h1'),
      'Isola ecologica di Peio Fonti (vicino Hotel Pejo) (2), Peio Fonti CRM (site-02/cam-2): la telecamera non risponde: controllare alimentazione e cavo di rete, da 18 h.',
    );
    // All twenty places, each once where it is seen, with its state in words.
    assert.is(await page.locator('svg.map.wide a.place').count(), 19);
    assert.is(await page.locator('svg.map.wide .hall').count(), 1);
    assert.is(
      await page.locator('svg.map.wide #place-site-02').getAttribute('aria-label'),
      'Peio Fonti CRM: guasto',
    );
    assert.ok((await page.locator('svg.map.wide line.way').count()) >= 15);
    assert.is(await page.locator('svg.map.wide g.inset').count(), 2);
    assert.equal(await window.run(collisions), []);
    const nodes = await page.locator('#nodes > ul > li').evaluateAll((all) => all.map(({ id }) => id));
    assert.is(nodes.length, 19);
    assert.is(nodes[0], 'node-site-02');
    const rows = await page.locator('#wall > a').evaluateAll((all) => all.map(({ id }) => id));
    assert.is(rows.length, 43);
    assert.equal(rows.slice(0, 3), ['row-site-02-cam-2', 'row-site-12-cam-2', 'row-site-12-cam-1']);
    const wall = await page.locator('#wall').boundingBox();
    assert.ok(wall && wall.height <= 900, `the wall is ${wall?.height} px high`);
    // A strip says what is recorded, what is not, and why.
    const strip = page.locator('#strip-site-12-cam-1');
    assert.match(
      (await strip.getAttribute('aria-valuetext')) ?? '',
      /^94,\d % registrato, 2 interruzioni, 9 h$/,
    );
    assert.match(
      (await strip.locator('.notch title').allTextContents()).join('; '),
      /nessuna risposta dalla telecamera \(no-connection\): .*, 9 h/,
    );
    assert.equal(window.troubles, []);
  });

  test('one relay that breaks is one cause: the sites behind it are affected, not failing', async () => {
    using folder = temporaryFolder();
    await using town = await simulatedTown(folder.path);
    await using window = await shown(town);
    const { page } = window;
    const behind = await cutOff(town, 'relay-c');
    assert.ok(behind.length > 2, 'a relay with sites behind it');
    await eventually('the first line', async () =>
      (await window.text('h1')).startsWith(`San Rocco guasto da 12 min: ${behind.length} siti coinvolti.`),
    );
    await page.locator('#node-relay-c .failing').waitFor();
    for (const id of behind) {
      assert.match(await window.text(`#node-${id}`), /coinvolto.*fuori portata a causa di San Rocco/);
      // What they do meanwhile nobody knows here.
      assert.not.match(await window.text(`#node-${id}`), 'registra');
      const mark = page.locator(`svg.map.wide #place-${id}`);
      assert.match((await mark.getAttribute('aria-label')) ?? '', /: coinvolto$/);
    }
    // Their alerts are folded below the one that explains them.
    await eventually(
      'the relay to be the first alert',
      async () =>
        (await page.locator('#alerts > ul > li').first().getAttribute('id')) ===
        'alert-hub-relay-c/node-down',
    );
    assert.match(
      await window.text('#explained-relay-c\\/node-down summary'),
      `${behind.length} avvisi spiegati da San Rocco`,
    );
    assert.ok((await page.locator('svg.map.wide line.way.affected').count()) >= 1);
    assert.equal(await window.axe(), []);
    assert.equal(window.troubles, []);
  });

  test('what changes is shown while one looks; place, focus and what was pointed at stay', async () => {
    using folder = temporaryFolder();
    await using town = await simulatedTown(folder.path);
    await using window = await shown(town);
    const { page } = window;
    await page.locator('#strip-site-12-cam-1').focus();
    await page.keyboard.press('ArrowUp');
    const said = await window.text('#wall-readout');
    assert.match(said, /no-connection|agent-stopped/);
    await town.alerts.clear('site-02', 'camera-down.cam-2', 'node');
    const sight = town.sights.find(({ id }) => id === 'site-02');
    const cameras = sight?.health?.cameras ?? [];
    if (sight?.health)
      sight.health.cameras = cameras.map(({ reason: _, ...camera }) => ({
        ...camera,
        state: 'recording' as const,
      }));
    await eventually('all to be well', async () =>
      (await window.text('h1')).startsWith('Tutto regolare: 19 nodi, 43 telecamere, 7 giorni.'),
    );
    // Over, but nobody has said that they saw it.
    await page.locator('#alerts').getByText('rientrato').waitFor();
    assert.match(await page.title(), '');
    assert.is(await window.run('document.activeElement.id'), 'strip-site-12-cam-1');
    assert.is(await window.text('#wall-readout'), said);
    town.broker = false;
    await eventually('the broker to be missed', async () =>
      (await window.text('h1')).includes('non raggiunge il broker'),
    );
    assert.equal(window.troubles, []);
  });

  test('log in, take on an alert, follow a request and its moving footage, log out', async () => {
    using folder = temporaryFolder();
    await using town = await simulatedTown(folder.path, { logins: everyone });
    await using window = await shown(town);
    const { page } = window;
    assert.match(page.url(), /\/login/);
    assert.equal(await window.axe(), []);
    await page.locator('input[name=name]').fill('officer');
    await page.locator('input[name=password]').fill('not the password');
    await page.keyboard.press('Enter');
    assert.is(await window.text('[role=alert].wrong'), 'Nome o password errati.');
    window.troubles.length = 0; // The browser notes the 403.
    await logIn(window, 'officer');
    assert.match(await window.text('header'), 'officer, responsabile');
    assert.match(await window.text('#requests'), 'Nessuna richiesta.');
    const request = town.ask('site-09', 'cam-1');
    const id = town.grant(request);
    await page.locator(`#case-${id} progress`).waitFor();
    assert.match(await window.text('#requests'), `${request} ${record.protocol}, ${record.authority}`);
    assert.match(await window.text(`#case-${id}`), '2/6, 2.0 MB / 6.0 MB');
    assert.ok((await page.locator('svg.map.wide line.way.flows').count()) >= 1);
    await page.locator('#ack-site-02\\/camera-down\\.cam-2').click();
    await page.locator('#alerts').getByText('preso in carico da officer').waitFor();
    assert.match(
      await window.text('h1'),
      /^1 avviso preso in carico\. Per il resto: tutto regolare: 19 nodi/,
    );
    await page.locator('#requests').waitFor();
    assert.equal(await window.axe(), []);
    await page.getByRole('link', { name: 'Registro' }).click();
    assert.match(await window.text('main table'), request);
    assert.equal(await window.axe(), []);
    await page.getByRole('button', { name: 'Esci' }).click();
    await page.locator('form.login').waitFor();
    assert.equal(window.troubles, []);
  });

  test('an alert is put on the shelf for a shift and taken up again; a place where somebody works says so', async () => {
    using folder = temporaryFolder();
    await using town = await simulatedTown(folder.path, { logins: everyone });
    await using window = await shown(town);
    const { page } = window;
    await logIn(window, 'maintainer');
    await page.locator('#shelving-site-02\\/camera-down\\.cam-2 summary').click();
    assert.equal(await window.axe(), []);
    await page.locator('#shelve-site-02\\/camera-down\\.cam-2-8').click();
    await page.locator('#shelved summary').click();
    assert.match(await window.text('#shelved'), /^1 avviso accantonato.*accantonato da maintainer fino a/);
    const shelved = town.alerts.list()[0]?.shelved;
    assert.is(shelved && shelved.until - shelved.at, 8 * 3_600_000);
    assert.match(await window.text('h1'), /^Tutto regolare/);
    assert.match(await window.text('#node-site-02'), /^in manutenzione/);
    assert.is(
      await page.locator('#place-site-02').getAttribute('aria-label'),
      'Peio Fonti CRM: in manutenzione',
    );
    assert.equal(await window.axe(), []);
    await page.locator('#unshelve-site-02\\/camera-down\\.cam-2').click();
    await page.locator('#alerts > ul > #alert-node-site-02\\/camera-down\\.cam-2').waitFor();
    // Not on the shelf, and then for a time that nobody offers.
    const csrf = await page.locator('#shelve input').getAttribute('value');
    const alert = '9999 site-02/camera-down.cam-2';
    await page.request.post(`${town.page.url()}/shelve`, {
      form: { csrf: csrf ?? '', alert },
      headers: { 'sec-fetch-site': 'same-origin' },
      maxRedirects: 0,
    });
    assert.is(town.alerts.list()[0]?.shelved, undefined);
    const now = town.clock.utc();
    await town.alerts.announceMaintenance({
      node: 'site-02',
      from: now,
      until: now + 3_600_000,
      by: 'anna',
      reason: 'cavo',
    });
    await page.locator('#node-site-02').getByText('in manutenzione fino a').waitFor();
    await page.locator('#resting').waitFor();
    await town.alerts.clear('site-02', 'camera-down.cam-2', 'node');
    assert.equal(window.troubles, []);
  });

  test('the maintainer takes on an alert, and finds nothing of a request, not even moving lines', async () => {
    using folder = temporaryFolder();
    await using town = await simulatedTown(folder.path, { logins: everyone });
    const request = town.ask('site-09', 'cam-1');
    const id = town.grant(request);
    await using window = await shown(town);
    const { page } = window;
    await logIn(window, 'maintainer');
    await page.locator('#ack-site-02\\/camera-down\\.cam-2').click();
    await page.locator('#alerts').getByText('preso in carico da maintainer').waitFor();
    const said = await page.content();
    for (const secret of [
      request,
      id,
      record.protocol,
      record.authority,
      'id="requests',
      ' flows"',
      '/register',
      '/request',
    ])
      assert.not.match(said, secret);
    assert.equal(window.troubles, []);
  });

  test('a request: what is recorded shows while the window is chosen, then it enters and the command is there', async () => {
    using folder = temporaryFolder();
    await using town = await simulatedTown(folder.path, { logins: everyone });
    await using window = await shown(town);
    const { page } = window;
    await logIn(window, 'operator');
    await page.getByRole('link', { name: 'Nuova richiesta' }).click();
    assert.match(await window.text('#window'), /^Scegliere una telecamera/);
    assert.equal(await window.axe(), []);
    // A camera that did not answer for nine hours.
    await page.getByRole('checkbox', { name: 'Bivio SP87-Comasine-ciclabile (1)' }).check();
    const strip = page.locator('#ask-site-12-cam-1');
    await strip.waitFor();
    assert.match(await window.text('#window'), /1 h, tutto registrato\. Circa 1,8 GB, 59 min a 4 Mbit\/s\./);
    // Its window by the keyboard: from the gap on.
    await strip.focus();
    await page.keyboard.press('Home');
    await page.keyboard.press('ArrowDown');
    await page.getByRole('button', { name: 'Da qui' }).press('Enter');
    await eventually('the warning', async () =>
      /▲|9 h mancano, nessuna risposta dalla telecamera \(no-connection\)/.test(
        await window.text('#window .warnings'),
      ),
    );
    await strip.focus();
    await page.keyboard.press('PageDown');
    await page.getByRole('button', { name: 'Fino a qui' }).press('Enter');
    await eventually('the window of a day', async () =>
      /^1 g, di cui (?:14|15) h/.test(await window.text('#window strong')),
    );
    assert.is(await strip.locator('rect.chosen').count(), 1);
    assert.equal(await window.axe(), []);
    await page.getByLabel('Numero di protocollo').fill(record.protocol);
    await page.getByLabel('Autorità o persona che chiede').fill(record.authority);
    await page.getByLabel('Incaricati della visione').fill('Mario Rossi, maresciallo');
    await page.getByLabel('Finalità').selectOption(record.purpose);
    await page.getByRole('button', { name: 'Iscrivi nel registro' }).click();
    // The reason is missing: the browser says so, and what was typed stays.
    assert.is(await window.run('document.activeElement.name'), 'reason');
    await page.getByLabel('Motivo').fill(record.reason);
    await page.getByRole('button', { name: 'Iscrivi nel registro' }).click();
    await page.locator('pre').first().waitFor();
    const [line] = town.register.lines();
    assert.match(
      await window.text('pre'),
      `peio-hub extract --request ${line?.request} --node site-12 --camera cam-1`,
    );
    assert.match(await window.text('main section'), /9 h mancano/);
    assert.equal(await window.axe(), []);
    await page.getByRole('link', { name: 'Torna al quadro' }).click();
    assert.match(await window.text('#requests'), `${line?.request} ${record.protocol}`);
    assert.equal(window.troubles, []);
  });

  test('the request form on a phone, and without a script', async () => {
    using folder = temporaryFolder();
    await using town = await simulatedTown(folder.path, { logins: everyone });
    await using window = await shown(town, {
      viewport: { width: 360, height: 740 },
      javaScriptEnabled: false,
    });
    const { page } = window;
    await logIn(window, 'operator');
    await page.goto(`${town.page.url()}/request`);
    await page.getByRole('checkbox', { name: 'Bivio SP87-Comasine-ciclabile (1)' }).check();
    await page.getByRole('button', { name: 'Mostra che cosa è registrato' }).click();
    await page.locator('#ask-site-12-cam-1').waitFor();
    assert.match(await window.text('#window'), '1 h, tutto registrato.');
    assert.is(await page.getByRole('button', { name: 'Da qui' }).count(), 0);
    const strip = await page.locator('#ask-site-12-cam-1 svg.strip').boundingBox();
    assert.ok(strip && strip.width >= 320 && strip.x + strip.width <= 360, JSON.stringify(strip));
  });

  test('a page that stands open for weeks loads itself anew when another version serves it, and not before', async () => {
    using folder = temporaryFolder();
    await using town = await simulatedTown(folder.path);
    await using window = await look(town.page.url() as string);
    const { page } = window;
    let loaded = 0;
    page.on('load', () => {
      loaded += 1;
    });
    /** Each answer ends, as if the hub had gone: the browser comes back at once. */
    const said = ['1', '1', '1', '2', '2', '2'];
    let asked = 0;
    await page.route('**/live?*', (route) => {
      const made = said[Math.min(asked, said.length - 1)];
      asked += 1;
      return route.fulfill({
        contentType: 'text/event-stream',
        body: `retry: 200\nevent: made\ndata: ${made}\n\n`,
      });
    });
    await page.goto(town.page.url() as string);
    await eventually('the other version', () => asked >= 4 && loaded === 2);
    await eventually('more of it', () => asked >= 8);
    assert.is(loaded, 2);
  });

  test('the register on a phone: a line below the other, nothing beyond the edge, a table for who listens', async () => {
    using folder = temporaryFolder();
    await using town = await simulatedTown(folder.path, { logins: everyone });
    town.ask('site-09', 'cam-1');
    await using window = await shown(town, { viewport: { width: 360, height: 740 } });
    const { page } = window;
    await logIn(window, 'officer');
    await page.goto(`${town.page.url()}/register`);
    assert.is(await window.run('document.documentElement.scrollWidth'), 360);
    assert.ok(
      await window.run(
        "(({ scrollWidth, clientWidth }) => scrollWidth <= clientWidth)(document.querySelector('.table'))",
      ),
    );
    assert.is(await page.getByRole('cell').count(), 6);
    assert.is(await page.getByRole('columnheader').count(), 6);
    assert.equal(await window.axe(), []);
  });

  test('who is removed while they look is led to the login, and sees nothing more', async () => {
    using folder = temporaryFolder();
    await using town = await simulatedTown(folder.path, { logins: everyone });
    await using window = await shown(town);
    const { page } = window;
    await logIn(window, 'operator');
    await openLogins(systemFiles, loginsPath(folder.path)).remove('operator');
    await page.locator('form.login').waitFor({ timeout: 60_000 });
    assert.not.match(await page.content(), 'site-02');
  });

  for (const colorScheme of ['light', 'dark'] as const)
    for (const lang of ['it', 'en'])
      test(`no obstacle that axe finds: ${colorScheme}, ${lang}`, async () => {
        using folder = temporaryFolder();
        await using town = await simulatedTown(folder.path);
        await cutOff(town, 'relay-c');
        await using window = await shown(town, { colorScheme }, `/?lang=${lang}`);
        const { page } = window;
        const ground = await window.run('getComputedStyle(document.documentElement).backgroundColor');
        assert.is(ground, colorScheme === 'dark' ? 'rgb(20, 23, 26)' : 'rgb(255, 255, 255)');
        assert.is(await page.getAttribute('html', 'lang'), lang);
        assert.equal(await window.axe(), []);
        assert.equal(window.troubles, []);
      });

  test('the page of a node: from the list by the keyboard, live, on a phone, in both themes without an obstacle', async () => {
    using folder = temporaryFolder();
    await using town = await simulatedTown(folder.path, { logins: everyone });
    await using window = await shown(town);
    const { page } = window;
    await logIn(window, 'maintainer');
    await page.locator('#node-site-02 a').focus();
    await page.keyboard.press('Enter');
    await page.locator('#box').waitFor();
    assert.match(await window.text('h1'), /\(site-02\/cam-2\): la telecamera non risponde/);
    assert.is(await page.locator('#cameras article').count(), 2);
    assert.is(await page.locator('#alerts li').count(), 1);
    assert.equal(await window.axe(), []);
    // Taken on here, one stays here, and what is elsewhere is not told.
    await page.locator('#ack-site-02\\/camera-down\\.cam-2').press('Enter');
    await page.getByText('preso in carico da maintainer').waitFor();
    assert.match(page.url(), /\/node\?id=site-02/);
    await town.alerts.raise({
      node: 'site-09',
      key: 'camera-down.cam-1',
      severity: 'critical',
      detail: 'altrove',
      from: 'node',
    });
    await town.alerts.clear('site-02', 'camera-down.cam-2', 'node');
    await page.locator('#alerts').getByText('Nessun avviso.').waitFor();
    assert.not.match(await page.content(), 'altrove');
    const { cookies } = await page.context().storageState();
    for (const colorScheme of ['light', 'dark'] as const) {
      const origin = town.page.url() as string;
      await using phone = await look(origin, { viewport: { width: 360, height: 740 }, colorScheme });
      await phone.page.context().addCookies(cookies);
      for (const [id, lang] of [
        ['site-01', 'en'],
        ['relay-c', 'it'],
      ] as const) {
        await phone.page.goto(`${origin}/node?id=${id}&lang=${lang}`);
        assert.is(await phone.run('document.documentElement.scrollWidth'), 360);
        assert.equal(await phone.axe(), []);
      }
      assert.is(await phone.page.locator('#cameras').count(), 0, 'a relay has none');
      assert.equal(phone.troubles, []);
    }
    assert.equal(window.troubles, []);
  });

  test('on a phone it is one column: nothing hangs over, strips and map have the whole width', async () => {
    using folder = temporaryFolder();
    await using town = await simulatedTown(folder.path);
    await using window = await shown(town, { viewport: { width: 360, height: 740 }, hasTouch: true });
    const { page } = window;
    assert.is(await window.run('document.documentElement.scrollWidth'), 360);
    const strip = await page.locator('#strip-site-02-cam-2 svg.strip').boundingBox();
    assert.ok(strip && strip.width >= 344, `${strip?.width}`);
    assert.is(await page.locator('svg.map.wide').isVisible(), false);
    const map = await page.locator('svg.map.narrow').boundingBox();
    assert.ok(map && map.width >= 344, `${map?.width}`);
    assert.equal(await window.run(collisions), []);
    // A finger on a strip.
    const notch = page.locator('#strip-site-12-cam-1 .notch .cause').first();
    await notch.scrollIntoViewIfNeeded();
    const box = await notch.boundingBox();
    assert.ok(box);
    await page.touchscreen.tap(box.x + box.width / 2, box.y + box.height / 2);
    assert.match(await window.text('#wall-readout'), /no-connection/);
    assert.equal(await window.axe(), []);
    assert.equal(window.troubles, []);
  });

  test('with the keyboard alone: in the order in which it is read, past the strips, every one with a mark', async () => {
    using folder = temporaryFolder();
    await using town = await simulatedTown(folder.path, { logins: everyone });
    await using window = await shown(town);
    const { page } = window;
    await page.keyboard.press('Tab');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Tab');
    await page.keyboard.type('operator');
    await page.keyboard.press('Tab');
    await page.keyboard.type(password);
    await page.keyboard.press('Enter');
    await page.locator('#first').waitFor();
    const reached: string[] = [];
    for (let i = 0; i < 80 && reached.at(-1) !== 'skip-wall'; i++) {
      await page.keyboard.press('Tab');
      reached.push(await window.run<string>(focused));
    }
    assert.equal(
      reached.filter((one) => one.endsWith('without a mark')),
      [],
    );
    assert.equal(reached.slice(0, 4), ['skip', 'Esci', 'lang', 'ack-site-02/camera-down.cam-2']);
    assert.ok(reached.includes('place-site-02'));
    assert.is(reached.at(-1), 'skip-wall');
    await page.keyboard.press('Enter');
    await page.keyboard.press('Tab');
    assert.not.match(await window.run<string>(focused), 'strip');
    // Back to the alert, and take it on.
    await page.locator('#ack-site-02\\/camera-down\\.cam-2').focus();
    await page.keyboard.press('Enter');
    await page.locator('#alerts').getByText('preso in carico da operator').waitFor();
    assert.equal(window.troubles, []);
  });

  test('43 cameras with a bad week are painted within a second, in less than 300 kB', async () => {
    using folder = temporaryFolder();
    await using town = await simulatedTown(folder.path);
    // The best of a few: what else this machine does is not the page's doing.
    let [bytes, paintedMs] = [0, Number.POSITIVE_INFINITY];
    for (let i = 0; i < 5 && paintedMs >= 700; i++) {
      await using window = await shown(town);
      await eventually('the page to be painted', () =>
        window.run<boolean>("performance.getEntriesByName('first-contentful-paint').length > 0"),
      );
      const one = await window.run<{ bytes: number; paintedMs: number }>(painted);
      bytes = Math.max(bytes, one.bytes);
      paintedMs = Math.min(paintedMs, one.paintedMs);
    }
    console.log(
      `  measured: first paint of 43 cameras after ${Math.round(paintedMs)} ms, ${Math.round(bytes / 1000)} kB`,
    );
    assert.ok(bytes > 30_000 && bytes < 300_000, `${bytes} bytes`);
    assert.ok(paintedMs < 1000, `${paintedMs} ms`);
  });

  test('a thousand nodes are still usable', async () => {
    using folder = temporaryFolder();
    const { nodes: own } = townNodes();
    const nodes = Array.from({ length: 1000 }, (_, i) => {
      const like = own[i % own.length] as (typeof own)[number];
      const turn = Math.floor(i / own.length);
      return {
        ...like,
        id: `n${i}`,
        name: `${like.name} ${turn}`,
        uplink: undefined,
        lat: (like.lat ?? 46) + (turn % 8) * 0.03,
        lon: (like.lon ?? 10) + Math.floor(turn / 8) * 0.05,
      };
    }).map(({ uplink: _, ...node }) => node);
    await using town = await simulatedTown(folder.path, { nodes });
    const began = performance.now();
    await using window = await shown(town);
    const { page } = window;
    page.setDefaultTimeout(60_000);
    await page.locator('#node-n0').waitFor({ state: 'attached' });
    const loadedMs = performance.now() - began;
    const cameras = nodes.reduce((sum, node) => sum + node.cameras.length, 0);
    console.log(
      `  measured: 1000 nodes, ${cameras} cameras, ${Math.round((await page.content()).length / 1000)} kB, loaded after ${Math.round(loadedMs)} ms`,
    );
    assert.ok(loadedMs < 30_000, `${loadedMs} ms`);
    const before = performance.now();
    await town.alerts.raise({
      node: 'n7',
      key: 'node-down',
      severity: 'critical',
      since: 0,
      detail: 'il nodo non risponde',
      from: 'hub',
    });
    await page.locator('#alert-hub-n7\\/node-down').waitFor();
    const toldMs = performance.now() - before;
    console.log(`  measured: a new alert among 1000 nodes is on the page after ${Math.round(toldMs)} ms`);
    assert.ok(toldMs < 30_000, `${toldMs} ms`);
    assert.equal(window.troubles, []);
  });
}
