// Takes the pictures in deploy/screenshots anew: node_modules/.bin/node test/system/screenshots-make.ts
// Looked at before they are kept; Debian's chromium and ffmpeg are needed.
import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '#agent/platform/clock.ts';
import { systemFiles } from '#agent/platform/files.ts';
import { listenHttp } from '#agent/platform/http.ts';
import { openPage } from '#agent/web/page.ts';
import { closeBrowser, look, openBrowser, type Page } from '../support/browser.ts';
import { simulatedSite } from '../support/simulated-site.ts';
import { cutOff, password, type SimulatedTown, simulatedTown } from '../support/simulated-town.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const out = join(import.meta.dirname, '..', '..', 'deploy', 'screenshots');
/** What a page of documentation may weigh. */
const mostBytes = 150_000;

type Window = NonNullable<Parameters<typeof look>[1]>;
const desk: Window = { viewport: { width: 1280, height: 900 } };
const dark: Window = { ...desk, colorScheme: 'dark' };
const phone: Window = { viewport: { width: 390, height: 844 }, hasTouch: true };

/** One picture: of the whole page, or of its first `height` pixels. */
async function take(page: Page, name: string, height?: number): Promise<void> {
  await page.waitForLoadState('load');
  const raw = join(out, `${name}.raw.png`);
  const width = page.viewportSize()?.width ?? 0;
  await page.screenshot({
    path: raw,
    fullPage: true,
    animations: 'disabled',
    ...(height === undefined ? {} : { clip: { x: 0, y: 0, width, height } }),
  });
  const kept = join(out, `${name}.webp`);
  const code = ['-c:v', 'libwebp', '-lossless', '1', '-compression_level', '6'];
  execFileSync('ffmpeg', ['-v', 'error', '-y', '-i', raw, ...code, kept]);
  rmSync(raw);
  const { size } = statSync(kept);
  process.stdout.write(`${name}.webp ${Math.round(size / 1000)} kB\n`);
  if (size > mostBytes) throw new Error(`${name}.webp is larger than ${mostBytes} bytes`);
}

async function logIn(page: Page, town: SimulatedTown, name: string): Promise<void> {
  await page.goto(`${town.page.url()}/login`);
  await page.locator('input[name=name]').fill(name);
  await page.locator('input[name=password]').fill(password);
  await page.keyboard.press('Enter');
  await page.locator('#first').waitFor();
}

async function ofTown(): Promise<void> {
  using folder = temporaryFolder();
  await using town = await simulatedTown(folder.path, { logins: ['maintainer', 'operator', 'officer'] });
  town.grant(town.ask('site-09', 'cam-2'));
  town.keep(town.ask('site-12', 'cam-1'));
  town.ask('site-15', 'cam-1');
  const origin = town.page.url() as string;
  for (const [name, window, height] of [
    ['town-hall', desk, 1640],
    ['hub-light', desk, undefined],
    ['hub-phone', phone, 2400],
  ] as const) {
    await using there = await look(origin, window);
    await logIn(there.page, town, 'officer');
    await take(there.page, name, height);
  }
  {
    await using there = await look(origin, desk);
    const { page } = there;
    await logIn(page, town, 'operator');
    await page.goto(`${origin}/register`);
    await take(page, 'register-light', 480);
    await page.goto(`${origin}/node?id=site-02`);
    await take(page, 'node-light');
    await page.goto(`${origin}/request`);
    await page.getByRole('checkbox', { name: 'Bivio SP87-Comasine-ciclabile (1)' }).check();
    const strip = page.locator('#ask-site-12-cam-1');
    await strip.waitFor();
    await strip.focus();
    for (const key of ['Home', 'ArrowDown', 'ArrowLeft']) await page.keyboard.press(key);
    await page.getByRole('button', { name: 'Da qui' }).click();
    await page.locator('#window .warnings').waitFor();
    await strip.focus();
    await page.keyboard.press('PageDown');
    await page.getByRole('button', { name: 'Fino a qui' }).click();
    await page.locator('#window strong').getByText('1 g').waitFor();
    await take(page, 'request-light');
  }
  await cutOff(town, 'relay-c');
  await using there = await look(origin, dark);
  await logIn(there.page, town, 'officer');
  await there.page.locator('#explained-relay-c\\/node-down').waitFor();
  await take(there.page, 'hub-dark');
}

async function ofSite(): Promise<void> {
  const failed = (error: unknown): never => {
    throw error;
  };
  const source = simulatedSite(3, systemClock.utc());
  const page = openPage({ source, clock: systemClock, files: systemFiles, zone: 'Europe/Rome', failed });
  const at = { host: '127.0.0.1', port: 0 };
  const listening = await listenHttp(at, page.answer, { maxBodyBytes: 1024, failed });
  const origin = `http://127.0.0.1:${listening.port}`;
  for (const [name, window] of Object.entries({
    'site-light': desk,
    'site-dark': dark,
    'site-phone': phone,
  })) {
    await using there = await look(origin, window);
    await there.page.goto(origin);
    await take(there.page, name);
  }
  page.close();
  await listening.close();
}

mkdirSync(out, { recursive: true });
await openBrowser();
await ofTown();
await ofSite();
await closeBrowser();
