import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import type { Credentials, IngestStats } from '#agent/camera/ingest.ts';
import { type IngestBounds, openRtspIngest } from '#agent/camera/rtsp-ingest.ts';
import { systemClock } from '#agent/platform/clock.ts';
import { openLog } from '#agent/platform/log.ts';
import { openNet } from '#agent/platform/net.ts';
import { systemRandom } from '#agent/platform/random.ts';
import type { Failure } from '#protocol/failure.ts';
import { type KeptFile, keepingSink, nalsOf, shownOf } from '../fixtures/camera/keep.ts';
import {
  type CameraOptions,
  type SimulatedCamera,
  type Simulator,
  startSimulator,
} from '../simulator/simulator.ts';
import { eventually } from '../support/eventually.ts';
import { suite } from '../support/suite.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const test = suite('RTSP ingest against the simulated camera', { timeoutMs: 180_000 });
const net = openNet(40);
const fixture = (name: string): string => new URL(`../fixtures/${name}`, import.meta.url).pathname;
const folder = temporaryFolder();
const bframes = quickened('walkers-bframes.mp4');
const h265 = quickened('walkers-h265.mp4');
const credentials = { user: 'admin', password: 'fünf "Berge"' };

/** A copy that plays four times as fast: 40 pictures a second, a keyframe twice. */
function quickened(name: string): string {
  const bytes = readFileSync(fixture(name));
  const timescaleAt = bytes.indexOf('mdhd') + 16; // version 0: flags, two times
  bytes.writeUInt32BE(bytes.readUInt32BE(timescaleAt) * 4, timescaleAt);
  const path = join(folder.path, name);
  writeFileSync(path, bytes);
  return path;
}

interface Recording {
  files: KeptFile[];
  stats(): IngestStats;
  samples(): number;
  /** Aborts, and gives what `run` threw before, if it did. */
  stop(): Promise<Failure | undefined>;
  /** What `run` throws by itself. */
  end: Promise<Failure | undefined>;
}

function record(url: string, login?: Credentials, bounds: Partial<IngestBounds> = {}): Recording {
  const sink = keepingSink();
  const stop = new AbortController();
  const log = openLog('silent');
  const ingest = openRtspIngest({
    url,
    ...(login ? { credentials: login } : {}),
    clock: systemClock,
    random: systemRandom,
    net,
    log,
    bounds,
  });
  const end = ingest.run(sink, stop.signal).then(
    () => undefined,
    (failure: Failure) => failure,
  );
  return {
    files: sink.files,
    stats: () => ingest.stats(),
    samples: () =>
      sink.files.reduce((sum, { fragments }) => sum + fragments.reduce((n, f) => n + f.samples, 0), 0),
    end,
    async stop() {
      stop.abort();
      return end;
    },
  };
}

/** Records `camera` until it gave `samples`, then stops it. */
async function recorded(camera: SimulatedCamera, samples = 41, login?: Credentials): Promise<Recording> {
  const recording = record(camera.url, login);
  await eventually(`${samples} samples`, () => recording.samples() >= samples, 30_000);
  assert.is(await recording.stop(), undefined);
  return recording;
}

/** What is in the file must be what was sent from the beginning of the clip, unit by unit, times included. */
function assertSame(file: KeptFile | undefined, camera: SimulatedCamera, samples = 41): void {
  assert.ok(file);
  const { frames, duration } = camera.clip;
  const got = file.fragments.flatMap((fragment) => fragment.read);
  assert.ok(got.length >= samples, `${got.length} samples`);
  let before = -1;
  got.forEach((sample, i) => {
    const frame = frames[i % frames.length]!;
    const loop = Math.floor(i / frames.length) * duration;
    assert.is(sample.nals.length, frame.nals.length, `NAL units of sample ${i}`);
    assert.ok(
      sample.nals.every((nal, n) => nal.equals(frame.nals[n]!)),
      `bytes of sample ${i}`,
    );
    assert.is(sample.shown, frame.timestamp + loop - frames[0]!.timestamp, `time of sample ${i}`);
    assert.ok(sample.decodeTime > before);
    before = sample.decodeTime;
  });
  for (const fragment of file.fragments) assert.is(fragment.keyframe, fragment.read[0]!.sync);
}

