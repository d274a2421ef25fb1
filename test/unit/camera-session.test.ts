import * as assert from 'uvu/assert';
import type { Credentials } from '#agent/camera/ingest.ts';
import { openRtspIngest } from '#agent/camera/rtsp-ingest.ts';
import { openLog } from '#agent/platform/log.ts';
import { systemRandom } from '#agent/platform/random.ts';
import { codeOf, type Failure } from '#protocol/failure.ts';
import { type KeptFile, keepingSink } from '../fixtures/camera/keep.ts';
import {
  type Answer,
  type Asked,
  rtp,
  type ScriptedServer,
  scriptedServer,
  usual,
} from '../fixtures/camera/scripted-server.ts';
import { readVideoTrack } from '../simulator/mp4.ts';
import { type FakeClock, fakeClock } from '../support/fake-clock.ts';
import { suite } from '../support/suite.ts';

const test = suite('RTSP session');
const sets = readVideoTrack(new URL('../fixtures/walkers.mp4', import.meta.url).pathname).parameterSets;
const idr = Buffer.from([0x65, 0x88, 0x84, 1, 2, 3]);
const inter = Buffer.from([0x41, 0x9a, 0x20, 7, 8, 9]);
const login = { user: 'admin', password: 'hunter2' };

interface Life {
  clock: FakeClock;
  server: ScriptedServer;
  files: KeptFile[];
  stop(): void;
  /** `ok` once `run` resolved, the failure once it rejected. */
  outcome(): Promise<'ok' | Failure>;
  over(): boolean;
  methods(): string[];
}

async function live(
  answer: (asked: Asked) => Answer = usual,
  options: { credentials?: Credentials; url?: string; refuse?: boolean } = {},
): Promise<Life> {
  const clock = fakeClock();
  const server = scriptedServer(answer, options.refuse);
  const sink = keepingSink();
  const stop = new AbortController();
  const { credentials, url = 'rtsp://cam:8554/live' } = options;
  const ingest = openRtspIngest({
    url,
    ...(credentials ? { credentials } : {}),
    clock,
    random: systemRandom,
    net: server.net,
    log: openLog('silent'),
  });
  let over = false;
  const outcome = ingest.run(sink, stop.signal).then(
    () => 'ok' as const,
    (failure: Failure) => failure,
  );
  void outcome.then(() => {
    over = true;
  });
  await clock.advance(0);
  return {
    clock,
    server,
    files: sink.files,
    stop: () => stop.abort(),
    outcome: async () => outcome,
    over: () => over,
    methods: () => server.asked.map(({ method }) => method),
  };
}

/** Nothing may be left behind, however a session ends. */
async function assertEnded(life: Life, code: string): Promise<Failure | undefined> {
  const outcome = await life.outcome();
  assert.is(outcome === 'ok' ? 'ok' : codeOf(outcome), code);
  assert.is(life.clock.pending(), 0, 'timers are left');
  assert.ok(
    life.server.connections.every(({ open }) => !open),
    'a connection is left',
  );
  return outcome === 'ok' ? undefined : outcome;
}

async function play(life: Life, seconds: number, from = 0): Promise<void> {
  for (let i = 0; i < seconds; i++) {
    const at = (from + i) * 90_000;
    const sequence = (from + i) * 3;
    const [first, second] = sets as [Buffer, Buffer];
    life.server.send(
      Buffer.concat([rtp(sequence, at, first), rtp(sequence + 1, at, second), rtp(sequence + 2, at, idr)]),
    );
    await life.clock.advance(1000);
  }
}

test('asks in order, names the session, paces once it plays, tears down at the end', async () => {
  const life = await live();
  await play(life, 3);
  life.stop();
  await assertEnded(life, 'ok');
  assert.equal(life.methods(), ['OPTIONS', 'DESCRIBE', 'SETUP', 'PLAY', 'TEARDOWN']);
  assert.equal(
    life.server.asked.map(({ headers }) => headers.get('session')),
    [undefined, undefined, undefined, '42', '42'],
  );
  assert.equal(
    life.server.asked.map(({ url }) => url.replace('rtsp://cam:8554', '')),
    ['/live', '/live', '/live/track1', '/live', '/live'],
  );
  assert.ok(life.server.connections[0]!.paced);
  assert.is(life.files[0]!.fragments.length, 3);
});

