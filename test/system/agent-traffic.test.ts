import * as assert from 'uvu/assert';
import { suite } from '../support/suite.ts';
import { measureTraffic } from '../support/traffic.ts';

const test = suite('what a node says in an hour', { timeoutMs: 300_000 });
const barBits = 1000;

test(`14 cameras: health, heads, links and sweeps against ${barBits} bit/s`, async () => {
  // The largest site.
  const { health, heads, pings, links, idle, sweeps, ...bytes } = await measureTraffic(14);
  process.stdout.write(
    `\n  measured: health ${bytes.healthBytes} bytes, head and cosignature ${bytes.headBytes}, sweep of 14 cameras ${bytes.sweepBytes}; ` +
      `with TCP/IP: health ${health}, heads ${heads}, pings ${pings}, links ${links} (planned) = ${idle} bit/s; sweeps ${sweeps} more (bar ${barBits})\n`,
  );
  assert.ok(idle <= barBits, `${idle} bit/s`);
  // A line for each camera and minute, once the week is full: the log's own, beyond what watches the node.
  assert.ok(sweeps <= barBits, `${sweeps} bit/s of sweeps`);
});
