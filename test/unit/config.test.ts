import { generateKeyPairSync } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { loadConfig } from '#agent/config/load.ts';
import { ConfigFailure, nearest } from '#agent/config/problems.ts';
import { systemFiles } from '#agent/platform/files.ts';
import { exitCodeOf } from '#protocol/failure.ts';
import { someCertificate } from '../support/some-certificate.ts';
import { suite } from '../support/suite.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const test = suite('configuration');
const { ca, cert, key } = await someCertificate();

const good = `
node: site-09
store: { path: store, retention: 7d, segment: 60s, reserve: 5% }
trust: { roots: root.pub, threshold: 1 }
policy: policy.dsse.json
signing: node-key
cameras:
  - { id: cam-1, name: Parcheggio SP87 nord, rtsp: "rtsp://10.0.9.11/stream1", transport: tcp, onvif: "http://10.0.9.11/onvif/device_service", credentials: cam-1, ptz: false }
mqtt: { url: "mqtts://10.0.0.1:8883", ca: ca.crt, cert: site-09.crt, key: site-09.key }
upload: { url: "https://10.0.0.1:8443/upload", limit: 4Mbit }
links:
  - { id: uplink, to: relay-c, probe: stamp, target: "10.0.0.3:862" }
  - { id: radio, to: relay-c, probe: snmp, target: 10.0.9.2, credentials: radio }
health: { interval: 60s }
web: { listen: "127.0.0.1:9464" }
socket: /run/peio-agent/agent.sock
`;

function folderWith(yaml: string, files: Record<string, string> = {}) {
  const folder = temporaryFolder();
  const root = generateKeyPairSync('ed25519');
  const written: Record<string, string> = {
    'site.yaml': yaml,
    'root.pub': root.publicKey.export({ type: 'spki', format: 'pem' }).toString(),
    'policy.dsse.json': '{}',
    'ca.crt': ca,
    'site-09.crt': cert,
    'secrets/site-09.key': key,
    'secrets/node-key': root.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    'secrets/cam-1': 'admin:p:w d\n',
    'secrets/radio': 'public:\n',
    ...files,
  };
  mkdirSync(join(folder.path, 'secrets'));
  for (const [name, text] of Object.entries(written)) writeFileSync(join(folder.path, name), text);
  return folder;
}

const load = (folder: { path: string }, env = {}) =>
  loadConfig(join(folder.path, 'site.yaml'), { files: systemFiles, env });

async function problemsOf(folder: { path: string }): Promise<Record<string, string>> {
  try {
    await load(folder);
  } catch (error) {
    assert.instance(error, ConfigFailure);
    assert.is(exitCodeOf(error), 78);
    return Object.fromEntries((error as ConfigFailure).problems.map(({ path, message }) => [path, message]));
  }
  throw new Error('was accepted');
}

test('the documented example is accepted, with defaults of the regulation', async () => {
  using folder = folderWith(good);
  const config = await load(folder);
  assert.is(config.store.retentionMs, 168 * 3_600_000);
  assert.is(config.store.segmentMs, 60_000);
  assert.is(config.store.path, join(folder.path, 'store'));
  assert.equal(config.cameras[0]?.credentials, { user: 'admin', password: 'p:w d' });
  assert.is(config.upload?.limitBits, 4_000_000);
  assert.is(config.upload?.tls.key, key, 'upload takes the keys of mqtt unless given');
  assert.is(config.signingKey.asymmetricKeyType, 'ed25519');
});

test('a certificate that is none, and a key of another one, are told; for deliveries only what is theirs', async () => {
  const other = await someCertificate();
  for (const [files, wrong] of [
    [{ 'ca.crt': 'CA' }, ['mqtt.ca']],
    [{ 'site-09.crt': '' }, ['mqtt.cert']],
    [{ 'ca.crt': 'CA', 'site-09.crt': key }, ['mqtt.ca', 'mqtt.cert']],
    [{ 'secrets/site-09.key': 'KEY' }, ['mqtt.key']],
    [{ 'secrets/site-09.key': other.key }, ['mqtt.key']],
  ] as const) {
    using folder = folderWith(good, files);
    assert.equal(Object.keys(await problemsOf(folder)), [...wrong]);
  }
  const own = good.replace('limit: 4Mbit', 'limit: 4Mbit, cert: hub.crt');
  using folder = folderWith(own, { 'hub.crt': other.cert });
  assert.equal(Object.keys(await problemsOf(folder)), ['upload']);
});