test('ends in order when it is stopped at any step', async () => {
  for (const step of ['OPTIONS', 'DESCRIBE', 'SETUP', 'PLAY']) {
    const life = await live((asked) => (asked.method === step ? undefined : usual(asked)));
    assert.is(life.methods().at(-1), step);
    life.stop();
    await life.clock.advance(1000);
    await assertEnded(life, 'ok');
  }
});

test('waits half a second for the answer to TEARDOWN, no longer', async () => {
  const life = await live((asked) => (asked.method === 'TEARDOWN' ? undefined : usual(asked)));
  await play(life, 1);
  life.stop();
  await life.clock.advance(499);
  assert.not(life.over());
  await life.clock.advance(1);
  await assertEnded(life, 'ok');
});

test('gives a camera five seconds for each answer', async () => {
  for (const step of ['OPTIONS', 'DESCRIBE', 'SETUP', 'PLAY']) {
    const life = await live((asked) => (asked.method === step ? undefined : usual(asked)));
    await life.clock.advance(4999);
    assert.not(life.over());
    await life.clock.advance(1001);
    await assertEnded(life, 'no-connection');
  }
});

test('takes answers without a number, and ignores those of another', async () => {
  const life = await live((asked) => {
    const answer = usual(asked);
    if (asked.method === 'DESCRIBE')
      return {
        ...answer,
        headers: {},
        raw: `RTSP/1.0 200 OK\r\nCSeq: 99\r\n\r\nRTSP/1.0 200 OK\r\nContent-Length: 20\r\n\r\nm=video 0 RTP/AVP 26`,
      };
    return answer;
  });
  const failure = await assertEnded(life, 'unsupported-codec');
  assert.match(failure!.message, 'video/JPEG');
});

test('fails with no-data ten seconds after the last video, whatever else comes', async () => {
  const life = await live();
  await play(life, 2);
  for (let i = 0; i < 8; i++) {
    life.server.send(rtp(i, i, inter, 2)); // a track that nobody set up
    life.server.send(rtp(i, i, Buffer.alloc(0), 1)); // reports
    await life.clock.advance(1000);
  }
  assert.not(life.over());
  await life.clock.advance(1600);
  await assertEnded(life, 'no-data');
  assert.is(life.files[0]!.fragments.length, 2);
});

test('fails with no-keyframe after a minute of video without one', async () => {
  for (const before of [0, 2]) {
    const life = await live();
    await play(life, before);
    for (let i = 0; i < 59; i++) {
      life.server.send(rtp(100 + i, (100 + i) * 90_000, inter));
      await life.clock.advance(1000);
    }
    assert.not(life.over());
    life.server.send(rtp(159, 159 * 90_000, inter));
    await life.clock.advance(3500);
    await assertEnded(life, 'no-keyframe');
  }
});

test('asks GET_PARAMETER at half the timeout, or OPTIONS where it is unknown or refused', async () => {
  const asking = async (answer: (asked: Asked) => Answer): Promise<string[]> => {
    const life = await live(answer);
    await play(life, 100);
    life.stop();
    await assertEnded(life, 'ok');
    return life.methods().slice(4, -1);
  };
  assert.equal(await asking(usual), ['GET_PARAMETER', 'GET_PARAMETER', 'GET_PARAMETER']);
  assert.equal(await asking((asked) => (asked.method === 'GET_PARAMETER' ? { status: 501 } : usual(asked))), [
    'GET_PARAMETER',
    'OPTIONS',
    'OPTIONS',
  ]);
  assert.equal(await asking((asked) => (asked.method === 'OPTIONS' ? {} : usual(asked))), [
    'OPTIONS',
    'OPTIONS',
    'OPTIONS',
  ]);
  assert.equal(await asking((asked) => (asked.method === 'GET_PARAMETER' ? undefined : usual(asked))), [
    'GET_PARAMETER',
    'GET_PARAMETER',
    'GET_PARAMETER',
  ]);
  const short = await asking((asked) =>
    asked.method === 'SETUP' ? { headers: { Session: '7 ; Timeout = 10' } } : usual(asked),
  );
  assert.is(short.length, 20);
});

