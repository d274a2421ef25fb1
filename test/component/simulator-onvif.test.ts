import onvif from 'onvif/promises/index.js';
import * as assert from 'uvu/assert';
import { type OnvifDevice, type OnvifOptions, startOnvifDevice } from '../simulator/onvif.ts';
import { eventually } from '../support/eventually.ts';
import { suite } from '../support/suite.ts';

const test = suite('simulated ONVIF device seen by the onvif package');
const account = { user: 'osd', password: 'sesto & grado' };

function client(device: OnvifDevice, password = account.password, timeout = 5000) {
  const { hostname, port } = new URL(device.url);
  return new onvif.Cam({ hostname, port: Number(port), username: account.user, password, timeout });
}
const device = (options: OnvifOptions = {}) => startOnvifDevice({ ...account, ...options });
const refusal = (promise: Promise<unknown>): Promise<Error> =>
  promise.then(
    () => {
      throw new Error('was answered');
    },
    (error: Error) => error,
  );

test('says who it is, what time it has and where its stream is', async () => {
  await using simulated = await device({ streamUri: 'rtsp://127.0.0.1:8554/cam-1?a=1&b=2' });
  const cam = client(simulated);
  await cam.connect();
  const information = await cam.getDeviceInformation();
  assert.is(information.manufacturer, 'Simulated & Sons');
  // What this client makes of "5.10" and of a serial number of twenty digits.
  assert.is(information.firmwareVersion, 5.1);
  assert.is.not(String(information.serialNumber), '12345678901234567890');
  const time: Date = await cam.getSystemDateAndTime();
  assert.ok(Math.abs(time.getTime() - Date.now()) < 20_000);
  const [profile] = await cam.getProfiles();
  assert.is(profile.videoEncoderConfiguration.encoding, 'H264');
  assert.is(profile.videoEncoderConfiguration.resolution.width, 768);
  const stream = await cam.getStreamUri();
  assert.is(stream.uri, 'rtsp://127.0.0.1:8554/cam-1?a=1&b=2');
  assert.is(simulated.unauthorised(), 0);
});

test('lets a wrong password connect and turns it away at the first question', async () => {
  await using simulated = await device();
  const cam = client(simulated, 'settimo');
  await cam.connect();
  assert.match((await refusal(cam.getDeviceInformation())).message, /not authorized/);
  assert.ok(simulated.unauthorised() > 0);
  simulated.setPassword('settimo');
  assert.is((await cam.getDeviceInformation()).model, 'Walkers 1');
});

test('goes by its own clock, and takes no token twice', async () => {
  await using simulated = await device();
  simulated.offsetClock(3_600_000);
  const cam = client(simulated);
  const time: Date = await cam.getSystemDateAndTime();
  assert.ok(Math.abs(time.getTime() - Date.now() - 3_600_000) < 20_000);
  await cam.getDeviceInformation();
  let sent = '';
  const recording = client(simulated);
  recording.on('rawRequest', (xml: string) => {
    sent = xml;
  });
  await recording.connect();
  await recording.getDeviceInformation();
  const again = await fetch(simulated.url, { method: 'POST', body: sent });
  assert.is(again.status, 400);
  assert.match(await again.text(), /NotAuthorized/);
  simulated.offsetClock(0);
  assert.match((await refusal(cam.getDeviceInformation())).message, /not authorized/);
});

test('knows its operations and no others', async () => {
  await using simulated = await device();
  const cam = client(simulated);
  await cam.connect();
  assert.match((await refusal(cam.getUsers())).message, /GetUsers/);
  assert.is((await fetch(simulated.url)).status, 404);
});

test('answers late, by drops, cut off, or at great length', async () => {
  await using simulated = await device();
  const ask = (): Promise<Response> =>
    fetch(simulated.url, {
      method: 'POST',
      body: '<Envelope><Body><GetSystemDateAndTime/></Body></Envelope>',
    });
  simulated.delay(Number.POSITIVE_INFINITY);
  assert.is((await refusal(client(simulated, account.password, 200).connect())).message, 'Network timeout');

  simulated.delay(0);
  simulated.drip(400);
  const startedMs = performance.now();
  assert.match(await (await ask()).text(), /UTCDateTime/);
  assert.ok(performance.now() - startedMs > 200);

  simulated.drip(0);
  simulated.cut(true);
  assert.instance(await refusal(ask().then((response) => response.text())), Error);
  // This client's promise never settles on such a reply: whoever uses it sets a limit of his own.
  const cam = client(simulated);
  let settled = false;
  const hanging = cam.connect().finally(() => {
    settled = true;
  });
  hanging.catch(() => {});
  await eventually('the cut reply', () => (simulated.requests()['GetSystemDateAndTime'] ?? 0) >= 4);
  assert.not(settled);

  simulated.cut(false);
  simulated.swell(1_000_000);
  assert.ok((await (await ask()).arrayBuffer()).byteLength > 1_000_000);
});
