import { createSocket } from 'node:dgram';
import * as assert from 'uvu/assert';
import { openStampClock } from '#agent/link/stamp-clock.ts';
import { openStampSender } from '#agent/link/stamp-sender.ts';
import { systemClock } from '#agent/platform/clock.ts';
import { systemUdp } from '#agent/platform/udp.ts';
import { openHubReflector } from '../../deploy/hub/server/reflector.ts';
import { eventually } from '../support/eventually.ts';
import { quietLog } from '../support/log.ts';
import { suite } from '../support/suite.ts';

const test = suite('the town hall reflects');
const broken = (error: unknown): never => {
  throw error;
};

test('a node’s sender measures its link to the town hall', async () => {
  const reflector = openHubReflector({ listen: '127.0.0.1:0', clock: systemClock, log: quietLog, broken });
  const port = await eventually('the reflector', reflector.port);
  const stampClock = openStampClock(systemClock, () => true);
  const target = { host: '127.0.0.1', port };
  const sender = openStampSender({ clock: systemClock, stampClock, udp: systemUdp, target });
  const sample = await sender.ask(new AbortController().signal);
  assert.is(sample.kind, 'answer');
  sender.close();
  await reflector.close();
});

test('a port that somebody else has is no end of the hub', async () => {
  const taken = createSocket('udp4');
  await new Promise<void>((resolve) => taken.bind(0, '127.0.0.1', resolve));
  const listen = `127.0.0.1:${taken.address().port}`;
  const reflector = openHubReflector({ listen, clock: systemClock, log: quietLog, broken });
  await reflector.close();
  assert.is(reflector.port(), undefined);
  await new Promise<void>((resolve) => taken.close(() => resolve()));
});
