import type { AddressInfo } from 'node:net';
import { createServer, type Socket } from 'node:net';
import * as assert from 'uvu/assert';
import { readUps } from '#agent/health/ups.ts';
import { upsJudge } from '#agent/health/ups-judge.ts';
import { systemClock } from '#agent/platform/clock.ts';
import { openNet } from '#agent/platform/net.ts';
import { toldConditions } from '../support/conditions.ts';
import { eventually } from '../support/eventually.ts';
import { fakeClock } from '../support/fake-clock.ts';
import { nutIsThere, startNut } from '../support/nut.ts';
import { suite } from '../support/suite.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const test = suite('a UPS by upsd', { timeoutMs: 240_000 });
const never = new AbortController().signal;
const parts = { clock: systemClock, net: openNet(50) };
if (!nutIsThere) test.skip('mains lost and back', 'nut-server is not installed');
else
  test('mains lost, battery low, mains back, and a driver that dies: by Debian’s upsd and its dummy driver', async () => {
    using folder = temporaryFolder();
    await using nut = await startNut(folder.path);
    assert.equal(await nut.ask(), { status: ['OL', 'CHRG'], chargePercent: 100, runtimeSeconds: 2400 });
    assert.is(await readUps(parts, { ...nut.address, name: 'other' }, never), undefined);
    const clock = fakeClock();
    const { conditions, said } = await toldConditions(clock);
    const judge = upsJudge(conditions);
    const until = (what: string, words: string): Promise<unknown> =>
      eventually(what, async () => {
        judge.take(await nut.ask());
        await clock.advance(10_000);
        return said.at(-1) === words;
      });
    nut.set('OB DISCHRG', 80, 1200);
    await until('mains lost', 'mains-lost.node raised on-battery');
    nut.set('OB DISCHRG LB', 10, 60);
    await until('battery low', 'mains-lost.node raised battery-low');
    nut.set('OL CHRG', 20, 300);
    await until('mains back', 'mains-lost.node cleared');
    await nut.killDriver();
    await until('the driver gone', 'ups-fault.node raised away');
    assert.is(said.length, 4);
  });

test('a upsd that is not there, says nothing, says too much, or closes is unknown within its time', async () => {
  const sockets = new Set<Socket>();
  let how: 'silent' | 'flood' | 'close' | 'half' = 'silent';
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {}); // The client leaves in the middle of a flood.
    if (how === 'flood') socket.write('VAR ups ups.status "OL" '.repeat(10_000));
    if (how === 'half') socket.end('VAR ups ups.status "OB');
    if (how === 'close') socket.destroy();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = { host: '127.0.0.1', port: (server.address() as AddressInfo).port, name: 'ups' };
  for (const each of ['silent', 'flood', 'close', 'half'] as const) {
    how = each;
    const began = performance.now();
    assert.is(await readUps(parts, address, never), undefined, each);
    assert.ok(performance.now() - began < 10_000, each);
  }
  for (const socket of sockets) socket.destroy();
  await new Promise<void>((resolve) => server.close(() => resolve()));
  assert.is(await readUps(parts, address, never), undefined, 'nobody there');
  assert.is(await readUps(parts, { ...address, host: 'nowhere.invalid' }, never), undefined);
});
