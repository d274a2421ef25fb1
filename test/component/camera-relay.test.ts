import { connect, type Socket } from 'node:net';
import * as assert from 'uvu/assert';
import { openRelay, type Relay } from '#agent/camera/ffmpeg/relay.ts';
import { systemClock } from '#agent/platform/clock.ts';
import { listenLoopback } from '#agent/platform/loopback.ts';
import { systemRandom } from '#agent/platform/random.ts';
import { eventually } from '../support/eventually.ts';
import { fakeClock } from '../support/fake-clock.ts';
import { suite } from '../support/suite.ts';

const test = suite('the relay to ffmpeg');

interface Program extends Disposable {
  socket: Socket;
  heard(): string;
  isOver(): boolean;
  ask(method: string, url: string): void;
}

/** Some local program that connects to `url`'s port. */
async function program(url: string): Promise<Program> {
  const socket = connect(Number(new URL(url.replace('rtsp:', 'http:')).port), '127.0.0.1');
  let heard = '';
  let over = false;
  let sequence = 0;
  socket.on('data', (bytes) => {
    heard += bytes.toString('latin1');
  });
  socket.on('error', () => {});
  socket.on('close', () => {
    over = true;
  });
  await eventually('a connection, or none', () => !socket.connecting || over);
  return {
    socket,
    heard: () => heard,
    isOver: () => over,
    ask(method, asked) {
      socket.write(`${method} ${asked} RTSP/1.0\r\nCSeq: ${++sequence}\r\nUser-Agent: x\r\n\r\n`);
    },
    [Symbol.dispose]: () => void socket.destroy(),
  };
}

interface Rig extends Disposable {
  relay: Relay;
  left(): number;
}

async function rig(clock = systemClock): Promise<Rig> {
  let left = 0;
  const relay = await openRelay({
    clock,
    random: systemRandom,
    listen: listenLoopback,
    sdp: 'v=0\r\nm=video 0 RTP/AVP 96\r\na=control:track\r\n',
    left: () => {
      left += 1;
    },
  });
  return { relay, left: () => left, [Symbol.dispose]: () => relay.close() };
}

async function play(player: Program, url: string): Promise<void> {
  for (const method of ['OPTIONS', 'DESCRIBE', 'SETUP', 'PLAY']) player.ask(method, url);
  await eventually('four answers', () => player.heard().match(/CSeq: 4\r\n/) !== null);
}

test('serves the one who knows the path, and ends when it is told to', async () => {
  using made = await rig();
  const { relay } = made;
  assert.match(relay.url, /^rtsp:\/\/127\.0\.0\.1:\d+\/[0-9a-f]{32}$/);
  using player = await program(relay.url);
  const payload = Buffer.from('picture');
  const head = Buffer.alloc(12, 7);
  relay.send(head, payload, 0, payload.length);
  await play(player, relay.url);
  await relay.playing;
  assert.match(player.heard(), 'm=video 0 RTP/AVP 96');
  assert.not.match(player.heard(), 'picture', 'nothing before it plays');
  relay.send(head, payload, 0, payload.length);
  relay.send(head, payload, 3, 7);
  await eventually('two packets', () => player.heard().endsWith('ture'));
  const framed = (size: number, text: string): string =>
    `$\0${String.fromCharCode(0, size)}${head.toString('latin1')}${text}`;
  assert.ok(player.heard().endsWith(`${framed(19, 'picture')}${framed(16, 'ture')}`));
  relay.end();
  await eventually('the end', player.isOver);
  assert.is(made.left(), 0);
});

test('nobody else gets in: not with another path, not after it, not in its place', async () => {
  using made = await rig();
  const { relay } = made;
  using guessing = await program(relay.url);
  guessing.ask('DESCRIBE', relay.url.replace(/[0-9a-f]{32}$/, '0'.repeat(32)));
  await eventually('the guess is over', guessing.isOver);
  assert.is(guessing.heard(), '');
  using longer = await program(relay.url);
  longer.ask('DESCRIBE', `${relay.url}0/track`);
  await eventually('the longer path is over', longer.isOver);
  using waiting = await program(relay.url);
  using player = await program(relay.url);
  await play(player, relay.url);
  await eventually('who waited is sent away', waiting.isOver);
  using late = await program(relay.url);
  await eventually('who comes late finds nobody', late.isOver);
  assert.is(late.heard(), '');
  player.ask('GET_PARAMETER', relay.url.replace(/[0-9a-f]{32}$/, '1'.repeat(32)));
  await eventually('even ffmpeg keeps to its path', player.isOver);
});

test('who says nothing, or too much, or no RTSP, is sent away', async () => {
  const clock = fakeClock();
  using made = await rig(clock);
  const { relay } = made;
  using silent = await program(relay.url);
  using talkative = await program(relay.url);
  talkative.socket.write('A'.repeat(5000));
  await eventually('too much', talkative.isOver);
  using web = await program(relay.url);
  web.socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
  await eventually('no RTSP', web.isOver);
  await clock.advance(4999);
  assert.is(silent.isOver(), false);
  await clock.advance(1);
  await eventually('nothing', silent.isOver);
  using player = await program(relay.url);
  await play(player, relay.url);
  assert.is(clock.pending(), 0);
  assert.is(made.left(), 0);
});

test('closed, it waits for nobody any more', async () => {
  const clock = fakeClock();
  using made = await rig(clock);
  using silent = await program(made.relay.url);
  await eventually('who says nothing to be waited for', () => clock.pending() === 1);
  made.relay.close();
  assert.is(clock.pending(), 0);
  await eventually('the end', silent.isOver);
});

test('tells when ffmpeg goes away; its reports are passed over, in any pieces', async () => {
  using made = await rig();
  const { relay } = made;
  {
    using player = await program(relay.url);
    player.socket.setNoDelay(true);
    await play(player, relay.url);
    const report = Buffer.concat([Buffer.from([0x24, 1, 0, 8]), Buffer.alloc(8)]);
    const asked = Buffer.from(`GET_PARAMETER ${relay.url} RTSP/1.0\r\nCSeq: 9\r\n\r\n`);
    for (const byte of Buffer.concat([report, report, asked])) player.socket.write(Buffer.from([byte]));
    await eventually('the answer behind the reports', () => player.heard().includes('CSeq: 9\r\n'));
  }
  await eventually('it is told', () => made.left() === 1);
});
