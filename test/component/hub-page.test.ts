import { writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { request as secureRequest } from 'node:https';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { systemFiles } from '#agent/platform/files.ts';
import { type LoginRole, openLogins } from '../../deploy/hub/page/logins.ts';
import { loginsPath, requireGuarded } from '../../deploy/hub/page/open-page.ts';
import { findRequest } from '../../deploy/hub/register/requests.ts';
import { opensslProgram, testAuthority } from '../support/certificates.ts';
import { runProgram } from '../support/child-program.ts';
import { codeThrown } from '../support/code-thrown.ts';
import { eventually } from '../support/eventually.ts';
import { fakeClock } from '../support/fake-clock.ts';
import { password, record, type SimulatedTown, simulatedTown } from '../support/simulated-town.ts';
import { suite } from '../support/suite.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { makeTown } from '../support/town.ts';

const test = suite('the town hall’s page, by its answers', { timeoutMs: 180_000 });

const everyone: readonly LoginRole[] = ['maintainer', 'operator', 'officer'];
const hour = 3_600_000;

/** A browser without a window: keeps a cookie, follows nothing, sends forms as the page's own. */
interface Visitor {
  cookie: string;
  get(path: string): Promise<Response>;
  /** `sent`: headers other than those of a form of this page. */
  post(path: string, form: Record<string, string>, sent?: Record<string, string>): Promise<Response>;
  /** Logs in as the one with this role; the answer. */
  logIn(name: string, secret?: string): Promise<Response>;
  /** The token in the page's forms. */
  token(): Promise<string>;
}

function visitor(town: SimulatedTown): Visitor {
  const origin = town.page.url() as string;
  const ask = async (path: string, options: RequestInit = {}): Promise<Response> => {
    const headers = { ...(options.headers as Record<string, string>), cookie: own.cookie };
    const answer = await fetch(`${origin}${path}`, { redirect: 'manual', ...options, headers });
    const set = answer.headers.get('set-cookie');
    if (set !== null) own.cookie = set.split(';')[0] as string;
    return answer;
  };
  const own: Visitor = {
    cookie: '',
    get: (path) => ask(path),
    post: (path, form, sent = { 'sec-fetch-site': 'same-origin' }) =>
      ask(path, { method: 'POST', body: new URLSearchParams(form), headers: sent }),
    logIn: (name, secret = password) => own.post('/login', { name, password: secret }),
    token: async () => /name="csrf" value="([\w-]{43})"/.exec(await (await own.get('/')).text())?.[1] ?? '',
  };
  return own;
}

/** What a watcher is told until it was told all of the page's parts once, or the stream ends. */
async function toldOnce(answer: Response): Promise<string> {
  let text = '';
  const reader = (answer.body as ReadableStream<Uint8Array>).getReader();
  while (!/"id":"(?:wall|box)"/.test(text)) {
    const { done, value } = await reader.read();
    if (done) break;
    text += Buffer.from(value).toString();
  }
  await reader.cancel();
  return text;
}

/** All that a visitor can read, in both languages. */
async function everything(one: Visitor): Promise<string> {
  const pages = ['/', '/?lang=en', '/register', '/request', '/metrics', '/healthz', '/hub.css'];
  // Of the node that a request is about.
  const nodes = ['/node?id=site-09', '/node?id=site-09&lang=en', '/node?id=hub'];
  const texts = [...pages, ...nodes].map(async (path) => await (await one.get(path)).text());
  const live = ['/live?lang=it', '/live?lang=en', '/live?lang=it&node=site-09'].map(async (path) =>
    toldOnce(await one.get(path)),
  );
  return (await Promise.all([...texts, ...live])).join('\n');
}

/** Words that only a request, a hold, an extraction or the register has. */
function secretsOf(request: string, id: string): string[] {
  const { protocol, authority, persons, reason } = record;
  return [
    request,
    id,
    protocol,
    authority,
    persons[0]?.name ?? '',
    reason,
    'id="requests',
    'case-review',
    'drill-overdue',
    ' flows"',
    'class="hold"',
    'href="/register',
    'href="/request',
  ];
}

/** A request under way, and what the hub says of cases. */
async function withRequest(town: SimulatedTown): Promise<{ request: string; id: string }> {
  const request = town.ask('site-09', 'cam-1');
  const id = town.grant(request);
  town.keep(request);
  for (const key of [`case-review.${id}`, 'drill-overdue'])
    await town.alerts.raise({
      node: 'hub',
      key,
      severity: 'warning',
      detail: `fascicolo ${id}`,
      from: 'hub',
    });
  return { request, id };
}

for (const role of everyone)
  test(`${role}: sees ${role === 'maintainer' ? 'no request, hold or extraction, anywhere' : 'requests and the register'}`, async () => {
    using folder = temporaryFolder();
    await using town = await simulatedTown(folder.path, { logins: everyone });
    const { request, id } = await withRequest(town);
    const one = visitor(town);
    assert.is((await one.logIn(role)).status, 303);
    const text = await everything(one);
    // What everybody is to see is there.
    assert.match(text, 'camera-down.cam-2');
    assert.match(text, 'peio_');
    const found = secretsOf(request, id).filter((secret) => text.includes(secret));
    if (role === 'maintainer') assert.equal(found, []);
    else
      for (const secret of [request, id, record.protocol, 'drill-overdue', ' flows"', 'class="hold"'])
        assert.ok(found.includes(secret), secret);
    const status = role === 'maintainer' ? 403 : 200;
    assert.is((await one.get('/register')).status, status);
    // What a role does not see it does not change either.
    const csrf = await one.token();
    await one.post('/ack', { csrf, alert: 'hub/drill-overdue' });
    const drill = town.alerts.raised().find(({ key }) => key === 'drill-overdue');
    assert.is(drill?.acknowledged?.by, role === 'maintainer' ? undefined : role);
    await one.post('/ack', { csrf, alert: 'site-02/camera-down.cam-2' });
    const down = town.alerts.raised().find(({ key }) => key === 'camera-down.cam-2');
    assert.is(down?.acknowledged?.by, role);
  });

/** A request as the form sends it. */
const asking = {
  camera: 'site-09/cam-1',
  from: '2026-11-20T10:00',
  to: '2026-11-20T11:00',
  protocol: record.protocol,
  date: record.date,
  authority: record.authority,
  persons: 'Mario Rossi, maresciallo\nAnna Verdi, appuntata',
  purpose: record.purpose,
  reason: record.reason,
};

test('a request enters the register once, by who logged in; what is wrong with one is said, and nothing enters', async () => {
  using folder = temporaryFolder();
  await using town = await simulatedTown(folder.path, { logins: everyone });
  const [operator, maintainer] = [visitor(town), visitor(town)];
  await operator.logIn('operator');
  await maintainer.logIn('maintainer');
  const [csrf, foreign] = [await operator.token(), await maintainer.token()];
  const wrong: [Record<string, string>, RegExp][] = [
    [{ protocol: '' }, /Numero di protocollo/],
    [{ to: asking.from }, /Dalle, Alle/],
    [{ from: 'yesterday' }, /Dalle, Alle/],
    // Skipped by the clock change: evidence is not guessed.
    [{ from: '2026-03-29T02:30', to: '2026-03-29T04:00' }, /Dalle, Alle/],
    [{ camera: '../../etc' }, /Telecamere/],
    [{ persons: 'Mario Rossi' }, /Incaricati/],
    [{ purpose: 'curiosity' }, /Finalità/],
    [{ reason: ' ' }, /Motivo/],
    [{ date: '22/11/2026' }, /Data della richiesta/],
  ];
  for (const [change, said] of wrong) {
    const answer = await operator.post('/request', { ...asking, ...change, csrf, act: 'enter' });
    assert.is(answer.status, 200);
    assert.match(await answer.text(), said);
  }
  for (const act of ['enter', 'show', 'part']) {
    assert.is((await maintainer.post('/request', { ...asking, csrf: foreign, act })).status, 403);
    assert.is((await operator.post('/request', { ...asking, csrf: foreign, act })).status, 403);
  }
  assert.is((await maintainer.get('/request')).status, 403);
  assert.equal(town.register.lines(), []);

  const typed = { ...asking, authority: '<script>alert(1)</script>"' };
  const shown = await (await operator.post('/request', { ...typed, csrf, act: 'show' })).text();
  assert.match(shown, '&lt;script&gt;alert(1)&lt;/script&gt;&quot;');
  const entered = await operator.post('/request', { ...asking, csrf, act: 'enter' });
  assert.is(entered.status, 303);
  assert.match(entered.headers.get('location') ?? '', /^\/request\?id=\d{4}-0001&lang=it$/);
  const [line, ...more] = town.register.lines();
  assert.equal([line?.kind, line?.by, more.length], ['request', 'page:operator', 0]);
  const found = findRequest(town.register.lines(), line?.request ?? '');
  // Rome is an hour ahead.
  assert.equal(found?.record.windows, [
    { node: 'site-09', camera: 'cam-1', from: '2026-11-20T09:00:00.000Z', to: '2026-11-20T10:00:00.000Z' },
  ]);
  assert.is(found?.record.persons.length, 2);
  const next = await (await operator.get(entered.headers.get('location') ?? '')).text();
  assert.match(next, `peio-hub extract --request ${line?.request} --node site-09 --camera cam-1`);
  assert.is((await maintainer.get(entered.headers.get('location') ?? '')).status, 403);
});

test('a long register comes page by page', async () => {
  using folder = temporaryFolder();
  await using town = await simulatedTown(folder.path, { logins: everyone });
  for (let i = 0; i < 230; i++) town.ask('site-09', 'cam-1');
  const one = visitor(town);
  await one.logIn('officer');
  const newest = await (await one.get('/register')).text();
  const rows = (text: string) => [...text.matchAll(/id="line-(\d+)"/g)].map(([, seq]) => Number(seq));
  assert.equal([rows(newest)[0], rows(newest).at(-1)], [230, 31]);
  assert.match(newest, `${record.authority}, ${record.protocol}`);
  const older = /href="(\/register[^"]*before=31)"/.exec(newest)?.[1]?.replaceAll('&amp;', '&');
  const last = await (await one.get(older ?? '')).text();
  assert.equal([rows(last)[0], rows(last).at(-1)], [30, 1]);
  assert.not.match(last, 'before=');
  assert.is((await one.get('/register?before=nonsense')).status, 200);
});

