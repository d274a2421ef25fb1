import { existsSync, mkdirSync, readFileSync, rmdirSync, statSync, writeFileSync } from 'node:fs';
import * as assert from 'uvu/assert';
import { type Clock, systemClock } from '#agent/platform/clock.ts';
import { systemFiles } from '#agent/platform/files.ts';
import { openLogins } from '../../deploy/hub/page/logins.ts';
import { displaysPath, loginsPath } from '../../deploy/hub/page/open-page.ts';
import { codeThrown } from '../support/code-thrown.ts';
import { eventually } from '../support/eventually.ts';
import { password, type SimulatedTown, simulatedTown } from '../support/simulated-town.ts';
import { suite } from '../support/suite.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const test = suite('a screen on a wall', { timeoutMs: 120_000 });
const hour = 3_600_000;
const day = 24 * hour;

/**
 * The machine's clocks, with what was slept through: months of looks every five seconds would take as long to skip.
 * Looks come ten times as often.
 */
function sleptClock(): Clock & { sleep(ms: number): void } {
  let sleptMs = 0;
  return {
    ...systemClock,
    after: (pauseMs, then) => systemClock.after(pauseMs / 10, then),
    utc: () => (systemClock.utc() + sleptMs) as ReturnType<Clock['utc']>,
    monotonic: () => (systemClock.monotonic() + sleptMs) as ReturnType<Clock['monotonic']>,
    sleep(ms) {
      sleptMs += ms;
    },
  };
}

/** A town with a screen's login, and whoever else logs in. */
async function townWithScreen(folder: string, clock: Clock): Promise<SimulatedTown> {
  const town = await simulatedTown(folder, { logins: ['maintainer', 'operator'], clock });
  const logins = openLogins(systemFiles, loginsPath(folder), { N: 2 ** 12, r: 8, p: 1 });
  await logins.put({ name: 'muro', role: 'maintainer', display: true }, password);
  return town;
}

async function logIn(town: SimulatedTown, name: string): Promise<string> {
  const answer = await fetch(`${town.page.url()}/login`, {
    method: 'POST',
    body: new URLSearchParams({ name, password }),
    headers: { 'sec-fetch-site': 'same-origin' },
    redirect: 'manual',
  });
  assert.is(answer.status, 303);
  return answer.headers.get('set-cookie') ?? '';
}

async function look(town: SimulatedTown, cookie: string, path = '/'): Promise<Response> {
  return await fetch(`${town.page.url()}${path}`, {
    redirect: 'manual',
    headers: { cookie: cookie.split(';')[0] as string },
  });
}

/** Opens the stream of the page; resolves when the hub hangs up. */
async function watch(town: SimulatedTown, cookie: string): Promise<{ ended: Promise<void> }> {
  const { body, status } = await look(town, cookie, '/live?lang=it');
  assert.is(status, 200);
  const ended = (async () => {
    for await (const _ of body as ReadableStream<Uint8Array>);
  })();
  return { ended };
}

test('stays logged in for ninety days without a touch, where everybody else is out after two hours', async () => {
  using folder = temporaryFolder();
  const clock = sleptClock();
  await using town = await townWithScreen(folder.path, clock);
  const [screen, person] = [await logIn(town, 'muro'), await logIn(town, 'maintainer')];
  assert.match(screen, /; Max-Age=7776000$/);
  assert.not.match(person, 'Max-Age');
  clock.sleep(3 * hour);
  assert.is((await look(town, person)).status, 303);
  assert.is((await look(town, screen)).status, 200);
  clock.sleep(89 * day);
  assert.is((await look(town, screen)).status, 200);
  clock.sleep(day);
  assert.is((await look(town, screen)).status, 303);
});

