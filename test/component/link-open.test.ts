import * as assert from 'uvu/assert';
import { assembleHealth } from '#agent/health/assemble.ts';
import { openLinks } from '#agent/link/open-links.ts';
import { openNet } from '#agent/platform/net.ts';
import { run } from '#agent/platform/process.ts';
import { systemUdp } from '#agent/platform/udp.ts';
import { healthMessage } from '#protocol/messages.ts';
import { toldConditions } from '../support/conditions.ts';
import { eventually } from '../support/eventually.ts';
import { fakeClock } from '../support/fake-clock.ts';
import { quietLog } from '../support/log.ts';
import { suite } from '../support/suite.ts';

const test = suite('links of a node');

test('a node reflects and measures itself; health shows its links in few bytes; the end leaves nothing open', async () => {
  const clock = fakeClock();
  const told = await toldConditions(clock);
  const stop = new AbortController();
  // Its own reflector first, on a port that the second half is told.
  let port = 0;
  const udp: typeof systemUdp = {
    connect: systemUdp.connect,
    async listen(where, take) {
      const opened = await systemUdp.listen(where, take);
      port = opened.port;
      return opened;
    },
  };
  const parts = {
    conditions: told.conditions,
    clock,
    random: { bytes: (size: number) => Buffer.alloc(size), fraction: () => 0 },
    net: openNet(50),
    udp,
    run,
    synchronised: () => true,
    log: quietLog,
  };
  const far = openLinks({ ...parts, links: [], reflect: { host: '127.0.0.1', port: 0 } });
  const reflecting = far.run(stop.signal);
  await eventually('a reflector', () => port > 0);
  const near = openLinks({
    ...parts,
    links: [
      { id: 'uplink', to: 'relay-c', probe: 'stamp', host: '127.0.0.1', port, slowMs: 200 },
      { id: 'other', to: 'relay-b', probe: 'tcp', host: '127.0.0.1', port, slowMs: 200 },
    ],
  });
  assert.equal(
    near.readings().map(({ state }) => state),
    ['unknown', 'unknown'],
  );
  const measuring = near.run(stop.signal);
  await clock.advance(0);
  await eventually('the uplink', () => near.readings()[0]?.state === 'up');
  const health = assembleHealth({
    at: clock.utc(),
    seq: 1,
    host: { uptimeSeconds: 1, load1: 0, memoryFreeBytes: 1, memoryTotalBytes: 2 },
    clock: 'synced',
    store: { freeBytes: 1, totalBytes: 2, segments: 0, bytes: 0 },
    cameras: undefined,
    links: near.readings(),
    mqtt: { connected: true, protocol: '5', reconnects: 0 },
  });
  const [uplink, other] = healthMessage.parse(JSON.parse(JSON.stringify(health))).links;
  assert.equal([uplink?.id, uplink?.state, uplink?.lossPercent], ['uplink', 'up', 0]);
  assert.ok(uplink?.forthMs !== undefined && uplink.delayMs !== undefined);
  assert.is(other?.state, 'unknown', 'nobody listens, and it is not yet sure');
  assert.ok(JSON.stringify(health.links[0]).length < 300);
  assert.equal(told.said, []);
  stop.abort();
  await clock.advance(10_000);
  await Promise.all([reflecting, measuring]);
  assert.is(clock.pending(), 0);
});