test('without a login nothing is told but the form, once there are logins', async () => {
  using folder = temporaryFolder();
  await using town = await simulatedTown(folder.path, { logins: everyone });
  const { request, id } = await withRequest(town);
  const one = visitor(town);
  for (const path of ['/', '/register', '/request']) {
    const answer = await one.get(path);
    assert.is(answer.status, 303, path);
    assert.match(answer.headers.get('location') ?? '', /^\/login/);
  }
  assert.is((await one.get('/live')).status, 401);
  assert.is((await one.post('/ack', { alert: 'site-02/camera-down.cam-2' })).status, 303);
  assert.is(
    town.alerts.raised().some(({ acknowledged }) => acknowledged !== undefined),
    false,
  );
  const form = await (await one.get('/login')).text();
  for (const secret of [...secretsOf(request, id), 'site-02']) assert.not.match(form, secret);
});

test('on loopback without any login it shows what the maintainer sees, and changes nothing', async () => {
  using folder = temporaryFolder();
  await using town = await simulatedTown(folder.path);
  const { request, id } = await withRequest(town);
  const one = visitor(town);
  const text = await everything(one);
  assert.match(text, 'camera-down.cam-2');
  assert.equal(
    secretsOf(request, id).filter((secret) => text.includes(secret)),
    [],
  );
  assert.is((await one.get('/register')).status, 403);
  assert.is(
    (await one.post('/ack', { alert: 'site-02/camera-down.cam-2' })).headers.get('location'),
    '/login',
  );
  assert.is(
    town.alerts.raised().some(({ acknowledged }) => acknowledged !== undefined),
    false,
  );
});