test('sees what the maintainer sees, nothing of a request, and changes nothing', async () => {
  using folder = temporaryFolder();
  await using town = await townWithScreen(folder.path, sleptClock());
  const request = town.ask('site-09', 'cam-1');
  const id = town.grant(request);
  const cookie = await logIn(town, 'muro');
  const text = await (await look(town, cookie)).text();
  assert.match(text, 'camera-down.cam-2');
  assert.match(text, 'muro, schermo, sola lettura');
  for (const secret of [request, id, '/register', '/request', 'form="ack"', 'id="ack"'])
    assert.not.match(text, secret);
  assert.is((await look(town, cookie, '/register')).status, 403);
  assert.is((await look(town, cookie, '/request')).status, 403);
  const csrf = /name="csrf" value="([\w-]{43})"/.exec(text)?.[1] ?? '';
  const send = async (path: string, form: Record<string, string>): Promise<number> =>
    (
      await fetch(`${town.page.url()}${path}`, {
        method: 'POST',
        body: new URLSearchParams({ csrf, ...form }),
        headers: { 'sec-fetch-site': 'same-origin', cookie: cookie.split(';')[0] as string },
        redirect: 'manual',
      })
    ).status;
  const alert = 'site-02/camera-down.cam-2';
  assert.is(await send('/ack', { alert }), 403);
  assert.is(await send('/shelve', { alert: `1 ${alert}` }), 403);
  assert.is(await send('/request', { act: 'enter' }), 403);
  const [one] = town.alerts.list();
  assert.equal([one?.acknowledged, one?.shelved], [undefined, undefined]);
  assert.is(await send('/logout', {}), 303);
  assert.is((await look(town, cookie)).status, 303);
  assert.equal(JSON.parse(readFileSync(displaysPath(folder.path), 'utf8')), []);
});

test('is still logged in after a restart of the hub; the file is for the hub alone, and no cookie is in it', async () => {
  using folder = temporaryFolder();
  const clock = sleptClock();
  let cookie: string;
  let person: string;
  {
    await using town = await townWithScreen(folder.path, clock);
    cookie = await logIn(town, 'muro');
    person = await logIn(town, 'operator');
  }
  const kept = readFileSync(displaysPath(folder.path), 'utf8');
  assert.is(statSync(displaysPath(folder.path)).mode & 0o077, 0);
  assert.not.match(kept, cookie.split(/[=;]/)[1] as string);
  clock.sleep(80 * day);
  {
    await using town = await simulatedTown(folder.path, { clock });
    assert.is((await look(town, cookie)).status, 200);
    assert.is((await look(town, person)).status, 303);
    // A restart prolongs nothing.
    clock.sleep(11 * day);
    assert.is((await look(town, cookie)).status, 303);
    cookie = await logIn(town, 'muro');
  }
  // What was put into the file by somebody else is none of a screen's.
  const made = JSON.parse(readFileSync(displaysPath(folder.path), 'utf8')) as { name: string }[];
  writeFileSync(displaysPath(folder.path), JSON.stringify(made.map((one) => ({ ...one, name: 'operator' }))));
  {
    await using town = await simulatedTown(folder.path, { clock });
    assert.is((await look(town, cookie)).status, 303);
  }
  // A damaged file costs a login, not the page.
  writeFileSync(displaysPath(folder.path), '[{');
  await using town = await simulatedTown(folder.path, { clock });
  assert.is((await look(town, cookie)).status, 303);
  cookie = await logIn(town, 'muro');
  assert.is((await look(town, cookie)).status, 200);
  assert.is((JSON.parse(readFileSync(displaysPath(folder.path), 'utf8')) as unknown[]).length, 1);
});

test('a disk that cannot be written keeps nobody out; the screen is noted as soon as it can', async () => {
  using folder = temporaryFolder();
  await using town = await townWithScreen(folder.path, sleptClock());
  // Where the file would be is a folder.
  mkdirSync(displaysPath(folder.path));
  const cookie = await logIn(town, 'muro');
  assert.is((await look(town, cookie)).status, 200);
  rmdirSync(displaysPath(folder.path));
  const noted = (): number =>
    existsSync(displaysPath(folder.path))
      ? (JSON.parse(readFileSync(displaysPath(folder.path), 'utf8')) as unknown[]).length
      : 0;
  await eventually('the screen to be noted', () => noted() === 1);
});

test('with another password, or without its login, it is out within seconds, and what it watches ends', async () => {
  using folder = temporaryFolder();
  const clock = sleptClock();
  await using town = await townWithScreen(folder.path, clock);
  const logins = openLogins(systemFiles, loginsPath(folder.path), { N: 2 ** 12, r: 8, p: 1 });
  for (const change of [
    () => logins.put({ name: 'muro', role: 'maintainer', display: true }, password),
    () => logins.remove('muro'),
  ]) {
    const cookie = await logIn(town, 'muro');
    const { ended } = await watch(town, cookie);
    await change();
    await eventually('the screen to be out', async () => (await look(town, cookie)).status === 303);
    await ended;
  }
  for (const role of ['operator', 'officer'] as const)
    assert.is(await codeThrown(() => logins.put({ name: 'muro', role, display: true }, password)), 'usage');
});