const quirky: [name: string, options: Partial<CameraOptions>][] = [
  ['plain', {}],
  ['B pictures in slices', { file: bframes }],
  ['H.265', { file: h265 }],
  ['aggregation', { file: bframes, aggregate: true }],
  ['aggregation in H.265', { file: h265, aggregate: true }],
  ['the marker never', { file: bframes, marker: 'never' }],
  ['the marker on every unit', { file: bframes, marker: 'every-nal' }],
  ['extension, contributors and padding', { file: bframes, extensionWords: 3, contributors: 4, padding: 7 }],
  [
    'sequence and timestamp about to wrap',
    { file: bframes, firstSequence: 65_530, firstTimestamp: 4_294_950_000 },
  ],
  ['audio beside it', { file: bframes, audio: true }],
  ['parameter sets only in band', { file: bframes, announced: 'missing' }],
  ['parameter sets only in the SDP', { file: bframes, inBand: false }],
  ['wrong parameter sets in the SDP', { file: bframes, announced: 'wrong' }],
  ['only in band, H.265', { file: h265, announced: 'missing' }],
  ['only in the SDP, H.265', { file: h265, inBand: false }],
  ['no Content-Base', { file: bframes, contentBase: 'missing' }],
  ['a relative Content-Base', { file: bframes, contentBase: 'relative' }],
  ['a Content-Base of another host', { file: bframes, contentBase: 'wrong-host' }],
  ['absolute control', { file: bframes, control: 'absolute' }],
  ['control of another host', { file: bframes, control: 'wrong-host' }],
  ['control *', { file: bframes, control: 'star' }],
  ['no control', { file: bframes, control: 'none' }],
  ['other channels than asked for', { file: bframes, otherChannels: true }],
  ['no answer to TEARDOWN', { file: bframes, neverAnswersTeardown: true }],
  ['noise between packets', { file: bframes, garbageBytes: 300 }],
  ['jumping sender reports', { file: bframes, senderReports: 'jumping' }],
  ['packets sent twice', { file: bframes, repeatEvery: 5 }],
  ['a path with a query', { file: bframes, path: '/cam/realmonitor?channel=2&subtype=0' }],
];

const guarded: [name: string, options: Partial<CameraOptions>][] = [
  ['MD5', {}],
  ['MD5 without qop', { qop: false }],
  ['SHA-256', { schemes: ['SHA-256'] }],
  ['Basic, MD5 and SHA-256', { schemes: ['Basic', 'MD5', 'SHA-256'] }],
  ['three challenges in one header', { schemes: ['Basic', 'MD5', 'SHA-256'], challengesInOneHeader: true }],
  ['Basic alone', { schemes: ['Basic'] }],
  ['a realm with commas', { realm: 'Peio, Cogolo, "Celledizzo"', challengesInOneHeader: true }],
  ['nonces that go stale', { nonceUses: 2 }],
];

const short = ['/short', '/short-options'];
/** Three of their timeouts of four seconds. */
const shortSamples = 481;

let simulator: Simulator;
const pathOf = (group: string, i: number): string => `/${group}-${i}`;
test.before(async () => {
  const common = { fromStart: true };
  const cameras = [
    ...quirky.map(([, options], i) => ({ path: pathOf('quirk', i), ...common, ...options })),
    ...guarded.map(([, options], i) => ({
      path: pathOf('guarded', i),
      ...common,
      ...credentials,
      file: bframes,
      ...options,
    })),
    ...[
      'stall',
      'close',
      'codec',
      'audio-only',
      'lossy',
      'jump',
      'source',
      'change',
      'brief',
      'refusing',
    ].map((name) => ({ path: `/${name}`, ...common, file: bframes })),
    { path: '/locked', ...common, ...credentials },
    { path: '/short', ...common, file: bframes, sessionTimeoutSeconds: 4 },
    { path: '/short-options', ...common, file: bframes, sessionTimeoutSeconds: 4, noGetParameter: true },
  ];
  simulator = await startSimulator({ cameras });
});
test.after(async () => {
  await simulator.close();
  folder[Symbol.dispose]();
});
const camera = (path: string): SimulatedCamera => simulator.camera(path);

// Every quirk takes the five seconds of its clip: all cameras at once, one verdict each.
const quirks = new Map<string, Promise<Recording>>();
test.before(() => {
  quirky.forEach(([, options], i) => {
    const path = options.path ?? pathOf('quirk', i);
    quirks.set(path, recorded(camera(path)));
  });
  guarded.forEach((_, i) => {
    quirks.set(pathOf('guarded', i), recorded(camera(pathOf('guarded', i)), 21, credentials));
  });
  for (const path of short) quirks.set(path, recorded(camera(path), shortSamples));
  for (const recording of quirks.values()) recording.catch(() => {}); // each is awaited by its own test
});

