import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { parse } from 'yaml';
import { candidatesOf, configurationOf } from '#agent/discover/configuration.ts';
import { discover } from '#agent/discover/discover.ts';
import { foundIn } from '#agent/discover/probe.ts';
import { systemClock } from '#agent/platform/clock.ts';
import { systemRandom } from '#agent/platform/random.ts';
import { systemUdp } from '#agent/platform/udp.ts';
import { startOnvifDevice } from '../simulator/onvif.ts';
import { type DiscoveredDevice, probeMatches, startWsDiscovery } from '../simulator/ws-discovery.ts';
import { runProgram } from '../support/child-program.ts';
import { codeThrown } from '../support/code-thrown.ts';
import { suite } from '../support/suite.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const test = suite('cameras found on the segment', { timeoutMs: 90_000 });
const parts = { udp: systemUdp, clock: systemClock, random: systemRandom };
const never = new AbortController().signal;
const id = 'urn:uuid:5a0e1a1e-0000-4000-8000-000000000001';
const scopes =
  'onvif://www.onvif.org/type/video_encoder onvif://www.onvif.org/name/Piazza%20%22nord%22 onvif://www.onvif.org/hardware/X-1';

/** What one device that answers `device` is found as. */
async function asked(device: DiscoveredDevice) {
  await using answering = await startWsDiscovery(device);
  const target = { host: '127.0.0.1', port: answering.port };
  return await discover(parts, { from: ['127.0.0.1'], target, waitMs: 1200 }, never);
}

test('a group is asked and who answers is found once, however often it answers', async () => {
  const group = { address: '239.255.42.42', port: 20_000 + Math.floor(Math.random() * 12_000) };
  await using one = await startWsDiscovery({ xaddrs: 'http://10.9.9.9/onvif/device_service', scopes }, group);
  const target = { host: group.address, port: group.port };
  const found = await discover(parts, { from: ['127.0.0.1'], target, waitMs: 2500 }, never);
  assert.ok(one.probes() >= 1);
  assert.equal(found, [
    {
      address: '127.0.0.1',
      onvif: 'http://127.0.0.1/onvif/device_service',
      name: 'Piazza "nord"',
      hardware: 'X-1',
    },
  ]);
});

test('an answer speaks for the address that it came from, with its own port and path', async () => {
  const [found] = await asked({
    xaddrs: 'ftp://x/ nonsense http://[fe80::1]:8080/onvif/device_service?a=1 http://victim.example/onvif',
  });
  assert.is(found?.onvif, 'http://127.0.0.1:8080/onvif/device_service?a=1');
});

test('answers to another question, too long, without an address or with a password in it are passed over', async () => {
  const xaddrs = 'http://127.0.0.1/onvif/device_service';
  assert.equal(await asked({ xaddrs, bytes: () => probeMatches('urn:uuid:another', { xaddrs }) }), []);
  assert.equal(await asked({ xaddrs, scopes: `${scopes} `.repeat(300) }), []);
  assert.equal(await asked({ xaddrs: '' }), []);
  assert.equal(await asked({ xaddrs: 'http://a:b@127.0.0.1/onvif javascript:alert(1)' }), []);
  assert.equal(await asked({ xaddrs, bytes: () => Buffer.alloc(9000, '<') }), []);
});

test('a flood of answers ends with the time', async () => {
  const began = performance.now();
  let count = 0;
  const found = await asked({
    xaddrs: '',
    times: 3000,
    bytes: (question) => probeMatches(question, { xaddrs: `http://127.0.0.1/${++count}` }),
  });
  assert.ok(found.length <= 256);
  assert.ok(performance.now() - began < 20_000);
});

test('no network to ask is said', async () => {
  const from = ['192.0.2.77'];
  assert.is(await codeThrown(() => discover(parts, { from, waitMs: 1000 }, never)), 'no-network');
});

