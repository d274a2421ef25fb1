import { createSocket, type Socket } from 'node:dgram';
import type { AddressInfo } from 'node:net';
import * as assert from 'uvu/assert';
import type { Sample } from '#agent/link/sample.ts';
import { openStampClock } from '#agent/link/stamp-clock.ts';
import { openReflector, type Reflector } from '#agent/link/stamp-reflector.ts';
import { openStampSender } from '#agent/link/stamp-sender.ts';
import { openTcp } from '#agent/link/tcp.ts';
import { systemClock } from '#agent/platform/clock.ts';
import { openNet } from '#agent/platform/net.ts';
import { systemUdp, type UdpPeer } from '#agent/platform/udp.ts';
import { eventually } from '../support/eventually.ts';
import { fakeClock } from '../support/fake-clock.ts';
import { suite } from '../support/suite.ts';
import { vector } from '../support/vector.ts';

const test = suite('STAMP over UDP');
const host = '127.0.0.1';
const never = new AbortController().signal;
const stampClock = (synchronised: boolean) => openStampClock(systemClock, () => synchronised);

async function reflector(synchronised = true): Promise<Reflector & AsyncDisposable> {
  const parts = { clock: systemClock, stampClock: stampClock(synchronised), udp: systemUdp, host, port: 0 };
  const opened = await openReflector(parts);
  return { ...opened, [Symbol.asyncDispose]: () => opened.close() };
}
const sender = (port: number) =>
  openStampSender({
    clock: systemClock,
    stampClock: stampClock(true),
    udp: systemUdp,
    target: { host, port },
  });

/** A link between the two that does to each packet what a test says; `undefined` loses it. */
async function between(port: number, change: (packet: Buffer, back: boolean) => Buffer[] | undefined) {
  const near = createSocket('udp4');
  const far = createSocket('udp4');
  let from: { port: number } | undefined;
  const pass = (packet: Buffer, back: boolean, send: (one: Buffer) => void): void =>
    (change(Buffer.from(packet), back) ?? []).forEach(send);
  near.on('message', (packet, origin) => {
    from = origin;
    pass(packet, false, (one) => far.send(one, port, host));
  });
  far.on('message', (packet) => pass(packet, true, (one) => from && near.send(one, from.port, host)));
  await new Promise<void>((resolve) => near.bind(0, host, resolve));
  return {
    port: near.address().port,
    [Symbol.dispose]() {
      near.close();
      far.close();
    },
  };
}

test('a sender measures a reflector there, back, and both ways by two true clocks', async () => {
  await using far = await reflector();
  const near = sender(far.port);
  for (let i = 0; i < 3; i++) {
    const sample = await near.ask(never);
    assert.is(sample.kind, 'answer');
    if (sample.kind !== 'answer') return;
    assert.ok(sample.roundTripMs > 0 && sample.roundTripMs < 2000);
    assert.ok(Math.abs(sample.forthMs! + sample.backMs! - sample.roundTripMs) < 5);
    assert.ok(sample.synchronised);
  }
  assert.equal(far.counts(), { reflected: 3, dropped: 0 });
  near.close();
});

test('a reflector whose clock follows nothing says so, and the delays each way are not believed', async () => {
  await using far = await reflector(false);
  const near = sender(far.port);
  const sample = await near.ask(never);
  assert.ok(sample.kind === 'answer' && sample.synchronised === false);
  near.close();
});

test('a packet lost, forged, doubled or late is no answer', async () => {
  await using far = await reflector();
  let how = 'lose';
  let kept: Buffer | undefined;
  using link = await between(far.port, (packet, back) => {
    if (!back) return how === 'lose' ? undefined : [packet];
    if (how === 'other-time') packet[28]! ^= 1;
    if (how === 'other-sequence') packet[27]! ^= 1;
    if (how === 'short') return [packet.subarray(0, 43)];
    if (how === 'twice') return [packet, packet];
    if (how === 'late') {
      const before = kept;
      kept = packet;
      return before ? [before] : undefined;
    }
    return [packet];
  });
  const near = sender(link.port);
  const kinds: Record<string, string> = {};
  for (const each of ['lose', 'other-time', 'other-sequence', 'short', 'late']) {
    how = each;
    kinds[each] = (await near.ask(AbortSignal.timeout(300))).kind;
  }
  assert.equal(new Set(Object.values(kinds)), new Set(['lost']));
  how = 'twice';
  assert.is((await near.ask(never)).kind, 'answer');
  assert.is((await near.ask(never)).kind, 'answer', 'the second copy answers nothing');
  near.close();
});

test('nobody at the port is refused, a name that is none is unresolved, and both are asked anew', async () => {
  const gone = await reflector();
  const { port } = gone;
  await gone.close();
  const near = sender(port);
  assert.equal(await near.ask(never), { kind: 'lost', reason: 'refused' });
  const again = await openReflector({
    clock: systemClock,
    stampClock: stampClock(true),
    udp: systemUdp,
    host,
    port,
  });
  assert.is((await near.ask(never)).kind, 'answer', 'a new session');
  await again.close();
  near.close();
  const nowhere = openStampSender({
    clock: systemClock,
    stampClock: stampClock(true),
    udp: systemUdp,
    target: { host: 'nowhere.invalid', port: 862 },
  });
  assert.equal(await nowhere.ask(never), { kind: 'lost', reason: 'unresolved' });
});

