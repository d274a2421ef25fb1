import * as assert from 'uvu/assert';
import { systemFiles } from '#agent/platform/files.ts';
import type { Asked, Reply } from '#agent/platform/http.ts';
import { openLive, type Watcher } from '#agent/view/live.ts';
import { openPage, type Page } from '#agent/web/page.ts';
import { fakeClock } from '../support/fake-clock.ts';
import { simulatedSite } from '../support/simulated-site.ts';
import { suite } from '../support/suite.ts';

const test = suite('the page of a site, as it answers');

function open(): { page: Page; ask(path: string, more?: Partial<Asked>): Promise<Reply & { text: string }> } {
  const clock = fakeClock();
  const site = simulatedSite(3, clock.utc());
  const failed = (error: unknown): never => {
    throw error;
  };
  const page = openPage({ source: site, clock, files: systemFiles, zone: 'Europe/Rome', failed });
  return {
    page,
    async ask(path, more = {}) {
      const [name = '/', query] = path.split('?');
      const reply = await page.answer({
        method: 'GET',
        path: name,
        query: new URLSearchParams(query),
        headers: { host: 'localhost:9464' },
        address: '127.0.0.1',
        body: Buffer.alloc(0),
        ...more,
      });
      assert.ok('body' in reply, 'an answer with an end');
      return { ...reply, text: reply.body.toString() };
    },
  };
}

test('nothing inline, nothing from elsewhere, nobody frames it', async () => {
  const { page, ask } = open();
  for (const path of ['/', '/page.js', '/page.css', '/icon.svg', '/metrics', '/healthz', '/nothing']) {
    const { headers = {}, text, status } = await ask(path);
    assert.is(status, path === '/nothing' ? 404 : 200, path);
    assert.match(headers['content-security-policy'] ?? '', "default-src 'none'");
    assert.not.match(headers['content-security-policy'] ?? '', 'unsafe');
    assert.is(headers['x-content-type-options'], 'nosniff');
    assert.not.match(text, /(?:src|href|url\()=?["']?(?:https?:)?\/\/(?!www\.w3\.org)/);
  }
  const { text } = await ask('/');
  assert.not.match(text, /<script(?![^>]*src=)/);
  assert.not.match(text, /<style|\sstyle=|\son\w+=/);
  page.close();
});

test('whoever asks by another name than a loopback one is refused, and so is writing', async () => {
  const { page, ask } = open();
  for (const host of ['evil.example', 'localhost.evil.example', '10.0.0.7:9464', undefined])
    assert.is((await ask('/metrics', { headers: { host } })).status, 421, host);
  for (const host of ['localhost', '127.0.0.1:9464', '[::1]:9464'])
    assert.is((await ask('/healthz', { headers: { host } })).status, 200, host);
  assert.is((await ask('/', { method: 'POST' })).status, 405);
  assert.is((await ask('/../secrets/node-key')).status, 404);
  assert.is((await ask('/constructor')).status, 404);
  page.close();
});

test('says what pictures are judged to be, of cameras that send some', async () => {
  const { page, ask } = open();
  const { text } = await ask('/');
  const said = [...text.matchAll(/<dt>inquadratura<\/dt><dd>([^<]*)<\/dd>/g)].map((match) => match[1]);
  assert.equal(said.sort(), ['non giudicabile', 'regolare']);
  page.close();
});

test('the language of the box, or the one that is asked for', async () => {
  const { page, ask } = open();
  assert.match((await ask('/')).text, '<html lang="it">');
  const english = (await ask('/?lang=en')).text;
  assert.match(english, '<html lang="en">');
  assert.match(
    english,
    /<h1[^>]*>[^<]*: the camera does not answer: check its power and its network cable, for 18 h\./,
  );
  assert.not.match(english, 'la telecamera non risponde');
  assert.match((await ask('/?lang=xx"><script>')).text, '<html lang="it">');
  page.close();
});

test('metrics are in the format of Prometheus and say what the page says', async () => {
  const { page, ask } = open();
  const { type, text } = await ask('/metrics');
  assert.match(type, 'text/plain; version=0.0.4');
  for (const line of [
    'peio_camera_state{node="site-01",camera="cam-2",state="failed"} 1',
    'peio_camera_state{node="site-01",camera="cam-1",state="recording"} 1',
    'peio_camera_bitrate_bits_per_second{node="site-01",camera="cam-1"} 3900000',
    'peio_camera_picture{node="site-01",camera="cam-1",verdict="ok"} 1',
    'peio_alert_raised{node="site-01",condition="camera-down",subject="cam-2",severity="critical"} 1',
    'peio_link_loss_ratio{node="site-01",link="uplink",to="relay-c"} 0.004',
    'peio_clock_state{node="site-01",state="synced"} 1',
    'peio_store_free_bytes{node="site-01"} 412000000000',
  ])
    assert.ok(text.split('\n').includes(line), line);
  // A link that is not measured is neither up nor down.
  assert.not.match(text, 'peio_link_up{node="site-01",link="radio"');
  for (const line of text.split('\n'))
    assert.match(line, /^(?:$|# (?:HELP|TYPE) peio_\w+ .+|peio_\w+\{[^}]*\} -?[\d.e+]+)$/);
  page.close();
});

/** A watcher that keeps what it was told. */
function watcher(): Watcher & { told: string[]; go(): void } {
  const gone = new AbortController();
  const told: string[] = [];
  return { told, gone: gone.signal, go: () => gone.abort(), write: (text) => void told.push(text) };
}

test('watchers are told what changed and nothing else, a beat when nothing did, and nobody is rendered for', async () => {
  const clock = fakeClock();
  let rendered = 0;
  const parts = new Map([
    ['a', 'one'],
    ['b', 'two'],
  ]);
  const live = openLive<string>({
    render: async () => {
      rendered += 1;
      return new Map(parts);
    },
    after: clock.after,
    everyMs: 1000,
    most: 2,
    made: '1.2.3',
    failed: (error) => {
      throw error;
    },
  });
  await clock.advance(10_000);
  assert.is(rendered, 0);
  const [first, second, third] = [watcher(), watcher(), watcher()];
  assert.is(live.watch('it', first), true);
  assert.is(live.watch('it', second), true);
  assert.is(live.watch('it', third), false);
  await clock.advance(1);
  assert.is(rendered, 1, 'once for both');
  assert.is(first.told[0], 'retry: 3000\nevent: made\ndata: 1.2.3\n\n');
  assert.match(first.told.join(''), 'data: {"id":"a","html":"one"}');
  assert.match(first.told.join(''), 'data: {"id":"b","html":"two"}');
  first.told.length = 0;
  parts.set('b', 'three\nlines');
  await clock.advance(1000);
  assert.equal(first.told, ['event: part\ndata: {"id":"b","html":"three\\nlines"}\n\n']);
  assert.equal(first.told, second.told.slice(-1));
  first.told.length = 0;
  await clock.advance(5000);
  assert.equal(first.told, ['event: beat\ndata:\n\n']);
  first.go();
  second.go();
  assert.is(live.watchers(), 0);
  await clock.advance(5000);
  const before = rendered;
  await clock.advance(10_000);
  assert.is(rendered, before);
  assert.is(clock.pending(), 0);
  live.close();
  assert.is(live.watch('it', watcher()), false);
});
