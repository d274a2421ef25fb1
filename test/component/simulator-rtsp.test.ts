import * as assert from 'uvu/assert';
import { readVideoTrack, splitNals } from '../simulator/mp4.ts';
import { digestFor, nalsOf, openRaw, type RawClient, readRtp } from '../simulator/raw-client.ts';
import { type CameraOptions, type Simulator, startSimulator } from '../simulator/simulator.ts';
import { eventually } from '../support/eventually.ts';
import { suite } from '../support/suite.ts';

const test = suite('simulated camera, RTSP by hand');
const walkers = new URL('../fixtures/walkers.mp4', import.meta.url).pathname;
const tcp = { Transport: 'RTP/AVP/TCP;unicast;interleaved=0-1' };

const camera = (options: Partial<CameraOptions> = {}): Promise<Simulator> =>
  startSimulator({ cameras: [{ path: '/cam-1', fromStart: true, ...options }] });

async function playing(client: RawClient, url: string): Promise<string> {
  const setUp = await client.request('SETUP', `${url}/trackID=0`, tcp);
  assert.is(setUp.status, 200);
  const session = (setUp.header('session') as string).split(';')[0] as string;
  assert.is((await client.request('PLAY', url, { Session: session })).status, 200);
  return session;
}

const video = (client: RawClient) =>
  client.packets.filter((packet) => packet.channel === 0).map((packet) => readRtp(packet.bytes));
const frames = (client: RawClient) => new Set(video(client).map((packet) => packet.timestamp)).size;

test('describes, sets up, plays and tears down', async () => {
  await using simulator = await camera();
  const url = simulator.url('/cam-1');
  using client = await openRaw(url);
  const options = await client.request('OPTIONS', url);
  assert.match(options.header('public') as string, /GET_PARAMETER/);
  const described = await client.request('DESCRIBE', url, { 'User-Agent': 'by hand' });
  assert.is(described.status, 200);
  assert.is(described.header('content-base'), `${url}/`);
  assert.match(described.body, /m=video 0 RTP\/AVP 96\r\n/);
  assert.match(described.body, /profile-level-id=64001f; sprop-parameter-sets=Z2QAH/);
  assert.not.match(described.body, /m=audio/);
  const session = await playing(client, url);
  await eventually('a second of pictures', () => frames(client) >= 10);
  assert.is((await client.request('GET_PARAMETER', url, { Session: session })).status, 200);
  assert.is((await client.request('TEARDOWN', url, { Session: session })).status, 200);
  const counters = simulator.camera('/cam-1').counters();
  assert.is(counters.playing, 0);
  assert.is(counters.sessions, 1);
  assert.is(counters.lastUserAgent, 'by hand');
  assert.ok(counters.packetsSent > 10);
});

test('sends the NAL units of the file in order, parameter sets before keyframes, in packets an Ethernet takes', async () => {
  await using simulator = await camera();
  const url = simulator.url('/cam-1');
  using client = await openRaw(url);
  await playing(client, url);
  await eventually('25 frames', () => frames(client) > 25);
  const packets = video(client);
  const complete = packets.slice(0, packets.findLastIndex((packet) => packet.marker) + 1);
  const got = nalsOf(complete, 'h264');
  const track = readVideoTrack(walkers);
  const expected = track.samples.flatMap((sample) => [
    ...(sample.sync ? track.parameterSets : []),
    ...splitNals(sample.bytes, track.lengthSize),
  ]);
  assert.ok(got.length >= 25);
  got.forEach((nal, index) => {
    assert.ok(nal.equals(expected[index] as Buffer), `NAL unit ${index} differs`);
  });
  assert.ok(Math.max(...client.packets.map((packet) => packet.bytes.length)) <= 1460);
  packets.forEach((packet, index) => {
    if (index > 0) assert.is(packet.sequence, ((packets[index - 1]?.sequence ?? 0) + 1) & 0xffff);
  });
});

