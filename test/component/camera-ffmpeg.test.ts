import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { openIngest } from '#agent/camera/open-ingest.ts';
import type { IngestBounds } from '#agent/camera/rtsp-ingest.ts';
import { systemClock } from '#agent/platform/clock.ts';
import { codeOf } from '#protocol/failure.ts';
import { type KeptFile, keepingSink } from '../fixtures/camera/keep.ts';
import { scanOf } from '../simulator/jpeg.ts';
import { type CameraOptions, type SimulatedCamera, startSimulator } from '../simulator/simulator.ts';
import { embeddedFfmpeg } from '../support/embedded-ffmpeg.ts';
import { eventually } from '../support/eventually.ts';
import { type CameraRecording, recordCamera, watchedParts } from '../support/record-camera.ts';
import { suite } from '../support/suite.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const test = suite('recording through ffmpeg', { timeoutMs: 180_000 });
const fixture = (name: string): string => new URL(`../fixtures/${name}`, import.meta.url).pathname;
const folder = temporaryFolder();
test.after(() => folder[Symbol.dispose]());
const account = { user: 'admin', password: 'sesto-grado-mai-visto' };
const find = async () => embeddedFfmpeg;

/** A copy that plays four times as fast. */
function quickened(name: string): string {
  const bytes = readFileSync(fixture(name));
  const timescaleAt = bytes.indexOf('mdhd') + 16; // version 0: flags, two times
  bytes.writeUInt32BE(bytes.readUInt32BE(timescaleAt) * 4, timescaleAt);
  const path = join(folder.path, name);
  writeFileSync(path, bytes);
  return path;
}
const bframes = quickened('walkers-bframes.mp4');
const h265 = quickened('walkers-h265.mp4');
const mpeg4 = quickened('walkers-mpeg4.mp4');
const mjpeg = quickened('walkers-mjpeg.mp4');

function record(camera: SimulatedCamera, bounds: Partial<IngestBounds> = {}, more = {}): CameraRecording {
  const choice = { url: camera.url, credentials: account, ingest: 'ffmpeg', ...more } as const;
  return recordCamera(choice, { parts: { find }, bounds });
}

/** What is recorded must be what was sent from the beginning of the clip, piece by piece, times included. */
function assertSame(file: KeptFile | undefined, camera: SimulatedCamera, samples: number): void {
  assert.ok(file);
  const { frames, duration, codec } = camera.clip;
  const got = file.fragments.flatMap((fragment) => fragment.read);
  assert.ok(got.length >= samples, `${got.length} samples`);
  let before = -1;
  got.forEach((sample, i) => {
    const frame = frames[i % frames.length]!;
    const loop = Math.floor(i / frames.length) * duration;
    const [want, have] =
      codec === 'mjpeg'
        ? [frame.nals.map(scanOf), sample.nals.map(scanOf)] // RFC 2435 sends tables and scan; the rest is written anew.
        : codec === 'mpeg4'
          ? [[Buffer.concat(frame.nals)], sample.nals]
          : [frame.nals, sample.nals];
    assert.is(have.length, want.length, `pieces of sample ${i}`);
    assert.ok(
      have.every((piece, n) => piece.equals(want[n]!)),
      `bytes of sample ${i}`,
    );
    assert.is(sample.shown, frame.timestamp + loop - frames[0]!.timestamp, `time of sample ${i}`);
    assert.is(sample.sync, frame.keyframe, `keyframe flag of sample ${i}`);
    assert.ok(sample.decodeTime > before);
    before = sample.decodeTime;
  });
  for (const fragment of file.fragments) {
    assert.is(fragment.keyframe, true);
    assert.ok(fragment.endedAt >= fragment.arrivedAt);
  }
}