for (const [i, [name, options]] of quirky.entries())
  test(`records bit by bit: ${name}`, async () => {
    const path = options.path ?? pathOf('quirk', i);
    const recording = await quirks.get(path)!;
    assert.is(recording.files.length, 1);
    assertSame(recording.files[0], camera(path));
    const { codec, width, height, timescale } = recording.files[0]!.track;
    const { clip } = camera(path);
    assert.equal([codec, width, height, timescale], [clip.codec, clip.width, clip.height, 90_000]);
    const counters = camera(path).counters();
    const stats = recording.stats();
    assert.is(stats.lostPackets, 0);
    assert.is(counters.audioSetUps, 0);
    assert.equal(stats.offered, options.audio ? ['audio/PCMA'] : []);
    assert.is(counters.requests['TEARDOWN'], 1);
    await eventually('the session to end', () => camera(path).counters().playing === 0);
    assert.is(stats.reorderedPackets > 0, options.repeatEvery !== undefined);
  });

for (const [i, [name]] of guarded.entries())
  test(`authenticates: ${name}`, async () => {
    const path = pathOf('guarded', i);
    assertSame((await quirks.get(path)!).files[0], camera(path), 21);
  });

test('fails with no-data when a camera stops sending, and keeps what came before', async () => {
  const recording = record(camera('/stall').url, undefined, { stallMs: 1000 });
  await eventually('21 samples', () => recording.samples() >= 20);
  camera('/stall').stopSending();
  const failure = await recording.end;
  assert.is(failure?.code, 'no-data');
  assert.is(failure?.kind, 'transient');
  const samples = recording.samples();
  assert.ok(samples > 20, `${samples}: the unfinished GOP is flushed`);
  assertSame(recording.files[0], camera('/stall'), samples);
});

test('fails with no-connection when the camera closes', async () => {
  const recording = record(camera('/close').url);
  await eventually('20 samples', () => recording.samples() >= 20);
  camera('/close').closeConnections();
  assert.is((await recording.end)?.code, 'no-connection');
});

test('fails with unsupported-codec and names what there is', async () => {
  camera('/codec').offer('other-codec');
  const recording = record(camera('/codec').url);
  const failure = await recording.end;
  assert.is(failure?.code, 'unsupported-codec');
  assert.match(failure?.message ?? '', 'video/VP8');
  assert.equal(recording.stats().offered, ['video/VP8']);
});

test('fails with unsupported-codec when there is no video', async () => {
  camera('/audio-only').offer('no-video');
  assert.is((await record(camera('/audio-only').url).end)?.code, 'unsupported-codec');
});

test('fails with auth-failed without credentials, with wrong ones, and asks once', async () => {
  for (const login of [undefined, { user: 'admin', password: 'secret-wrong' }]) {
    const before = camera('/locked').counters().unauthorised;
    const failure = await record(camera('/locked').url, login).end;
    assert.is(failure?.code, 'auth-failed');
    assert.not.match(JSON.stringify([failure?.message, failure?.stack, String(failure?.cause)]), 'secret');
    assert.is(camera('/locked').counters().unauthorised - before, login ? 2 : 1);
  }
});

test('fails with stream-error when the camera refuses', async () => {
  camera('/refusing').refuse();
  assert.is((await record(camera('/refusing').url).end)?.code, 'stream-error');
});

test('fails with no-connection where nothing listens', async () => {
  await using gone = await startSimulator({ cameras: [{ path: '/x' }] });
  const url = gone.url('/x');
  await gone.close();
  assert.is((await record(url).end)?.code, 'no-connection');
});

test('counts lost packets where they are lost and goes on', async () => {
  const recording = record(camera('/lossy').url);
  await eventually('20 samples', () => recording.samples() >= 20);
  camera('/lossy').lose(3);
  await eventually('60 samples', () => recording.samples() >= 55);
  await recording.stop();
  assert.is(recording.files.length, 1);
  assert.is(recording.stats().lostPackets, 3);
  assert.is(
    recording.files[0]!.fragments.reduce((sum, { lostPackets }) => sum + lostPackets, 0),
    3,
  );
});