test('reports reception every five seconds', async () => {
  const life = await live();
  await play(life, 21);
  const reports = life.server.other.filter((bytes) => bytes[0] === 0x24);
  assert.is(reports.length, 4);
  assert.equal([reports[0]![1], reports[0]!.readUInt32BE(12)], [1, 7]);
  life.stop();
  await assertEnded(life, 'ok');
});

test('answers what a camera asks, and ends when it asks us to go', async () => {
  const life = await live();
  await play(life, 1);
  life.server.send(
    'OPTIONS rtsp://x RTSP/1.0\r\nCSeq: 5\r\n\r\nANNOUNCE rtsp://x RTSP/1.0\r\nCSeq: 6\r\n\r\n',
  );
  assert.equal(
    life.server.other.map((bytes) => bytes.toString()),
    ['RTSP/1.0 200 OK\r\nCSeq: 5\r\n\r\n', 'RTSP/1.0 501 Not Implemented\r\nCSeq: 6\r\n\r\n'],
  );
  life.server.send('REDIRECT rtsp://x RTSP/1.0\r\nCSeq: 7\r\nLocation: rtsp://y\r\n\r\n');
  await life.clock.advance(0);
  await assertEnded(life, 'stream-error');
});

test('follows a redirect, and shows the password to no other host', async () => {
  const guarded = (asked: Asked): Answer => {
    if (asked.target.host === 'cam' && asked.method === 'DESCRIBE')
      return { status: 302, headers: { Location: 'rtsp://elsewhere/new' } };
    if (asked.target.host === 'elsewhere' && !asked.headers.has('authorization'))
      return { status: 401, headers: { 'WWW-Authenticate': 'Basic realm="give it to me"' } };
    return usual(asked);
  };
  const life = await live(guarded, { credentials: login });
  await assertEnded(life, 'auth-failed');
  assert.equal(
    life.server.connections.map(({ target }) => [target.host, target.port]),
    [
      ['cam', 8554],
      ['elsewhere', 554],
    ],
  );
  assert.not.ok(life.server.asked.some(({ headers }) => headers.has('authorization')));

  const moved = await live((asked) =>
    asked.target.port === 8554 && asked.method === 'DESCRIBE'
      ? { status: 301, headers: { Location: 'rtsp://cam:8555/new' } }
      : usual(asked),
  );
  await play(moved, 2);
  moved.stop();
  await assertEnded(moved, 'ok');
  assert.is(moved.server.asked.at(-1)!.url, 'rtsp://cam:8555/new');
  assert.is(moved.files[0]!.fragments.length, 2);
});

test('follows redirects to an end, never out of TLS, never to what is no address', async () => {
  const to =
    (location: string) =>
    (asked: Asked): Answer =>
      asked.method === 'DESCRIBE' ? { status: 302, headers: { Location: location } } : usual(asked);
  const round = await live(to('rtsp://cam:8554/live'));
  await assertEnded(round, 'stream-error');
  assert.is(round.server.connections.length, 4);
  const out = await live(to('rtsp://cam/live'), { url: 'rtsps://cam/live' });
  await assertEnded(out, 'stream-error');
  assert.equal(
    out.server.connections.map(({ target }) => [target.port, target.tls]),
    [[322, {}]],
  );
  for (const location of ['http://cam/', 'rtsp://admin:hunter2@cam/', ''])
    await assertEnded(await live(to(location)), 'stream-error');
});

