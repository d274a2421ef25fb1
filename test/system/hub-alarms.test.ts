import * as assert from 'uvu/assert';
import { topics } from '#protocol/topics.ts';
import { startHub } from '../support/agent-child.ts';
import { giveWaysOut, hookServer } from '../support/alarm-town.ts';
import { embeddedBroker, mosquittoBroker, mosquittoProgram } from '../support/brokers.ts';
import { eventually } from '../support/eventually.ts';
import { hubCommand, scriptedNode } from '../support/hub-town.ts';
import { mailServer } from '../support/mail-server.ts';
import { suite } from '../support/suite.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { makeTown } from '../support/town.ts';
import { tapWire } from '../support/wire-tap.ts';

const test = suite('alarms leave the town hall', { timeoutMs: 300_000 });
const since = '2026-01-15T11:00:00.000Z';
const password = 'parola-segreta-47';
const key = 'chiave-del-webhook-0123456789';

/** The machine may have other work. */
const soon: typeof eventually = (what, probe) => eventually(what, probe, 60_000);

function alert(camera: string, state: 'raised' | 'cleared' = 'raised'): [string, string] {
  const name = `camera-down.${camera}`;
  const detail = 'la telecamera non risponde: controllare alimentazione e cavo di rete';
  return [name, JSON.stringify({ key: name, state, severity: 'critical', since, detail })];
}

test('by mail in words, by webhook signed, on its own topic; acknowledged, shelved, in maintenance from the command line', async () => {
  using folder = temporaryFolder();
  await using opened = new AsyncDisposableStack();
  const broker = mosquittoProgram ? await mosquittoBroker(folder.path) : await embeddedBroker();
  opened.defer(() => broker.close());
  await using mail = await mailServer({ login: true });
  await using hook = await hookServer(key);
  const town = await makeTown(folder.path, {
    mqtt: broker.url,
    cameras: [
      { id: 'cam-1', rtsp: 'rtsp://127.0.0.1:1/a' },
      { id: 'cam-2', rtsp: 'rtsp://127.0.0.1:1/b' },
    ],
  });
  giveWaysOut(
    town.hub,
    {
      mail: {
        server: `smtp://127.0.0.1:${mail.port}`,
        user: 'peio',
        password: 'secrets/smtp',
        from: 'Telecamere <telecamere@comune.example>',
        to: ['manutentore@comune.example'],
        office: ['responsabile@comune.example'],
        // Past at any time of day: the summary of today goes out at once.
        daily: '00:00',
      },
      webhook: { url: hook.url, key: 'secrets/hook' },
    },
    { smtp: password, hook: key },
  );
  await using hub = await startHub(town);
  await using tap = await tapWire(broker.url);
  const node = await scriptedNode(town.hub, town.node, broker.url);
  opened.defer(() => node.close());
  const say = async ([name, payload]: [string, string]): Promise<void> =>
    node.bus.publish({ topic: topics.alert(town.node, name), payload, retain: true });
  const run = (...args: string[]) => hubCommand([...args, '--hub', town.hub]);

  await say(alert('cam-1'));
  const letter = await soon('a letter', () =>
    mail.mails.find(({ headers }) => headers['subject']?.includes('telecamera ferma')),
  );
  assert.equal(letter.to, ['manutentore@comune.example']);
  assert.is(
    letter.headers['subject'],
    '[Peio] Allarme (grave): telecamera ferma, Telecamera cam-1, Polo scolastico (site-01/cam-1)',
  );
  assert.equal(letter.text.trim().split('\n'), [
    'Che cosa: telecamera ferma',
    'Dove: Telecamera cam-1, Polo scolastico (site-01/cam-1)',
    'Da: 15 gen 2026, 12:00',
    'Causa probabile: la telecamera non risponde',
    'Controllare per primo: alimentazione e cavo di rete',
    'Prendere in carico: peio-hub ack site-01/camera-down.cam-1',
  ]);
  assert.equal(mail.logins[0], `\0peio\0${password}`);
  await soon('the summary of the day', () =>
    mail.mails.some(
      ({ headers, text }) => /^\[Peio\] /.test(headers['subject'] ?? '') && text.includes('Attivi adesso'),
    ),
  );
  const call = await soon('the webhook', () => hook.calls[0]);
  assert.ok(call.signed);
  assert.is(call.body.events[0]?.alarm, 'site-01/camera-down.cam-1');
  assert.is(call.body.events[0]?.['place'], 'Telecamera cam-1, Polo scolastico (site-01/cam-1)');
  await soon('the topic of the hub', () =>
    tap.heard.some(
      ({ topic, payload }) =>
        topic === 'peio/v1/hub/alert/site-01.camera-down.cam-1' && payload.includes('"raised"'),
    ),
  );

  assert.is((await run('ack', 'site-01/camera-down.cam-1')).code, 0);
  const listed = await run('alarms');
  assert.match(listed.out, /^attivo, preso in carico: Telecamera cam-1, Polo scolastico/);
  const shelved = await run('shelve', 'site-01/camera-down.cam-1', '--for', '2h');
  assert.match(shelved.out, /accantonato/);
  assert.is((await run('shelve', 'site-01/camera-down.cam-1', '--for', '8d')).code, 64);
  assert.is((await run('shelve', 'site-01/nothing', '--for', '2h')).code, 2);
  const window = await run('maintenance', 'site-01', '--for', '1h', '--reason', 'pulizia');
  assert.is(window.code, 0, window.err);
  await say(alert('cam-2'));
  const all = async () => JSON.parse((await run('alarms', '--json')).out);
  await soon('cam-2 to be out of service', async () =>
    (await all()).alarms.some(
      ({ id, state }: { id: string; state: string }) =>
        id === 'site-01/camera-down.cam-2' && state === 'out-of-service',
    ),
  );
  const letters = mail.mails.length;
  assert.is((await run('maintenance', '--end', window.out.trim())).code, 0);
  await soon('what outlasted it to be told', () => mail.mails.length > letters);
  assert.match(mail.mails.at(-1)?.headers['subject'] ?? '', /cam-2/);
  assert.is((await run('shelve', 'site-01/camera-down.cam-1', '--off')).code, 0);

  await say(alert('cam-2', 'cleared'));
  await soon('its end to be told', () =>
    mail.mails.at(-1)?.headers['subject']?.startsWith('[Peio] Rientrato:'),
  );
  const spoken = `${hub.out()}${hub.err()}`;
  assert.not.ok(spoken.includes(password) || spoken.includes(key), 'no secret in the log');
  assert.equal(await hub.stop(), { code: 0, signal: null });
});