const streams: [title: string, codecString: RegExp, options: Partial<CameraOptions>][] = [
  ['H.264 over TCP', /^avc1\./, { file: bframes, transports: ['tcp'] }],
  ['H.264 over UDP', /^avc1\./, { file: bframes, transports: ['udp'] }],
  ['H.264 over UDP, aggregated', /^avc1\./, { file: bframes, transports: ['udp'], aggregate: true }],
  [
    'intra refresh without an IDR, over UDP',
    /^avc1\./,
    {
      file: fixture('walkers-intra-refresh.mp4'),
      neverIdr: true,
      frameRate: 20,
      transports: ['udp'],
    },
  ],
  ['H.265 by multicast', /^hvc1\./, { file: h265, transports: ['multicast'] }],
  ['MPEG-4 over TCP', /^mp4v\.20\.1$/, { file: mpeg4, transports: ['tcp'] }],
  ['MPEG-4 by multicast', /^mp4v\.20\.1$/, { file: mpeg4, transports: ['multicast'] }],
  ['M-JPEG over TCP', /^mp4v\.6c$/, { file: mjpeg, transports: ['tcp'] }],
  ['M-JPEG over UDP', /^mp4v\.6c$/, { file: mjpeg, transports: ['udp'] }],
  [
    'timestamps and sequence about to wrap',
    /^avc1\./,
    {
      file: bframes,
      transports: ['tcp'],
      firstSequence: 65_500,
      firstTimestamp: 2 ** 32 - 4500,
    },
  ],
];
for (const [title, codecString, options] of streams)
  test(`records what the camera sends: ${title}`, async () => {
    await using simulator = await startSimulator({
      cameras: [{ path: '/cam', fromStart: true, audio: true, ...account, ...options }],
    });
    const camera = simulator.camera('/cam');
    const transport = options.transports?.[0] ?? 'tcp';
    const recording = record(camera, {}, { transport });
    await eventually('61 pictures', () => recording.samples() >= 61, 40_000);
    assert.is((await recording.stop())?.message, undefined);
    assert.is(recording.files.length, 1);
    assert.match(recording.files[0]!.track.codecString, codecString);
    assert.equal([recording.files[0]!.track.width, recording.files[0]!.track.height], [384, 288]);
    assertSame(recording.files[0], camera, 61);
    const stats = recording.stats();
    assert.is(stats.lostPackets, 0);
    assert.is(stats.transport, 'ffmpeg');
    assert.is(stats.because, transport === 'tcp' ? 'configured' : transport);
    assert.equal(stats.offered, ['audio/PCMA']);
    assert.is(camera.counters().audioSetUps, 0);
    assert.is(camera.counters().lastTransport, transport);
    await eventually('the camera is left', () => camera.counters().playing === 0);
    assert.ok(recording.children.every(({ ended }) => ended));
  });

test('puts packets back in order over UDP, and counts those that never came', async () => {
  await using simulator = await startSimulator({
    cameras: [
      { path: '/swapped', file: bframes, fromStart: true, swapEvery: 7, ...account },
      { path: '/lost', file: bframes, fromStart: true, loseEvery: 50, ...account },
    ],
  });
  const swapped = record(simulator.camera('/swapped'), {}, { transport: 'udp' });
  const lost = record(simulator.camera('/lost'), {}, { transport: 'udp' });
  await eventually('pictures', () => swapped.samples() >= 60 && lost.samples() >= 60, 40_000);
  assert.is((await swapped.stop())?.message, undefined);
  assert.is((await lost.stop())?.message, undefined);
  assertSame(swapped.files[0], simulator.camera('/swapped'), 60);
  assert.is(swapped.stats().lostPackets, 0);
  const told = lost.files.flatMap(({ fragments }) => fragments).reduce((sum, f) => sum + f.lostPackets, 0);
  assert.ok(told >= 2 && told <= lost.stats().lostPackets, `${told} of ${lost.stats().lostPackets}`);
});

test('parameter sets that change, a new sender and a jump of the times each begin a file of their own', async () => {
  await using simulator = await startSimulator({ cameras: [{ path: '/cam', file: bframes, ...account }] });
  const camera = simulator.camera('/cam');
  const recording = record(camera);
  const files = async (count: number): Promise<void> => {
    await eventually(`file ${count}`, () => (recording.files[count - 1]?.fragments.length ?? 0) > 0, 30_000);
  };
  await files(1);
  camera.show(fixture('walkers.mp4'));
  await files(2);
  assert.equal([recording.files[1]!.track.width, recording.files[1]!.track.height], [768, 576]);
  camera.show(bframes);
  await files(3);
  camera.jumpTimestamp(-3_600_000);
  await files(4);
  camera.newSource();
  await files(5);
  assert.is((await recording.stop())?.message, undefined);
  assert.is(recording.children.length, 1);
  for (const { fragments } of recording.files) {
    assert.is(fragments[0]!.decodeTime, 0);
    assert.is(fragments[0]!.sequence, 1);
    assert.is(fragments[0]!.keyframe, true);
  }
});

test('nobody on this box sees the password, nor ffmpeg where the camera is', async () => {
  await using simulator = await startSimulator({
    cameras: [{ path: '/cam', file: bframes, ...account, schemes: ['SHA-256', 'MD5', 'Basic'] }],
  });
  const camera = simulator.camera('/cam');
  process.env['PEIO_TEST_SECRET'] = account.password;
  const recording = record(camera);
  try {
    await eventually('pictures', () => recording.samples() > 0, 30_000);
    const [child] = recording.children;
    assert.ok(child);
    for (const file of ['cmdline', 'environ']) {
      const text = readFileSync(`/proc/${child.pid}/${file}`, 'latin1');
      assert.not.match(text, account.password);
      assert.not.match(text, account.user);
      assert.not.match(text, `:${simulator.port}`);
      assert.not.match(text, camera.url);
    }
    assert.match(
      readFileSync(`/proc/${child.pid}/cmdline`, 'latin1'),
      /rtsp:\/\/127\.0\.0\.1:\d+\/[0-9a-f]{32}/,
    );
    assert.match(readFileSync(`/proc/${child.pid}/limits`, 'latin1'), /Max core file size +0 +0/);
  } finally {
    delete process.env['PEIO_TEST_SECRET'];
    assert.is((await recording.stop())?.message, undefined);
  }
});