test('secrets come from the credentials folder first', async () => {
  using folder = folderWith(good);
  using credentials = temporaryFolder();
  writeFileSync(join(credentials.path, 'cam-1'), 'root:other');
  const config = await load(folder, { CREDENTIALS_DIRECTORY: credentials.path });
  assert.is(config.cameras[0]?.credentials?.user, 'root');
});

test('every problem is told at once, with its path and what was probably meant', async () => {
  using folder = folderWith(
    good
      .replace('retention: 7d', 'retention: 8d')
      .replace('name: Parcheggio', 'nam: Parcheggio')
      .replace('credentials: cam-1', 'credentials: cam-7')
      .replace('health:', 'heath:')
      .replace('rtsp://10.0.9.11', 'rtsp://admin:secret@10.0.9.11'),
  );
  const problems = await problemsOf(folder);
  assert.equal(Object.keys(problems).sort(), [
    'cameras[0].credentials',
    'cameras[0].nam',
    'cameras[0].rtsp',
    'heath',
    'store.retention',
  ]);
  assert.match(problems['heath'] ?? '', '"health"');
  assert.match(problems['cameras[0].nam'] ?? '', '"name"');
  assert.not.match(JSON.stringify(problems), /secret@|admin:/, 'no password in a message');
});

test('a camera that stands twice, a page beyond loopback, a socket that is too long', async () => {
  using folder = folderWith(
    `${good.replace('mqtt:', '  - { id: cam-1, rtsp: "rtsp://10.0.9.12/" }\nmqtt:')}`
      .replace('127.0.0.1:9464', '0.0.0.0:9464')
      .replace('/run/peio-agent/agent.sock', `/run/${'a'.repeat(110)}`),
  );
  assert.equal(Object.keys(await problemsOf(folder)).sort(), ['cameras[1].id', 'socket', 'web.listen']);
});

test('what a file names is looked for, and ids are counted, whatever else is wrong with it', async () => {
  using folder = folderWith(
    good
      .replace('mqtt:', '  - { id: cam-1, rtsp: "rtsp://10.0.9.12/", transport: tpc }\nmqtt:')
      .replace('ca: ca.crt, cert: site-09.crt, key: site-09.key', 'ca: no.crt, cert: no.cert, key: no.key')
      .replace('limit: 4Mbit', 'limit: fast, ca: none.crt')
      .replace('credentials: radio', 'credentials: none')
      .replace('id: radio', 'id: uplink'),
  );
  assert.equal(Object.keys(await problemsOf(folder)).sort(), [
    'cameras[1].id',
    'cameras[1].transport',
    'links[1].credentials',
    'links[1].id',
    'mqtt.ca',
    'mqtt.cert',
    'mqtt.key',
    'upload.ca',
    'upload.limit',
  ]);
});

test('the socket is measured as it will be opened, and a port is one', async () => {
  using folder = folderWith(
    good.replace('/run/peio-agent/agent.sock', `${'a/'.repeat(50)}agent.sock`).replace(':9464', ':70000'),
  );
  assert.equal(Object.keys(await problemsOf(folder)).sort(), ['socket', 'web.listen']);
  using short = folderWith(good.replace('socket: /run/peio-agent/agent.sock', ''));
  assert.is((await load(short, { RUNTIME_DIRECTORY: '' })).socket, '/run/peio-agent/agent.sock');
  assert.is((await load(short, { RUNTIME_DIRECTORY: '/run/here' })).socket, '/run/here/agent.sock');
  const long = await load(short, { RUNTIME_DIRECTORY: `/${'r'.repeat(110)}` }).catch((error) => error);
  assert.is(exitCodeOf(long), 78);
});