test('a wrong password and a wrong name are refused alike; the right one gives a cookie that scripts cannot read', async () => {
  using folder = temporaryFolder();
  await using town = await simulatedTown(folder.path, { logins: everyone });
  const one = visitor(town);
  const refusals = [await one.logIn('officer', 'una montagna di neve!'), await one.logIn('nobody')];
  const bodies = await Promise.all(refusals.map((answer) => answer.text()));
  assert.equal(
    refusals.map(({ status }) => status),
    [403, 403],
  );
  assert.is(bodies[0], bodies[1]);
  assert.is(one.cookie, '');
  const right = await one.logIn('officer');
  assert.is(right.status, 303);
  assert.match(right.headers.get('set-cookie') ?? '', /^peio=[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict$/);
  assert.is((await one.get('/register')).status, 200);
  // Whoever has the file of logins has no password, and no session either.
  const kept = (await systemFiles.read(loginsPath(folder.path), 100_000)).toString();
  assert.not.match(kept, password);
  assert.not.match(kept, one.cookie.slice(5));
  // Here they are cheap. What a hub keeps is dear to try: OWASP's figures for scrypt.
  const logins = openLogins(systemFiles, loginsPath(folder.path));
  await logins.put({ name: 'anna', role: 'operator' }, password);
  const [anna] = JSON.parse((await systemFiles.read(loginsPath(folder.path), 100_000)).toString()).slice(-1);
  assert.equal([anna.name, anna.scrypt.N, anna.scrypt.r, anna.scrypt.p], ['anna', 131_072, 8, 1]);
  assert.is(
    await codeThrown(() => logins.put({ name: 'anna', role: 'operator' }, 'too short')),
    'short-password',
  );
  assert.is((await visitor(town).logIn('anna')).status, 303);
});

test('logging out ends the session and what it watches', async () => {
  using folder = temporaryFolder();
  await using town = await simulatedTown(folder.path, { logins: everyone });
  const one = visitor(town);
  await one.logIn('operator');
  const { cookie } = one;
  const csrf = await one.token();
  const watched = (await one.get('/live')).body as ReadableStream<Uint8Array>;
  const ended = (async () => {
    for await (const _ of watched);
  })();
  assert.is((await one.post('/logout', { csrf })).status, 303);
  await ended;
  one.cookie = cookie;
  assert.is((await one.get('/register')).status, 303);
});

test('a form counts with its session’s token, and from a page of this address', async () => {
  using folder = temporaryFolder();
  await using town = await simulatedTown(folder.path, { logins: everyone });
  const [one, other] = [visitor(town), visitor(town)];
  await one.logIn('operator');
  await other.logIn('officer');
  const [csrf, foreign] = [await one.token(), await other.token()];
  assert.is.not(csrf, foreign);
  const alert = 'site-02/camera-down.cam-2';
  const origin = town.page.url() as string;
  const sent: [Record<string, string>, Record<string, string> | undefined][] = [
    [{ alert }, undefined],
    [{ alert, csrf: '' }, undefined],
    [{ alert, csrf: foreign }, undefined],
    [{ alert, csrf: `${csrf}a` }, undefined],
    [{ alert, csrf }, { 'sec-fetch-site': 'cross-site' }],
    [{ alert, csrf }, { 'sec-fetch-site': 'same-site' }],
    [{ alert, csrf }, { 'sec-fetch-site': 'none' }],
    [{ alert, csrf }, { origin: 'https://elsewhere.example' }],
    [{ alert, csrf }, { origin: 'null' }],
    [{ alert, csrf }, {}],
  ];
  for (const [form, headers] of sent)
    for (const path of ['/ack', '/logout']) {
      const answer = await (headers ? one.post(path, form, headers) : one.post(path, form));
      assert.is(answer.status, 403, `${path} ${JSON.stringify([form, headers])}`);
    }
  for (const headers of [{}, { origin: 'https://elsewhere.example' }, { 'sec-fetch-site': 'cross-site' }])
    assert.is((await one.post('/login', { name: 'officer', password }, headers)).status, 403);
  await one.get(`/ack?alert=${encodeURIComponent(alert)}&csrf=${csrf}`);
  assert.is(
    town.alerts.raised().some(({ acknowledged }) => acknowledged !== undefined),
    false,
  );
  // A browser too old to say where it comes from says at least the origin.
  assert.is((await one.post('/ack', { alert, csrf }, { origin })).status, 303);
  assert.is(town.alerts.raised()[0]?.acknowledged?.by, 'operator');
});

test('tries are counted by name, wherever they come from, and by address, whatever the names', async () => {
  using folder = temporaryFolder();
  const clock = fakeClock(Date.now());
  await using town = await simulatedTown(folder.path, { logins: everyone, clock });
  const tries: number[] = [];
  for (let i = 0; i < 7; i++) tries.push((await visitor(town).logIn('officer', `guess number ${i}`)).status);
  assert.equal(tries, [403, 403, 403, 403, 403, 429, 429]);
  // The right password waits as well; another name is not locked out by it.
  assert.is((await visitor(town).logIn('officer')).status, 429);
  assert.is((await visitor(town).logIn('operator')).status, 303);
  // What is refused without a look is a try all the same: from here came twenty.
  for (let i = 0; i < 11; i++) assert.is((await visitor(town).logIn('officer')).status, 429);
  assert.is((await visitor(town).logIn('operator')).status, 429);
  await clock.advance(31_000);
  assert.is((await visitor(town).logIn('officer')).status, 303);
});

test('a session ends after two idle hours, and after twelve in any case', async () => {
  using folder = temporaryFolder();
  const clock = fakeClock(Date.now());
  await using town = await simulatedTown(folder.path, { logins: everyone, clock });
  const [idle, busy] = [visitor(town), visitor(town)];
  await idle.logIn('operator');
  await busy.logIn('operator');
  let hours = 0;
  for (; hours < 20; hours += 1.5) {
    if ((await busy.get('/register')).status !== 200) break;
    await clock.advance(1.5 * hour);
  }
  assert.is(hours, 13.5, 'the session that was used');
  await idle.logIn('operator');
  await clock.advance(1.9 * hour);
  assert.is((await idle.get('/register')).status, 200);
  await clock.advance(2.1 * hour);
  assert.is((await idle.get('/register')).status, 303);
});

test('who is removed, or has another role, is out within seconds', async () => {
  using folder = temporaryFolder();
  await using town = await simulatedTown(folder.path, { logins: everyone, clock: fakeClock(Date.now()) });
  const clock = town.clock as ReturnType<typeof fakeClock>;
  const [officer, operator] = [visitor(town), visitor(town)];
  await officer.logIn('officer');
  await operator.logIn('operator');
  const watched = (await operator.get('/live')).body as ReadableStream<Uint8Array>;
  const ended = (async () => {
    for await (const _ of watched);
  })();
  const logins = openLogins(systemFiles, loginsPath(folder.path));
  await logins.remove('officer');
  await logins.put({ name: 'operator', role: 'maintainer' }, password);
  await eventually('both to be out', async () => {
    await clock.advance(1000);
    return (await officer.get('/register')).status === 303 && (await operator.get('/')).status === 303;
  });
  await ended;
});

test('every answer has the strict policy; files are of here, and nothing else of the disk is served', async () => {
  using folder = temporaryFolder();
  await using town = await simulatedTown(folder.path);
  const one = visitor(town);
  for (const path of [
    '/',
    '/login',
    '/page.js',
    '/page.css',
    '/hub.css',
    '/icon.svg',
    '/metrics',
    '/nowhere',
    '/register',
  ]) {
    const answer = await one.get(path);
    assert.match(
      answer.headers.get('content-security-policy') ?? '',
      /^default-src 'none'; script-src 'self'/,
      path,
    );
    assert.not.match(answer.headers.get('content-security-policy') ?? '', 'unsafe');
    assert.is(answer.headers.get('x-content-type-options'), 'nosniff', path);
    assert.not.match(
      await answer.text(),
      /<script(?![^>]*src="\/)|\sstyle="|\son\w+="|https?:\/\/(?!www\.w3\.org)/,
    );
  }
  for (const path of [
    '/../logins.json',
    '/data/logins.json',
    '/browser/hub.css',
    '/%2e%2e/settings.ts',
    '/__proto__',
    '/constructor',
  ])
    assert.is((await one.get(path)).status, 404, path);
  assert.is((await fetch(`${town.page.url()}/`, { method: 'DELETE' })).status, 405);
  const large = await one.post('/login', { name: 'a', password: 'x'.repeat(40_000) });
  assert.is(large.status, 413);
});

/** Status for a request that calls the page by another name. */
function calledBy(town: SimulatedTown, host: string, path = '/'): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const asked = request(`${town.page.url()}${path}`, { headers: { host } }, (answer) => {
      answer.resume();
      resolve(answer.statusCode);
    });
    asked.once('error', reject);
    asked.end();
  });
}

