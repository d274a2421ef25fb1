import { createSocket } from 'node:dgram';
import { openStampClock } from '#agent/link/stamp-clock.ts';
import { openReflector } from '#agent/link/stamp-reflector.ts';
import { systemClock } from '#agent/platform/clock.ts';
import { systemUdp } from '#agent/platform/udp.ts';

export interface CutLink {
  /** Of its near end. */
  port: number;
  /** Nothing passes, or everything again. */
  drop(yes: boolean): void;
  /** Loses every so manyth packet; 0 for none. */
  lose(every: number): void;
  /** Delays each packet by so much. */
  slow(ms: number): void;
  close(): Promise<void>;
}

/** A STAMP reflector at the far end of a link on loopback that loses, delays and cuts; nobody is told. */
export async function cutLink(): Promise<CutLink> {
  const stampClock = openStampClock(systemClock, () => true);
  const reflector = await openReflector({
    clock: systemClock,
    stampClock,
    udp: systemUdp,
    host: '127.0.0.1',
    port: 0,
  });
  let dropping = false;
  let lossEvery = 0;
  let passed = 0;
  let delayMs = 0;
  let closed = false;
  const near = createSocket('udp4');
  const far = createSocket('udp4');
  let sender: { address: string; port: number } | undefined;
  near.on('message', (bytes, from) => {
    sender = from;
    passed += 1;
    if (dropping || (lossEvery > 0 && passed % lossEvery === 0)) return;
    setTimeout(() => {
      if (!closed) far.send(bytes, reflector.port, '127.0.0.1');
    }, delayMs);
  });
  far.on('message', (bytes) => {
    if (!dropping && sender) near.send(bytes, sender.port, sender.address);
  });
  await new Promise<void>((resolve) => near.bind(0, '127.0.0.1', resolve));
  await new Promise<void>((resolve) => far.bind(0, '127.0.0.1', resolve));
  return {
    port: near.address().port,
    drop(yes: boolean) {
      dropping = yes;
    },
    lose(every: number) {
      lossEvery = every;
    },
    slow(ms: number) {
      delayMs = ms;
    },
    async close() {
      closed = true;
      near.close();
      far.close();
      await reflector.close();
    },
  };
}
