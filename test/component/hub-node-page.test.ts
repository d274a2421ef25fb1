import * as assert from 'uvu/assert';
import { eventually } from '../support/eventually.ts';
import { cutOff, password, type SimulatedTown, simulatedTown } from '../support/simulated-town.ts';
import { suite } from '../support/suite.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const test = suite('the page of a node at the town hall', { timeoutMs: 120_000 });

async function read(
  town: SimulatedTown,
  path: string,
  cookie = '',
): Promise<{ status: number; text: string }> {
  const answer = await fetch(`${town.page.url()}${path}`, { redirect: 'manual', headers: { cookie } });
  return { status: answer.status, text: await answer.text() };
}

const facts = (text: string): Record<string, string> =>
  Object.fromEntries(
    [...text.matchAll(/<dt>([^<]*)<\/dt><dd>(.*?)<\/dd>/gs)].map(([, name, value]) => [
      name as string,
      (value as string).replaceAll(/<[^>]*>/g, '').trim(),
    ]),
  );

test('shows what a camera says of itself, its stream, the links and the box, in both languages', async () => {
  using folder = temporaryFolder();
  await using town = await simulatedTown(folder.path);
  const sight = town.sights.find(({ id }) => id === 'site-09');
  const [camera] = sight?.health?.cameras ?? [];
  assert.ok(camera && sight?.health);
  Object.assign(camera, {
    codec: 'h264',
    width: 2560,
    height: 1440,
    gopSeconds: 2,
    offered: ['audio/PCMA'],
    onvif: {
      state: 'ok',
      model: 'Hikvision <b>DS-2CD</b>',
      firmware: 'V5.10',
      clockOffsetMs: -41_300,
      preset: 'cancello',
      pan: 0.12,
      tilt: -0.3,
      records: false,
    },
  });
  sight.health.host.ups = { state: 'battery', chargePercent: 62, runtimeMinutes: 25 };
  sight.health.host.disk = { state: 'failing', badSectors: 7 };
  const it = await read(town, '/node?id=site-09');
  assert.is(it.status, 200);
  const { apparecchio, 'suo orologio': clock, puntamento, 'sua memoria': storage, ...rest } = facts(it.text);
  assert.equal(
    [apparecchio, clock, puntamento, storage],
    [
      'Hikvision &lt;b&gt;DS-2CD&lt;/b&gt;, firmware V5.10',
      'indietro di 41 s',
      'cancello',
      'non registra da sola',
    ],
  );
  assert.is(rest['offre, non registrato'], 'audio/PCMA');
  assert.is(rest['immagine completa'], 'ogni 2 s');
  assert.is(rest['UPS'], 'a batteria, carica 62 %, 25 min');
  assert.is(rest['stato del disco'], 'in avaria, settori guasti: 7');
  assert.match(
    it.text,
    /<article class="link" id="link-uplink">\s*<div class="head"><h3>(?!relay-)[A-Z][^<]* <small>uplink/,
  );
  const en = facts((await read(town, '/node?id=site-09&lang=en')).text);
  assert.equal(
    [en['device'], en['its clock'], en['looks at'], en['own storage'], en['UPS']],
    [apparecchio, '41 s behind', 'cancello', 'does not record by itself', 'on battery, 62 % charged, 25 min'],
  );
  // What it said of itself before it fell silent may be so no longer.
  camera.onvif = { ...camera.onvif, state: 'away' };
  const away = facts((await read(town, '/node?id=site-09')).text);
  assert.equal(
    [away['ONVIF'], away['suo orologio'], away['puntamento']],
    ['non risponde', undefined, undefined],
  );
  assert.is(away['apparecchio'], apparecchio, 'what it is it stays');
});

