import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { findProgram } from './real-parts.ts';

const program = findProgram('chromium') ?? findProgram('chromium-browser');
/** Why this machine cannot look at pages, or undefined. */
export const noBrowser = program === undefined ? 'chromium is not installed' : undefined;

const axeSource = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

export type { Page };

/** A window on a page, and what went wrong while it was open. */
export interface Look extends AsyncDisposable {
  page: Page;
  /** Errors of scripts and of the content policy, and requests to anywhere else. */
  troubles: string[];
  /** What the first element says, its blanks as one. */
  text(selector: string): Promise<string>;
  /** The value of an expression in the page: browsers know names that Node's types do not. */
  run<T>(expression: string): Promise<T>;
  /** Every violation that axe finds, as `rule: selector`. */
  axe(): Promise<string[]>;
}

let browser: Browser | undefined;

export async function openBrowser(): Promise<void> {
  if (program === undefined) throw new Error(noBrowser);
  browser = await chromium.launch({
    executablePath: program,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}

export async function closeBrowser(): Promise<void> {
  await browser?.close();
  browser = undefined;
}

/** A window of its own, with nothing remembered. */
export async function look(origin: string, options: BrowserContextOptions = {}): Promise<Look> {
  if (browser === undefined) throw new Error('openBrowser() first');
  const context = await browser.newContext({
    viewport: { width: 1200, height: 900 },
    locale: 'it-IT',
    timezoneId: 'America/New_York',
    ignoreHTTPSErrors: true,
    ...options,
  });
  const page = await context.newPage();
  page.setDefaultTimeout(10_000);
  const troubles: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error') troubles.push(message.text());
  });
  page.on('pageerror', (error) => troubles.push(error.message));
  page.on('request', (request) => {
    if (!request.url().startsWith(origin)) troubles.push(`asked for ${request.url()}`);
  });
  return {
    page,
    troubles,
    text: async (selector) =>
      ((await page.locator(selector).first().textContent()) ?? '').replaceAll(/\s+/g, ' ').trim(),
    run: <T>(expression: string) => page.evaluate(expression) as Promise<T>,
    async axe() {
      // Evaluated by the debugger, so that the page's own policy stays as it is.
      await page.evaluate(axeSource);
      const found = (await page.evaluate("axe.run(document, { resultTypes: ['violations'] })")) as {
        violations: { id: string; nodes: { target: string[] }[] }[];
      };
      return found.violations.flatMap(({ id, nodes }) =>
        nodes.map(({ target }) => `${id}: ${target.join(' ')}`),
      );
    },
    [Symbol.asyncDispose]: () => context.close(),
  };
}