test('what a camera calls itself stays a text in the configuration', () => {
  const evil = '" }\n  - { id: evil, rtsp: "rtsp://evil/" } #\u0007';
  const bytes = probeMatches(id, {
    xaddrs: 'http://10.0.0.9/onvif',
    scopes: `onvif://www.onvif.org/name/${encodeURIComponent(evil)}`,
  });
  const found = foundIn(bytes, id.slice(9), '10.0.0.9');
  assert.ok(found);
  const profile = { encoding: 'H264', ptz: true, token: 't' };
  const answer = {
    information: { manufacturer: 'M', model: 'X', firmware: '1', serial: '2' },
    profiles: [
      { ...profile, source: 's1', width: 640, height: 360, uri: 'rtsp://10.0.0.9/low' },
      { ...profile, source: 's1', width: 1920, height: 1080, uri: 'rtsp://elsewhere:8554/high?a=1&b=2' },
      { ...profile, source: 's2', width: 1280, height: 720, uri: 'http://10.0.0.9/no-stream' },
    ],
  };
  const { cameras } = parse(configurationOf(candidatesOf([{ found: found!, answer }])));
  assert.equal(
    cameras.map(({ id: name, rtsp, onvif, ptz }: Record<string, unknown>) => [name, rtsp, onvif, ptz]),
    [
      ['cam-1', 'rtsp://10.0.0.9:8554/high?a=1&b=2', 'http://10.0.0.9/onvif', true],
      ['cam-2', 'rtsp://10.0.0.9/?', 'http://10.0.0.9/onvif', true],
    ],
  );
  assert.not.match(cameras[0].name, /\n|\u0007/);
});

test('the command prints a table and a configuration, or JSON; who refuses is shown too', async () => {
  using folder = temporaryFolder();
  const secret = join(folder.path, 'account');
  writeFileSync(secret, 'osd:sesto\n');
  await using device = await startOnvifDevice({
    user: 'osd',
    password: 'sesto',
    streamUri: 'rtsp://192.168.1.10:554/stream1',
    recordingJobs: ['Active'],
  });
  await using answering = await startWsDiscovery({ xaddrs: device.url, scopes });
  const common = [
    'discover',
    '--from',
    '127.0.0.1',
    '--target',
    `127.0.0.1:${answering.port}`,
    '--seconds',
    '2',
  ];
  const json = await runProgram('agent/main.ts', [...common, '--credentials', secret, '--json']);
  assert.is(json.code, 0, json.err);
  const { cameras, configuration } = JSON.parse(json.out);
  const { id: name, model, rtsp, width, records } = cameras[0];
  assert.equal(
    [name, model, rtsp, width, records],
    ['cam-1', 'Simulated & Sons Walkers 1', 'rtsp://127.0.0.1:554/stream1', 768, true],
  );
  assert.is(parse(configuration).cameras[0].rtsp, rtsp);
  assert.not.match(json.out + json.err, /sesto/);
  const refused = await runProgram('agent/main.ts', common);
  assert.is(refused.code, 0);
  assert.match(refused.out, /cam-1 +127\.0\.0\.1 +Piazza "nord" +X-1 +rifiuta utente o password/);
  assert.match(
    refused.out,
    /\ncameras:\n {2}- \{ id: cam-1, name: "Piazza \\"nord\\"", rtsp: "rtsp:\/\/127\.0\.0\.1\/\?"/,
  );
});

test('nobody there is exit 1, wrong options are 64', async () => {
  await using nobody = await startWsDiscovery({ xaddrs: '' });
  const common = ['discover', '--from', '127.0.0.1', '--target', `127.0.0.1:${nobody.port}`];
  assert.is((await runProgram('agent/main.ts', [...common, '--seconds', '1'])).code, 1);
  assert.is((await runProgram('agent/main.ts', [...common, '--seconds', '900'])).code, 64);
  assert.is((await runProgram('agent/main.ts', ['discover', '--target', 'a b'])).code, 64);
});
