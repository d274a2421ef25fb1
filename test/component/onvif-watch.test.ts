import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import * as assert from 'uvu/assert';
import { openOnvifWatch } from '#agent/health/onvif.ts';
import type { OnvifAnswer } from '#agent/health/onvif-question.ts';
import { askChild } from '#agent/platform/child.ts';
import type { Failure } from '#protocol/failure.ts';
import { type OnvifOptions, startOnvifDevice } from '../simulator/onvif.ts';
import { toldConditions } from '../support/conditions.ts';
import { fakeClock } from '../support/fake-clock.ts';
import { suite } from '../support/suite.ts';

const test = suite('cameras asked by ONVIF', { timeoutMs: 180_000 });
const account = { user: 'o<s>d', password: 'sesto & grado' };
const entry = new URL('../../agent/health/onvif-child.ts', import.meta.url);

/** One conversation with a device, in a child as in the agent. */
const ask = async (url: string, limitMs = 8000, credentials: object = account): Promise<OnvifAnswer> =>
  (await askChild(
    entry,
    { url, ptz: true, limitMs, ...credentials },
    { timeoutMs: limitMs + 15_000 },
  )) as OnvifAnswer;
const device = (options: OnvifOptions = {}) => startOnvifDevice({ ...account, ...options });

test('what a device says of itself comes as it says it', async () => {
  await using simulated = await device({
    streamUri: 'rtsp://192.168.1.10:554/stream1?a=1&b=2',
    position: { pan: 0.5, tilt: -0.25, zoom: 0.1 },
    recordingJobs: ['Idle', 'Active'],
  });
  simulated.offsetClock(90_000);
  const answer = await ask(simulated.url);
  assert.is(answer.error, undefined);
  assert.equal(answer.information, {
    manufacturer: 'Simulated & Sons',
    model: 'Walkers 1',
    firmware: '5.10',
    serial: '12345678901234567890',
  });
  assert.ok(Math.abs(answer.clockOffsetMs! - 90_000) < 20_000, `${answer.clockOffsetMs}`);
  assert.equal(
    answer.profiles?.map(({ width, height, uri, source }) => [width, height, uri, source]),
    [[768, 576, 'rtsp://192.168.1.10:554/stream1?a=1&b=2', 'video_source_1']],
  );
  assert.equal(answer.position, { pan: 0.5, tilt: -0.25, zoom: 0.1 });
  assert.is(answer.records, true);
});

test('a device without PTZ and recording service is no fault; whether it records is unknown', async () => {
  await using simulated = await device();
  const answer = await ask(simulated.url);
  assert.equal([answer.error, answer.position, answer.records], [undefined, undefined, undefined]);
  await using open = await startOnvifDevice();
  assert.is((await ask(open.url, 8000, {})).information?.model, 'Walkers 1', 'one that asks for no password');
});

test('a moving camera says at which preset it stands, and where it looks when it stands at none', async () => {
  const presets = [
    { token: '1', name: 'Piazza', position: { pan: 0.5, tilt: -0.25, zoom: 0.1 } },
    { token: '2', name: 'Fontana & bosco', position: { pan: -0.3, tilt: 0, zoom: 0 } },
    { token: '3', name: 'Solo un nome' },
  ];
  const at = async (pan: number): Promise<OnvifAnswer> => {
    await using simulated = await device({ presets, position: { pan, tilt: 0, zoom: 0 } });
    return await ask(simulated.url);
  };
  assert.is((await at(-0.3)).preset, 'Fontana & bosco');
  const away = await at(0.9);
  assert.equal(
    [away.error, away.preset, away.position],
    [undefined, undefined, { pan: 0.9, tilt: 0, zoom: 0 }],
  );
});

test('a wrong password is told from a device that is away, each within its time', async () => {
  await using simulated = await device();
  const wrong = await ask(simulated.url, 8000, { ...account, password: 'settimo' });
  assert.is(wrong.error, 'auth');
  assert.ok(wrong.clockOffsetMs !== undefined, 'the time is told to anybody');
  const { url } = simulated;
  await simulated.close();
  assert.equal(await ask(url), { error: 'away' });
});

test('a device that never answers, drips, cuts its replies, or swells them ends its conversation alone', async () => {
  await using simulated = await device();
  const limited = async (limitMs: number): Promise<[OnvifAnswer, number]> => {
    const began = performance.now();
    const answer = await ask(simulated.url, limitMs);
    return [answer, performance.now() - began];
  };
  simulated.delay(Number.POSITIVE_INFINITY);
  let [answer, tookMs] = await limited(1500);
  assert.equal(answer, { error: 'away' });
  assert.ok(tookMs < 8000);

  simulated.delay(0);
  simulated.drip(20);
  [answer, tookMs] = await limited(1500);
  assert.is(answer.information, undefined);
  assert.ok(answer.error !== undefined && tookMs < 8000);

  simulated.drip(0);
  simulated.cut(true);
  [answer, tookMs] = await limited(1500);
  assert.ok(answer.error !== undefined && tookMs < 8000);

  simulated.cut(false);
  simulated.swell(50_000_000);
  [answer, tookMs] = await limited(8000);
  assert.is(answer.error, 'broken');
  assert.ok(tookMs < 8000, 'cut off by its size, not by its time');

  simulated.swell(0);
  assert.is((await ask(simulated.url)).error, undefined);
});