test('keeps from ten seconds to seven days', async () => {
  for (const time of ['9s', '0s', '169h', '8d']) {
    using folder = folderWith(good.replace('retention: 7d', `retention: ${time}`));
    assert.equal(Object.keys(await problemsOf(folder)), ['store.retention'], time);
  }
  for (const [time, ms] of [
    ['10s', 10_000],
    ['168h', 7 * 86_400_000],
  ] as const) {
    using folder = folderWith(good.replace('retention: 7d', `retention: ${time}`));
    assert.is((await load(folder)).store.retentionMs, ms);
  }
});

test('a file that is no YAML, is missing, is empty, or is a list', async () => {
  for (const text of ['node: [', '', '- a\n- b\n', 'just text', '&a [*a, *a]']) {
    using folder = folderWith(text);
    assert.ok(Object.keys(await problemsOf(folder)).length > 0);
  }
  const missing = await loadConfig('/nowhere/site.yaml', { files: systemFiles, env: {} }).catch(
    (error) => error,
  );
  assert.is(exitCodeOf(missing), 78);
});

test('a name of a secret cannot leave its folder', async () => {
  using folder = folderWith(good.replace('credentials: cam-1', 'credentials: ../../etc/passwd'));
  assert.equal(Object.keys(await problemsOf(folder)), ['cameras[0].credentials']);
});

test('a camera says how it is taken, and what vouches for one that signed itself', async () => {
  const fingerprint = Array.from({ length: 32 }, (_, i) => i.toString(16).padStart(2, '0')).join(':');
  const rows = [
    'id: a, rtsp: "rtsp://10.0.9.1/", ingest: ffmpeg',
    'id: b, rtsp: "rtsp://10.0.9.2/", transport: multicast',
    'id: c, rtsp: "rtsps://10.0.9.3/", tls: { ca: ca.crt }',
    `id: d, rtsp: "rtsps://10.0.9.4/", tls: { fingerprint: "${fingerprint}" }`,
  ];
  const added = (lines: string[]): string =>
    good.replace('mqtt:', `${lines.map((line) => `  - { ${line} }\n`).join('')}ffmpeg: tools/ffmpeg\nmqtt:`);
  using folder = folderWith(added(rows));
  const config = await load(folder);
  assert.equal(
    config.cameras.map(({ ingest, transport, tls }) => [ingest, transport, tls]),
    [
      ['auto', 'tcp', undefined],
      ['ffmpeg', 'tcp', undefined],
      ['auto', 'multicast', undefined],
      ['auto', 'tcp', { ca }],
      ['auto', 'tcp', { fingerprint256: fingerprint.toUpperCase() }],
    ],
  );
  assert.is(config.ffmpeg, join(folder.path, 'tools/ffmpeg'));

  using wrong = folderWith(
    added([
      'id: e, rtsp: "rtsp://10.0.9.5/", tls: { ca: ca.crt }',
      'id: f, rtsp: "rtsps://10.0.9.6/", transport: udp',
      `id: g, rtsp: "rtsps://10.0.9.7/", tls: { ca: ca.crt, fingerprint: "${fingerprint}" }`,
      'id: h, rtsp: "rtsps://10.0.9.8/", tls: { fingerprint: "00:11" }',
      'id: i, rtsp: "rtsp://10.0.9.9/", ingest: vlc',
    ]),
  );
  assert.equal(Object.keys(await problemsOf(wrong)).sort(), [
    'cameras[1].tls',
    'cameras[2].transport',
    'cameras[3].tls',
    'cameras[4].tls.fingerprint',
    'cameras[5].ingest',
  ]);
  using lost = folderWith(added(['id: j, rtsp: "rtsps://10.0.9.10/", tls: { ca: none.crt }']));
  assert.equal(Object.keys(await problemsOf(lost)), ['cameras[1].tls.ca']);
});

test('a relay has no camera', async () => {
  using folder = folderWith(good.replace(/cameras:\n.*\n/, ''));
  assert.equal((await load(folder)).cameras, []);
});

test('suggests the nearest word or none', () => {
  assert.is(nearest('reserv', ['path', 'reserve', 'segment']), 'reserve');
  assert.is(nearest('zzzzzz', ['path', 'reserve', 'segment']), undefined);
});
