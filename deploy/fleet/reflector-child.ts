// Answers those who measure their link to the town hall: node deploy/fleet/reflector-child.ts HOST PORT. On the nodes
// the agent does it. Ends with its input.
import { once } from 'node:events';
import { openStampClock } from '#agent/link/stamp-clock.ts';
import { openReflector } from '#agent/link/stamp-reflector.ts';
import { systemClock } from '#agent/platform/clock.ts';
import { systemUdp } from '#agent/platform/udp.ts';

const [host = '', port = ''] = process.argv.slice(2);
const stampClock = openStampClock(systemClock, () => false);
const reflector = await openReflector({
  clock: systemClock,
  stampClock,
  udp: systemUdp,
  host,
  port: Number(port),
});
process.stdout.write('ready\n');
process.stdin.resume();
await once(process.stdin, 'end');
await reflector.close();