test('says what is wrong with a camera by a code, and never the password', async () => {
  const unauthorised = {
    status: 401,
    headers: { 'WWW-Authenticate': 'Digest realm="hunter2", nonce="hunter2"' },
  };
  const cases: [code: string, answer: (asked: Asked) => Answer, refuse?: boolean][] = [
    ['no-connection', usual, true],
    ['auth-failed', () => unauthorised],
    ['auth-failed', () => ({ status: 401 })],
    ['stream-error', (asked) => (asked.method === 'DESCRIBE' ? { status: 404 } : usual(asked))],
    ['stream-error', (asked) => (asked.method === 'SETUP' ? { status: 461 } : usual(asked))],
    [
      'stream-error',
      (asked) =>
        asked.method === 'SETUP'
          ? { headers: { Transport: 'RTP/AVP;unicast;client_port=5000-5001' } }
          : usual(asked),
    ],
    ['stream-error', (asked) => (asked.method === 'PLAY' ? { status: 503 } : usual(asked))],
    ['stream-error', () => ({ raw: 'RTSP/1.0 200 OK\r\nContent-Length: 70000\r\n\r\n' })],
    ['stream-error', () => ({ raw: 'x'.repeat(70_000) })],
    [
      'unsupported-codec',
      (asked) => (asked.method === 'DESCRIBE' ? { body: 'm=video 0 RTP/AVP 26\r\n' } : usual(asked)),
    ],
    ['unsupported-codec', (asked) => (asked.method === 'DESCRIBE' ? {} : usual(asked))],
  ];
  for (const [code, answer, refuse = false] of cases) {
    const life = await live(answer, { credentials: login, refuse });
    const failure = await assertEnded(life, code);
    assert.is(failure!.kind, 'transient');
    const told = [failure!.message, failure!.stack, String(failure!.cause)].join();
    assert.not.match(told, 'hunter2');
    assert.not.match(told, Buffer.from('admin:hunter2').toString('base64'));
  }
});

test('tries the next meaning of a control while the camera knows none such', async () => {
  const life = await live((asked) => {
    if (asked.method === 'DESCRIBE')
      return {
        headers: { 'Content-Base': 'rtsp://10.0.0.9/inner/' },
        body: 'm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:track1\r\n',
      };
    if (asked.method === 'SETUP' && asked.url.includes('/inner/')) return { status: 404 };
    if (asked.method === 'PLAY' && !asked.url.endsWith('track1')) return { status: 454 };
    return usual(asked);
  });
  await play(life, 2);
  life.stop();
  await assertEnded(life, 'ok');
  assert.equal(
    life.server.asked.slice(2).map(({ method, url }) => `${method} ${url}`),
    [
      'SETUP rtsp://cam:8554/inner/track1',
      'SETUP rtsp://cam:8554/live/track1',
      'PLAY rtsp://cam:8554/inner/',
      'PLAY rtsp://cam:8554/live',
      'PLAY rtsp://cam:8554/live/track1',
      'TEARDOWN rtsp://cam:8554/live/track1',
    ],
  );
});

test('sets up the first video track that can be recorded, and tells what else there is', async () => {
  const life = await live((asked) =>
    asked.method === 'DESCRIBE'
      ? {
          body: 'm=audio 0 RTP/AVP 8\r\na=control:a\r\nm=video 0 RTP/AVP 26\r\na=control:jpeg\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 h264/90000\r\na=control:good\r\nm=video 0 RTP/AVP 97\r\na=rtpmap:97 H265/90000\r\na=control:sub\r\n',
        }
      : usual(asked),
  );
  await play(life, 2);
  life.stop();
  await assertEnded(life, 'ok');
  assert.equal(
    life.server.asked.filter(({ method }) => method === 'SETUP').map(({ url }) => url),
    ['rtsp://cam:8554/live/good'],
  );
});

test('what the sink throws ends the session as it is: a bug of ours, not a failure of the camera', async () => {
  const clock = fakeClock();
  const server = scriptedServer(usual);
  const bug = new TypeError('a bug');
  const ingest = openRtspIngest({
    url: 'rtsp://cam/live',
    clock,
    random: systemRandom,
    net: server.net,
    log: openLog('silent'),
  });
  const outcome = ingest.run(
    {
      track: () => {
        throw bug;
      },
      fragment: () => {},
    },
    new AbortController().signal,
  );
  const caught = outcome.catch((error: unknown) => error);
  await clock.advance(0);
  const life = { server, clock } as Life;
  const [first, second] = sets as [Buffer, Buffer];
  life.server.send(Buffer.concat([rtp(0, 0, first), rtp(1, 0, second), rtp(2, 0, idr)]));
  await clock.advance(1000);
  assert.is(await caught, bug);
  assert.is(clock.pending(), 0);
});