test('a reply that blocks the library’s parser, or is none at all, is the child’s to bear', async () => {
  let body = '';
  const server = createServer((_, response) => void response.end(body));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/onvif/device_service`;
  for (const text of [
    '',
    '<html>404</html>',
    '<a',
    `<s:Envelope><s:Body>${'<a>'.repeat(60_000)}`,
    '\u0000\u0001',
  ]) {
    body = text;
    const began = performance.now();
    const error = await ask(url, 4000).then(
      (answer) => answer.error,
      (failure: Failure) => failure.code,
    );
    // A parser that is still busy at its limit is ended by the parent.
    assert.ok(error === 'broken' || error === 'process-timeout', `${error} for ${text.slice(0, 20)}`);
    assert.ok(performance.now() - began < 24_000, text.slice(0, 20));
  }
  server.closeAllConnections();
  await new Promise<void>((resolve) => server.close(() => resolve()));
});

test('polls follow one another; conditions after two, an hour’s rest after a refusal, what is larger is offered', async () => {
  const clock = fakeClock();
  const { conditions, said, details } = await toldConditions(clock);
  const information = { manufacturer: 'M', model: 'X', firmware: '5.10', serial: '1' };
  const profile = { token: 't', encoding: 'H264', ptz: false };
  const good: OnvifAnswer = {
    information,
    clockOffsetMs: 200,
    records: false,
    profiles: [
      { ...profile, source: 's1', width: 1280, height: 720, uri: 'rtsp://192.168.0.9/one?x=1' },
      { ...profile, source: 's2', width: 3840, height: 2160, uri: 'rtsp://192.168.0.9/two' },
    ],
  };
  const position = { pan: 0.1, tilt: 0, zoom: 0 };
  let answers: Record<string, OnvifAnswer> = { one: { ...good, position, preset: 'Piazza' }, two: good };
  const asked: string[] = [];
  let trusted = true;
  const camera = (id: string, width: number, height: number) => ({
    id,
    onvif: `http://10.0.0.1/${id}`,
    ptz: false,
    rtsp: `rtsp://10.0.0.1:554/${id}${id === 'one' ? '?x=1' : ''}`,
    recorder: { status: () => ({ track: { width, height } }) },
  });
  const watch = openOnvifWatch({
    cameras: [camera('one', 1280, 720), camera('two', 3840, 2160)],
    conditions,
    clock,
    clockTrusted: () => trusted,
    async askChild(_, question) {
      const id = new URL((question as { url: string }).url).pathname.slice(1);
      asked.push(id);
      return answers[id];
    },
  });
  const signal = new AbortController().signal;
  const pass = async (minutes: number): Promise<void> => {
    for (let i = 0; i < minutes * 12; i++) {
      await watch.probe.once(signal);
      await clock.advance(5000);
    }
  };
  assert.equal(watch.reading('one'), { state: 'unknown' });
  assert.is(watch.reading('three'), undefined);
  await pass(40);
  assert.equal([said, asked.length], [[], 6]);
  const facts = { information, clockOffsetMs: 200, records: false };
  assert.equal(watch.reading('one'), { state: 'ok', ...facts, position, preset: 'Piazza' });
  answers = { one: { ...good, position }, two: good };
  await pass(20);
  assert.equal(watch.reading('one'), { state: 'ok', ...facts, position }, 'it has left its preset');

  answers = { one: { error: 'away' }, two: { ...good, clockOffsetMs: -61_000, records: true } };
  await pass(20);
  assert.equal(said.sort(), [
    'camera-clock.two raised offset',
    'camera-onvif.one raised away',
    'camera-records.two raised job',
  ]);
  assert.ok(details.some((detail) => /-61 s/.test(detail)));
  assert.equal([watch.reading('one')?.state, watch.reading('one')?.information?.model], ['away', 'X']);
  assert.is(watch.reading('one')?.position, undefined, 'a camera may have moved while it was silent');
  trusted = false;
  answers = { one: { error: 'auth', clockOffsetMs: 0 }, two: good };
  const before = asked.filter((id) => id === 'one').length;
  await pass(90);
  assert.ok(
    asked.filter((id) => id === 'one').length - before <= 3,
    'a user that is refused is not locked out',
  );
  assert.equal(said.slice(3).sort(), ['camera-onvif.one raised auth', 'camera-records.two cleared']);
  trusted = true;
  answers = {
    one: { ...good, profiles: [{ ...profile, source: 's1', width: 2560, height: 1440 }] },
    two: good,
  };
  await pass(80);
  assert.equal(said.slice(5).sort(), [
    'camera-clock.two cleared',
    'camera-onvif.one cleared',
    'camera-profile.one raised smaller',
  ]);
  assert.ok(details.some((detail) => /1280×720.*2560×1440/.test(detail)));
});