test('paces pictures by their timestamps, and reports which time they mean', async () => {
  await using simulator = await camera({ firstTimestamp: 2 ** 32 - 45_000, firstSequence: 65_530 });
  const url = simulator.url('/cam-1');
  using client = await openRaw(url);
  await playing(client, url);
  await eventually('two seconds of pictures', () => frames(client) > 20);
  const firsts = new Map<number, number>();
  for (const packet of client.packets)
    if (packet.channel === 0) {
      const { timestamp } = readRtp(packet.bytes);
      if (!firsts.has(timestamp)) firsts.set(timestamp, packet.atMs);
    }
  const [[firstTimestamp, firstMs] = [0, 0], ...later] = [...firsts];
  assert.is(firstTimestamp, 2 ** 32 - 45_000);
  const off = later.map(([timestamp, atMs], index) => {
    const media = ((timestamp - firstTimestamp + 2 ** 32) % 2 ** 32) / 90;
    assert.is(media, (index + 1) * 100);
    return atMs - firstMs - media;
  });
  // A busy machine brings some late, the first one too; another pace spreads them over a second and more.
  const [least, middle] = [Math.min(...off), off.toSorted((a, b) => a - b)[off.length >> 1] as number];
  assert.ok(middle - least < 90, `frames came ${off} ms off`);
  const report = client.packets.find((packet) => packet.channel === 1)?.bytes as Buffer;
  assert.is(report[1], 200);
  const reportedMs =
    (report.readUInt32BE(8) - 2_208_988_800) * 1000 + (report.readUInt32BE(12) / 2 ** 32) * 1000;
  assert.ok(Math.abs(reportedMs - Date.now()) < 10_000);
});

test('asks for a digest and takes only the right one, MD5 and SHA-256', async () => {
  for (const scheme of ['MD5', 'SHA-256'] as const)
    for (const qop of [false, true]) {
      await using simulator = await camera({
        user: 'osd',
        password: 'sesto:grado',
        realm: 'Camera, nord',
        schemes: [scheme],
        qop,
      });
      const url = simulator.url('/cam-1');
      using client = await openRaw(url);
      const asked = await client.request('DESCRIBE', url);
      assert.is(asked.status, 401);
      const challenge = asked.header('www-authenticate') as string;
      const answer = (password: string) =>
        client.request('DESCRIBE', url, {
          Authorization: digestFor(challenge, { user: 'osd', password }, 'DESCRIBE', url),
        });
      assert.is((await answer('sesto')).status, 401);
      assert.is((await answer('sesto:grado')).status, 200);
      assert.is(simulator.camera('/cam-1').counters().unauthorised, 2);
      simulator.camera('/cam-1').setPassword('settimo');
      assert.is((await answer('sesto:grado')).status, 401);
    }
});

test('refuses a transport it does not have', async () => {
  await using simulator = await camera({ transports: ['udp'] });
  const url = simulator.url('/cam-1');
  using client = await openRaw(url);
  assert.is((await client.request('SETUP', `${url}/trackID=0`, tcp)).status, 461);
  const both = `${tcp.Transport},RTP/AVP;unicast;client_port=40000-40001`;
  const setUp = await client.request('SETUP', `${url}/trackID=0`, { Transport: both });
  assert.match(setUp.header('transport') as string, /client_port=40000-40001;server_port=\d+-\d+/);
});

test('ends a session that stays silent', async () => {
  await using simulator = await camera({ sessionTimeoutSeconds: 1 });
  const url = simulator.url('/cam-1');
  using client = await openRaw(url);
  await playing(client, url);
  await client.closed;
  assert.is(simulator.camera('/cam-1').counters().sessionsExpired, 1);
  assert.ok(frames(client) >= 5);
});

test('goes silent and comes back without a jump in its time', async () => {
  await using simulator = await camera();
  const url = simulator.url('/cam-1');
  using client = await openRaw(url);
  const session = await playing(client, url);
  await eventually('pictures', () => frames(client) > 3);
  simulator.camera('/cam-1').stopSending();
  await client.request('GET_PARAMETER', url, { Session: session });
  // Packets of a picture that had begun may still be on their way.
  let before = video(client).length;
  let quietSince = performance.now();
  await eventually('half a second of silence', () => {
    if (video(client).length > before) quietSince = performance.now();
    before = video(client).length;
    return performance.now() - quietSince > 500;
  });
  simulator.camera('/cam-1').resumeSending();
  await eventually('pictures again', () => video(client).length > before);
  const [last, next] = [video(client)[before - 1], video(client)[before]];
  assert.is(next?.sequence, ((last?.sequence ?? 0) + 1) & 0xffff);
  assert.ok(((next?.timestamp ?? 0) - (last?.timestamp ?? 0) + 2 ** 32) % 2 ** 32 >= 45_000);
});