test('on plain HTTP it answers to loopback’s names and those of hub.yaml alone', async () => {
  using folder = temporaryFolder();
  await using town = await simulatedTown(folder.path, {
    web: { origins: ['https://telecamere.peio.example'] },
  });
  const hosts = [
    '127.0.0.1:9',
    'localhost',
    '[::1]:80',
    'telecamere.peio.example',
    'evil.example',
    '127.0.0.1.evil.example',
  ];
  const statuses = [];
  for (const host of hosts) statuses.push(await calledBy(town, host));
  // The name of a proxy leads to the login, whether there is one or not.
  assert.equal(statuses, [303, 303, 303, 303, 421, 421]);
});

test('beyond loopback it does not listen without TLS and a login', async () => {
  using folder = temporaryFolder();
  await using town = await simulatedTown(folder.path, { logins: ['officer'] });
  const { settings } = town;
  using empty = temporaryFolder();
  const guarded = (listen: string, dir: string, tls: boolean): Promise<string | undefined> => {
    const web = { listen, origins: [], ...(tls ? { cert: 'a', key: 'b' } : {}) };
    return codeThrown(() => requireGuarded({ ...settings, dir, web }, systemFiles));
  };
  for (const listen of [
    '0.0.0.0:8080',
    '10.0.0.1:443',
    '[::]:8080',
    'municipio:80',
    '[fe80::1]:80',
    '127.evil.example:80',
  ]) {
    assert.is(await guarded(listen, folder.path, false), 'web-open', listen);
    assert.is(await guarded(listen, empty.path, true), 'web-open', listen);
    assert.is(await guarded(listen, folder.path, true), undefined, listen);
  }
  // A proxy on this machine: whoever it lets through is no neighbour.
  const proxied = (dir: string, origin: string): Promise<string | undefined> => {
    const web = { listen: '127.0.0.1:0', origins: [origin] };
    return codeThrown(() => requireGuarded({ ...settings, dir, web }, systemFiles));
  };
  assert.is(await proxied(empty.path, 'https://telecamere.peio.example'), 'web-open');
  assert.is(await proxied(folder.path, 'http://telecamere.peio.example'), 'web-open');
  assert.is(await proxied(folder.path, 'https://telecamere.peio.example'), undefined);
  assert.is(await proxied(empty.path, 'http://localhost:8080'), undefined);
  for (const listen of ['127.0.0.1:8080', 'localhost:0', '[::1]:80'])
    assert.is(await guarded(listen, empty.path, false), undefined, listen);
});