test('killed again and again while alarms come and letters are under way: each is told, none twice', async () => {
  using folder = temporaryFolder();
  await using opened = new AsyncDisposableStack();
  const broker = mosquittoProgram ? await mosquittoBroker(folder.path) : await embeddedBroker();
  opened.defer(() => broker.close());
  await using mail = await mailServer();
  await using hook = await hookServer(key);
  const cameras = Array.from({ length: 24 }, (_, index) => `cam-${index + 1}`);
  const town = await makeTown(folder.path, {
    mqtt: broker.url,
    cameras: cameras.map((id) => ({ id, rtsp: `rtsp://127.0.0.1:1/${id}` })),
  });
  giveWaysOut(
    town.hub,
    {
      mail: {
        server: `smtp://127.0.0.1:${mail.port}`,
        from: 'telecamere@comune.example',
        to: ['manutentore@comune.example'],
      },
      webhook: { url: hook.url, key: 'secrets/hook' },
    },
    { hook: key },
  );
  const node = await scriptedNode(town.hub, town.node, broker.url);
  opened.defer(() => node.close());
  const rounds = 4;
  for (let round = 0; round < rounds; round++) {
    const hub = await startHub(town);
    const mine = cameras.slice(round * 5, round * 5 + 5);
    const before = mail.tries();
    // In every other round the letter is taken and nobody hears of it.
    mail.mood = round % 2 === 0 ? 'mute' : 'taken';
    for (const camera of mine) {
      const [name, payload] = alert(camera);
      await node.bus.publish({ topic: topics.alert(town.node, name), payload, retain: true });
    }
    await soon('a letter to be under way', () => mail.tries() > before);
    hub.signal('SIGKILL');
    await hub.exit;
  }
  // These come while nobody listens.
  for (const camera of cameras.slice(rounds * 5)) {
    const [name, payload] = alert(camera);
    await node.bus.publish({ topic: topics.alert(town.node, name), payload, retain: true });
  }
  mail.mood = 'taken';
  await using hub = await startHub(town);
  /** By its id: a letter that is sent again is the same letter. */
  const letters = (): Map<string, string> =>
    new Map(mail.mails.map(({ headers, text }) => [headers['message-id'] ?? '', text]));
  const told = (): string[] =>
    [...letters().values()].flatMap((text) => [...text.matchAll(/hub ack (\S+)/g)].map(([, id]) => id ?? ''));
  await soon('every alarm to be told by mail', () => new Set(told()).size === cameras.length);
  const hooked = (): string[] => {
    const pieces = new Map(hook.calls.map(({ body }) => [body.id, body]));
    return [...pieces.values()].flatMap(({ events }) => events.map(({ alarm }) => alarm));
  };
  await soon('every alarm to be told by webhook', () => new Set(hooked()).size === cameras.length);
  const wanted = cameras.map((camera) => `site-01/camera-down.${camera}`).sort();
  assert.equal(told().sort(), wanted);
  assert.equal(hooked().sort(), wanted);
  for (const { signed } of hook.calls) assert.ok(signed);
  assert.equal(await hub.stop(), { code: 0, signal: null });
});

test('settings that cannot be are all named at once, and no secret is repeated', async () => {
  using folder = temporaryFolder();
  const town = await makeTown(folder.path, { cameras: [{ id: 'cam-1', rtsp: 'rtsp://127.0.0.1:1/a' }] });
  giveWaysOut(town.hub, {
    escalate: 'soon',
    quiet: { from: '25:00', to: '07:00' },
    mail: { server: 'smtp://peio:parola@mail.example', from: 'nobody', to: [] },
    webhook: { url: 'http://elsewhere.example/x', key: 'secrets/none' },
  });
  const refused = await hubCommand(['serve', '--hub', town.hub]);
  assert.is(refused.code, 78);
  for (const path of [
    'alarms.escalate',
    'alarms.quiet.from',
    'alarms.mail.server',
    'alarms.mail.from',
    'alarms.mail.to',
    'alarms.webhook.url',
  ])
    assert.ok(refused.err.includes(path), `${path} in ${refused.err}`);
  assert.not.ok(refused.err.includes('parola'));
});