test('refuses, closes and unplugs one camera and leaves the other alone', async () => {
  await using simulator = await startSimulator({
    cameras: [{ path: '/cam-1' }, { path: '/cam-2' }, { path: '/cam-3', ownPort: true }],
  });
  const [first, other, own] = ['/cam-1', '/cam-2', '/cam-3'].map((path) => simulator.url(path)) as [
    string,
    string,
    string,
  ];
  using witness = await openRaw(other);
  await playing(witness, other);

  simulator.camera('/cam-1').refuse();
  using refused = await openRaw(first);
  assert.is((await refused.request('DESCRIBE', first)).status, 503);
  simulator.camera('/cam-1').accept();
  assert.is((await refused.request('DESCRIBE', first)).status, 200);
  simulator.camera('/cam-1').closeConnections();
  await refused.closed;

  await simulator.camera('/cam-1').unplug();
  using unplugged = await openRaw(first);
  const cut = await unplugged.request('DESCRIBE', first).catch((error: Error) => error);
  assert.instance(cut, Error);
  await simulator.camera('/cam-3').unplug();
  const denied = await openRaw(own).catch((error: NodeJS.ErrnoException) => error);
  assert.is((denied as NodeJS.ErrnoException).code, 'ECONNREFUSED');
  await simulator.camera('/cam-3').plug();
  using again = await openRaw(own);
  assert.is((await again.request('DESCRIBE', own)).status, 200);

  const before = frames(witness);
  await eventually('the other camera goes on', () => frames(witness) > before + 3);
  assert.not(witness.isClosed());
});

test('says so when somebody sets up the audio', async () => {
  await using simulator = await camera({ audio: true });
  const url = simulator.url('/cam-1');
  using client = await openRaw(url);
  assert.match((await client.request('DESCRIBE', url)).body, /m=audio 0 RTP\/AVP 8\r\n/);
  const session = await playing(client, url);
  await eventually('pictures', () => frames(client) > 2);
  assert.is(simulator.camera('/cam-1').counters().audioSetUps, 0);
  assert.not(client.packets.some((packet) => packet.channel > 1));
  const audio = { Transport: 'RTP/AVP/TCP;unicast;interleaved=2-3', Session: session };
  assert.is((await client.request('SETUP', `${url}/trackID=1`, audio)).status, 200);
  assert.is(simulator.camera('/cam-1').counters().audioSetUps, 1);
});

test('offers another codec, or no video at all', async () => {
  await using simulator = await camera();
  const url = simulator.url('/cam-1');
  using client = await openRaw(url);
  simulator.camera('/cam-1').offer('other-codec');
  assert.match((await client.request('DESCRIBE', url)).body, /m=video 0 RTP\/AVP 97\r\na=rtpmap:97 VP8\//);
  simulator.camera('/cam-1').offer('no-video');
  assert.not.match((await client.request('DESCRIBE', url)).body, /m=video/);
});

test('fills a stream up to the rate asked for without changing its pictures', async () => {
  await using simulator = await camera({ mbit: 4 });
  const url = simulator.url('/cam-1');
  using client = await openRaw(url);
  await playing(client, url);
  await eventually('two seconds of pictures', () => frames(client) > 21);
  const packets = video(client);
  const marks = packets.flatMap((packet, index) => (packet.marker ? [index] : []));
  const nals = nalsOf(packets.slice(0, (marks[19] as number) + 1), 'h264');
  const bits = nals.reduce((sum, nal) => sum + nal.length, 0) * 8;
  assert.ok(Math.abs(bits / 2 - 4e6) < 100_000, `${bits / 2} bit/s`);
  const track = readVideoTrack(walkers);
  const slices = track.samples.slice(0, 20).flatMap((sample) => splitNals(sample.bytes, track.lengthSize));
  const kept = nals.filter((nal) => ![7, 8, 12].includes((nal[0] as number) & 0x1f));
  assert.ok(Buffer.concat(kept).equals(Buffer.concat(slices)));
});