test('behind a proxy nothing is shown without a login, also when the last one is gone, and no metrics', async () => {
  using folder = temporaryFolder();
  const host = 'telecamere.peio.example';
  await using town = await simulatedTown(folder.path, {
    logins: ['officer'],
    web: { origins: [`https://${host}`] },
  });
  const one = visitor(town);
  assert.is((await one.get('/metrics')).status, 200);
  assert.is(await calledBy(town, host, '/metrics'), 404);
  await openLogins(systemFiles, loginsPath(folder.path)).remove('officer');
  assert.is(await calledBy(town, host), 303);
  assert.is(await calledBy(town, host, '/live'), 401);
  assert.is((await one.get('/')).status, 303);
});

test('logging in again ends the session before', async () => {
  using folder = temporaryFolder();
  await using town = await simulatedTown(folder.path, { logins: everyone });
  const one = visitor(town);
  await one.logIn('operator');
  const { cookie } = one;
  await one.logIn('officer');
  assert.is.not(one.cookie, cookie);
  assert.is((await one.get('/register')).status, 200);
  one.cookie = cookie;
  assert.is((await one.get('/register')).status, 303);
});

test('hub serve ends with 78 rather than listen in the open', async () => {
  using folder = temporaryFolder();
  const { hub } = await makeTown(folder.path, { cameras: [{ id: 'cam-1', rtsp: 'rtsp://127.0.0.1:1/a' }] });
  const file = join(hub, 'hub.yaml');
  const yaml = (await systemFiles.read(file, 100_000)).toString();
  writeFileSync(file, `${yaml}\nweb: { listen: "0.0.0.0:0" }\n`);
  const { code, err } = await runProgram('deploy/hub/main.ts', ['serve', '--hub', hub]);
  assert.is(code, 78, err);
});

if (opensslProgram === undefined) test.skip('under TLS', 'openssl is not installed');
else
  test('under TLS the cookie is Secure and bound to this host', async () => {
    using folder = temporaryFolder();
    const authority = testAuthority(join(folder.path, 'ca'));
    const { cert, key } = authority.issue('hub', { addresses: ['127.0.0.1'] });
    await using town = await simulatedTown(join(folder.path, 'hub'), {
      logins: ['officer'],
      web: { cert, key },
    });
    assert.match(town.page.url() ?? '', /^https:/);
    const ca = await systemFiles.read(authority.ca, 100_000);
    const cookie = await new Promise<string>((resolve, reject) => {
      const headers = {
        'sec-fetch-site': 'same-origin',
        'content-type': 'application/x-www-form-urlencoded',
      };
      const asked = secureRequest(`${town.page.url()}/login`, { method: 'POST', ca, headers }, (answer) => {
        answer.resume();
        resolve(String(answer.headers['set-cookie']));
      });
      asked.once('error', reject);
      asked.end(new URLSearchParams({ name: 'officer', password }).toString());
    });
    assert.match(cookie, /^__Host-peio=[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict; Secure$/);
  });