test('an ffmpeg that ends or hangs is a fault, whatever it says', async () => {
  await using simulator = await startSimulator({ cameras: [{ path: '/cam', file: bframes, ...account }] });
  const camera = simulator.camera('/cam');
  for (const signal of ['SIGKILL', 'SIGTERM', 'SIGSTOP'] as const) {
    const recording = record(camera, { stallMs: 2000 });
    await eventually('pictures', () => recording.samples() > 0, 30_000);
    const before = recording.samples();
    recording.children[0]!.kill(signal);
    assert.is((await recording.end)?.code, 'stream-error', signal);
    assert.ok(recording.samples() >= before);
    assert.ok(recording.children[0]!.ended);
    await eventually('the camera is left', () => camera.counters().playing === 0);
  }
});

test('a camera that falls silent, closes, or refuses is told by its own name, and no ffmpeg stays', async () => {
  await using simulator = await startSimulator({
    cameras: [
      { path: '/silent', file: mpeg4, ...account },
      { path: '/closing', file: mpeg4, ...account },
      { path: '/tcp-only', file: mpeg4, transports: ['tcp'], ...account },
    ],
  });
  const silent = record(simulator.camera('/silent'), { stallMs: 1500 }, { transport: 'udp' });
  const closing = record(simulator.camera('/closing'));
  await eventually('pictures', () => silent.samples() > 0 && closing.samples() > 0, 40_000);
  simulator.camera('/silent').stopSending();
  simulator.camera('/closing').closeConnections();
  assert.is((await silent.end)?.code, 'no-data');
  assert.is((await closing.end)?.code, 'no-connection');
  const wrong = record(simulator.camera('/silent'), {}, { credentials: { ...account, password: 'no' } });
  assert.is((await wrong.end)?.code, 'auth-failed');
  assert.is(wrong.children.length, 0);
  const tcpOnly = record(simulator.camera('/tcp-only'), {}, { transport: 'udp' });
  assert.is((await tcpOnly.end)?.code, 'stream-error');
  const children = [silent, closing, tcpOnly].flatMap((each) => each.children);
  assert.ok(children.length >= 3 && children.every(({ ended }) => ended));
});

test('a stream without a keyframe, and a box without ffmpeg, are told', async () => {
  await using simulator = await startSimulator({
    cameras: [{ path: '/cam', file: bframes, announced: 'missing', inBand: false, ...account }],
  });
  const camera = simulator.camera('/cam');
  const keyless = record(camera, { keyframeMs: 2000 });
  assert.is((await keyless.end)?.code, 'no-keyframe');
  assert.ok(keyless.children[0]!.ended);
  const none = recordCamera(
    { url: camera.url, credentials: account, ingest: 'ffmpeg' },
    { parts: { find: async () => undefined } },
  );
  assert.is((await none.end)?.code, 'unsupported-codec');
  assert.is(none.children.length, 0);
});

test('falls back to ffmpeg by itself for an hour, and back when the camera is set right', async () => {
  await using simulator = await startSimulator({
    cameras: [{ path: '/cam', file: mjpeg, fromStart: true, ...account }],
  });
  const camera = simulator.camera('/cam');
  let passedMs = 0;
  const clock = { ...systemClock, monotonic: () => (systemClock.monotonic() + passedMs) as never };
  let there = false;
  const { parts, children } = watchedParts();
  const next = openIngest(
    { url: camera.url, credentials: account, ingest: 'auto', transport: 'tcp' },
    { ...parts, clock, find: async () => (there ? embeddedFfmpeg : undefined) },
  );
  /** One session until it gave pictures or failed; its outcome and how often the camera was asked what it has. */
  const session = async (): Promise<[outcome: string, asked: number]> => {
    const before = camera.counters().requests['DESCRIBE'] ?? 0;
    const sink = keepingSink();
    const stop = new AbortController();
    const ingest = next();
    const run = ingest
      .run(sink, stop.signal)
      .then(() => `${ingest.stats().transport} ${sink.files[0]?.track.codec}`, codeOf);
    let over = false;
    void run.then(() => {
      over = true;
    });
    await eventually('pictures, or an end', () => over || sink.files[0]?.fragments[0] !== undefined, 30_000);
    stop.abort();
    const outcome = await run;
    // A request and its repetition with the answer to the challenge.
    return [outcome, ((camera.counters().requests['DESCRIBE'] ?? 0) - before) / 2];
  };
  assert.equal(await session(), ['unsupported-codec', 1]);
  there = true;
  assert.equal(await session(), ['ffmpeg mjpeg', 2]);
  assert.equal(await session(), ['ffmpeg mjpeg', 1]);
  passedMs = 3_600_001;
  assert.equal(await session(), ['ffmpeg mjpeg', 2]);
  camera.show(bframes);
  assert.equal(await session(), ['ffmpeg h264', 1]);
  assert.equal(await session(), ['tcp h264', 1]);
  assert.is(children.length, 4);
});