test('says where, what, since when and what to check; what it was told before it was cut off is marked so', async () => {
  using folder = temporaryFolder();
  await using town = await simulatedTown(folder.path);
  const first = (text: string): string => /<h1[^>]*>(.*?)<\/h1>/s.exec(text)?.[1] ?? '';
  assert.match(
    first((await read(town, '/node?id=site-02')).text),
    /\(site-02\/cam-2\): la telecamera non risponde: controllare alimentazione e cavo di rete, da 18 h\.$/,
  );
  assert.match(
    first((await read(town, '/node?id=site-02&lang=en')).text),
    /: the camera does not answer: check its power and its network cable, for 18 h\.$/,
  );
  assert.match(first((await read(town, '/node?id=relay-c')).text), /^San Rocco \(relay-c\): Tutto regolare/);
  await cutOff(town, 'relay-c');
  const [behind] = town.settings.nodes.filter(({ uplink }) => uplink === 'relay-c');
  await eventually('the relay to be told', async () =>
    /San Rocco.*non risponde/.test(first((await read(town, '/node?id=relay-c')).text)),
  );
  const { text } = await read(town, `/node?id=${behind?.id}`);
  assert.match(first(text), 'fuori portata a causa di San Rocco');
  assert.match(text, /Il nodo non si sente: quel che segue è di \d+ s fa\./);
  // How it is now nobody knows: none of it is well.
  const now = text.slice(text.indexOf('id="cameras"'));
  const states = [...now.matchAll(/<p class="said">(.*?)<\/p>/gs)].map((match) => match[1] as string);
  assert.ok(states.length > 1);
  for (const state of states) assert.match(state, /^<svg class="shape unknown".*(?:ignoto|non misurato)/s);
  const [gaps = 0] = [...now.matchAll(/<summary>(\d+) interruzion/g)].map((match) => Number(match[1]));
  const [said = 0] = [...now.matchAll(/registrato, (\d+) interruzion/g)].map((match) => Number(match[1]));
  assert.is(gaps, said, 'the table and its sentence');
  // Its silence first: what it said of its camera is of before.
  const dark = town.sights.find(({ id }) => id === 'site-12');
  assert.ok(dark);
  dark.state = 'offline';
  const told = { node: 'site-12', severity: 'critical', since: 0 } as const;
  await town.alerts.raise({ ...told, key: 'camera-down.cam-1', detail: 'ferma', from: 'node' });
  await town.alerts.raise({
    ...told,
    key: 'node-down',
    detail: 'muto',
    from: 'hub',
    since: town.clock.utc(),
  });
  await eventually('the silence', async () =>
    /\(site-12\): muto, da .* Un altro avviso\.$/.test(first((await read(town, '/node?id=site-12')).text)),
  );
  const silent = town.sights.find(({ id }) => id === 'site-05');
  delete silent?.health;
  assert.match((await read(town, '/node?id=site-05')).text, 'mai sentito da quando');
});

test('to whoever may see it alone, of a node that there is, and nothing of a request to anybody', async () => {
  using folder = temporaryFolder();
  await using town = await simulatedTown(folder.path, { logins: ['maintainer', 'officer'] });
  const request = town.ask('site-02', 'cam-1');
  const id = town.grant(request);
  town.keep(request);
  assert.is((await read(town, '/node?id=site-02')).status, 303);
  const logIn = async (name: string): Promise<string> => {
    const answer = await fetch(`${town.page.url()}/login`, {
      method: 'POST',
      body: new URLSearchParams({ name, password }),
      headers: { 'sec-fetch-site': 'same-origin' },
      redirect: 'manual',
    });
    return answer.headers.get('set-cookie')?.split(';')[0] ?? '';
  };
  for (const name of ['maintainer', 'officer']) {
    const cookie = await logIn(name);
    const { status, text } = await read(town, '/node?id=site-02', cookie);
    assert.is(status, 200);
    for (const secret of [request, id, 'class="hold"']) assert.not.match(text, secret);
    for (const wrong of ['site-99', '', '../site-02', '__proto__', 'site-02" onload="x'])
      assert.is((await read(town, `/node?id=${encodeURIComponent(wrong)}`, cookie)).status, 404, wrong);
    // Taken on here, it leads back here.
    const csrf = /name="csrf" value="([\w-]{43})"/.exec(text)?.[1] ?? '';
    const [, action = ''] = /<form id="ack" method="post" action="([^"]*)"/.exec(text) ?? [];
    const taken = await fetch(`${town.page.url()}${action.replaceAll('&amp;', '&')}`, {
      method: 'POST',
      body: new URLSearchParams({ csrf, alert: 'site-02/camera-down.cam-2' }),
      headers: { 'sec-fetch-site': 'same-origin', cookie },
      redirect: 'manual',
    });
    assert.is(taken.headers.get('location'), '/node?id=site-02&lang=it#alerts-title');
  }
});