test('a name server that says nothing is a lost packet in time, one question at a time, and leaves nothing open', async () => {
  const clock = fakeClock();
  const lookups: PromiseWithResolvers<UdpPeer>[] = [];
  let closed = 0;
  const peer: UdpPeer = {
    send() {},
    close() {
      closed += 1;
    },
  };
  const near = openStampSender({
    clock,
    stampClock: openStampClock(clock, () => true),
    udp: {
      ...systemUdp,
      connect() {
        lookups.push(Promise.withResolvers());
        return (lookups.at(-1) as PromiseWithResolvers<UdpPeer>).promise;
      },
    },
    target: { host: 'relay.example', port: 862 },
  });
  const asked = async () => {
    const sample = near.ask(never);
    await clock.advance(2001);
    return await sample;
  };
  for (let ask = 0; ask < 8; ask++) assert.equal(await asked(), { kind: 'lost', reason: 'no-answer' });
  assert.is(lookups.length, 1);
  lookups[0]?.reject(Object.assign(new Error('late'), { code: 'EAI_AGAIN' }));
  await clock.advance(1);
  assert.equal(await asked(), { kind: 'lost', reason: 'no-answer' });
  assert.is(lookups.length, 2);
  near.close();
  lookups[1]?.resolve(peer);
  await clock.advance(1);
  assert.is(closed, 1, 'what comes after the end is closed');
  assert.is(clock.pending(), 0);
});

test('a sequence begins at zero and grows by one; what is sent is the vector but for its time', async () => {
  const peer = createSocket('udp4');
  const heard: Buffer[] = [];
  peer.on('message', (packet) => heard.push(packet));
  await new Promise<void>((resolve) => peer.bind(0, host, resolve));
  const clock = fakeClock(Date.parse('2026-01-15T12:00:00.250Z'));
  const near = openStampSender({
    clock,
    stampClock: openStampClock(clock, () => true),
    udp: systemUdp,
    target: { host, port: (peer.address() as AddressInfo).port },
  });
  const asked = near.ask(never);
  await eventually('a packet', () => heard.length === 1);
  assert.is(heard[0]?.toString('hex'), vector('stamp').sender[0].hex);
  await clock.advance(2000);
  assert.equal(await asked, { kind: 'lost', reason: 'no-answer' });
  near.close();
  peer.close();
});

/** Sends `packet` so many times from one socket and counts what comes back. */
async function flood(
  port: number,
  packet: Buffer,
  times: number,
  from = 0,
): Promise<{ socket: Socket; back: Buffer[] }> {
  const socket = createSocket('udp4');
  const back: Buffer[] = [];
  socket.on('message', (answer) => back.push(answer));
  await new Promise<void>((resolve) => socket.bind(from, host, resolve));
  for (let i = 0; i < times; i++)
    await new Promise<void>((resolve) => socket.send(packet, port, host, () => resolve()));
  return { socket, back };
}

test('a reflector answers with as many bytes as came, within its rate, and nothing that is no test packet', async () => {
  await using far = await reflector();
  const good = Buffer.from(vector('stamp').sender[0].hex, 'hex');
  const bad = [
    Buffer.alloc(0),
    good.subarray(0, 43),
    Buffer.concat([good, Buffer.alloc(1500 - 44)]),
    Buffer.concat([good.subarray(0, 13), Buffer.alloc(31)]),
  ];
  for (const packet of bad) (await flood(far.port, packet, 1)).socket.close();
  await eventually('all to be dropped', () => far.counts().dropped === bad.length);
  const long = await flood(far.port, Buffer.concat([good, Buffer.alloc(56, 7)]), 1);
  await eventually('the long one', () => long.back.length === 1);
  assert.is(long.back[0]?.length, 100);
  long.socket.close();
  // In portions that a receive buffer holds.
  for (let i = 1; i <= 10; i++) {
    const { socket, back } = await flood(far.port, good, 30);
    await eventually(
      'all to be judged',
      () => far.counts().dropped + far.counts().reflected === bad.length + 1 + 30 * i,
    );
    assert.ok(back.every(({ length }) => length === 44));
    socket.close();
  }
  assert.ok(far.counts().reflected <= 30, `${far.counts().reflected} answered`);
});

test('two reflectors cannot be made to answer each other', async () => {
  await using one = await reflector();
  await using two = await reflector();
  // What one of them would send: its answer, from its own port, seen by the other as a question.
  const { socket, back } = await flood(two.port, Buffer.from(vector('stamp').sender[0].hex, 'hex'), 1);
  await eventually('an answer', () => back.length === 1);
  socket.close();
  const low = await flood(
    one.port,
    back[0]!,
    1,
    process.getuid?.() === 0 ? 600 + Math.floor(Math.random() * 400) : 0,
  );
  await eventually('it to be judged', () => one.counts().dropped + one.counts().reflected === 1);
  if (process.getuid?.() === 0) assert.is(one.counts().dropped, 1);
  low.socket.close();
});

test('a TCP handshake is measured, refusals and unknown names are told apart', async () => {
  const { createServer } = await import('node:net');
  const server = createServer((socket) => socket.resume());
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  const { port } = server.address() as AddressInfo;
  const net = openNet(50);
  const ask = (target: { host: string; port: number }): Promise<Sample> =>
    openTcp({ clock: systemClock, net, target }).ask(never);
  const sample = await ask({ host, port });
  assert.ok(sample.kind === 'answer' && sample.roundTripMs < 5000);
  await new Promise<void>((resolve) => server.close(() => resolve()));
  assert.equal(await ask({ host, port }), { kind: 'lost', reason: 'refused' });
  assert.equal(await ask({ host: 'nowhere.invalid', port }), { kind: 'lost', reason: 'unresolved' });
});