test('begins a new track after a jump of the timestamps, and loses no picture', async () => {
  const recording = record(camera('/jump').url);
  await eventually('20 samples', () => recording.samples() >= 20);
  camera('/jump').jumpTimestamp(60_000);
  await eventually('a second track', () => recording.files[1]?.fragments[0]);
  await recording.stop();
  assert.is(recording.files.length, 2);
  const pictures = recording.files.flatMap(nalsOf).length;
  const expected = camera('/jump').clip.frames.flatMap(({ nals }) => nals);
  const sent = [...expected, ...expected, ...expected].slice(0, pictures);
  assert.ok(Buffer.concat(recording.files.flatMap(nalsOf)).equals(Buffer.concat(sent)));
  assert.is(recording.files[1]!.fragments[0]!.decodeTime, 0);
  assert.ok(Math.max(...shownOf(recording.files[0]!)) < 90_000 * 20, 'no minute in the middle of a file');
});

test('begins a new track when the source changes', async () => {
  const recording = record(camera('/source').url);
  await eventually('20 samples', () => recording.samples() >= 20);
  camera('/source').newSource();
  await eventually('a second track', () => recording.files[1]?.fragments[0]);
  await recording.stop();
  assert.is(recording.files.length, 2);
});

test('begins a new track when the parameter sets change', async () => {
  const recording = record(camera('/change').url);
  await eventually('20 samples', () => recording.samples() >= 20);
  camera('/change').show(fixture('walkers.mp4'));
  await eventually('a second track', () => recording.files[1]?.fragments[0]);
  await recording.stop();
  assert.equal(
    recording.files.map(({ track }) => track.width),
    [384, 768],
  );
});

for (const path of short)
  test(`keeps a session of four seconds alive: ${path}`, async () => {
    await quirks.get(path);
    const { sessionsExpired, requests, sessions } = camera(path).counters();
    assert.is(sessionsExpired, 0);
    assert.is(sessions, 1);
    const method = path === '/short' ? 'GET_PARAMETER' : 'OPTIONS';
    assert.ok((requests[method] ?? 0) >= 3, `${requests[method]} ${method}`);
  });

test('says what the camera clock shows, and reports reception', async () => {
  const recording = await quirks.get(pathOf('quirk', 0))!;
  const { cameraClock } = recording.stats();
  assert.ok(cameraClock);
  const difference = cameraClock.utc - systemClock.utc() + (systemClock.monotonic() - cameraClock.readAt);
  assert.ok(Math.abs(difference) < 2000, `${difference} ms`);
  assert.ok(camera('/short').counters().receiverReports > 0);
});

test('intra refresh: a stream without IDR is recorded from its recovery points on, unit by unit', async () => {
  const file = fixture('walkers-intra-refresh.mp4');
  await using simulator = await startSimulator({
    cameras: [{ path: '/cam-1', file, neverIdr: true, frameRate: 20, fromStart: true }],
  });
  const camera = simulator.camera('/cam-1');
  const { frames } = camera.clip;
  assert.ok(
    frames.every(({ nals }) => nals.every((unit) => (unit[0]! & 0x1f) !== 5)),
    'no IDR is sent',
  );
  const recording = await recorded(camera, 61);
  assertSame(recording.files[0], camera, 61);
  assert.is(recording.files.length, 1);
  for (const fragment of recording.files[0]!.fragments.slice(0, -1)) assert.is(fragment.samples, 20);
});

test('goodbye: a camera that ends its stream is left within seconds, one that goes on is not', async () => {
  await using simulator = await startSimulator({ cameras: [{ path: '/cam-1', file: bframes }] });
  const camera = simulator.camera('/cam-1');
  const recording = record(camera.url);
  await eventually('samples', () => recording.samples() > 0);
  camera.goodbye();
  const before = recording.samples();
  // Three seconds of pictures at 40 a second: longer than a camera that left would have been waited for.
  await eventually('more pictures', () => recording.samples() >= before + 120, 20_000);
  camera.stopSending();
  const silentAt = performance.now();
  camera.goodbye();
  assert.is((await recording.end)?.code, 'no-connection');
  assert.ok(performance.now() - silentAt < 8000, 'before it would have been called silent');
});

test('goodbye, and another source at once: its pictures follow in a track of their own', async () => {
  await using simulator = await startSimulator({ cameras: [{ path: '/cam-1', file: bframes }] });
  const camera = simulator.camera('/cam-1');
  const recording = record(camera.url);
  await eventually('samples', () => recording.samples() > 0);
  camera.goodbye();
  camera.newSource();
  await eventually('a second track', () => (recording.files[1]?.fragments.length ?? 0) > 0);
  assert.is(await recording.stop(), undefined);
});
