import { connect, createServer, type Socket } from 'node:net';

/** A weak link on loopback: a TCP relay with a rate towards the target and a round trip, that breaks on command. */
export interface Link {
  port: number;
  /** Bytes taken from the near end since the start. */
  bytesUp(): number;
  connections(): number;
  /** Resets every connection. */
  cut(): void;
  /** Every connection goes silent for good: nothing passes, nothing is closed. New ones pass. */
  hush(): void;
  /** Refuses new connections, or takes them again. */
  refuse(yes: boolean): void;
  close(): Promise<void>;
}

/** What the link itself holds of each connection, as a radio's queue does. */
const queueBytes = 64 * 1024;

export async function openLink(
  targetPort: number,
  options: { bitsPerSecond?: number; roundTripMs?: number } = {},
): Promise<Link> {
  const bytesPerMs = (options.bitsPerSecond ?? Number.POSITIVE_INFINITY) / 8000;
  const delayMs = (options.roundTripMs ?? 0) / 2;
  const pairs = new Set<{ near: Socket; far: Socket; hushed: boolean }>();
  let refusing = false;
  let up = 0;
  let freeAt = 0;
  const server = createServer({ pauseOnConnect: false }, (near) => {
    if (refusing) return void near.resetAndDestroy();
    const far = connect({ port: targetPort, host: '127.0.0.1', noDelay: true });
    near.setNoDelay(true);
    const pair = { near, far, hushed: false };
    pairs.add(pair);
    let queued = 0;
    for (const socket of [near, far]) {
      socket.on('error', () => {}); // Breaking is what the link is for.
      socket.once('close', () => {
        if (near.closed && far.closed) pairs.delete(pair);
        if (pair.hushed) return;
        near.destroy();
        far.destroy();
      });
    }
    near.on('data', (chunk) => {
      if (pair.hushed) return;
      up += chunk.length;
      queued += chunk.length;
      const now = performance.now();
      freeAt = Math.max(now, freeAt) + chunk.length / bytesPerMs;
      if (queued >= queueBytes) near.pause();
      setTimeout(() => {
        queued -= chunk.length;
        if (pair.hushed) return;
        if (queued < queueBytes) near.resume();
      }, freeAt - now);
      setTimeout(
        () => {
          if (!pair.hushed && !far.destroyed) far.write(chunk);
        },
        freeAt - now + delayMs,
      );
    });
    far.on('data', (chunk) => {
      if (pair.hushed) return;
      setTimeout(() => {
        if (!pair.hushed && !near.destroyed) near.write(chunk);
      }, delayMs);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const cut = (): void => {
    for (const { near, far } of pairs) {
      near.resetAndDestroy();
      far.resetAndDestroy();
    }
  };
  return {
    port: (server.address() as { port: number }).port,
    bytesUp: () => up,
    connections: () => pairs.size,
    cut,
    hush() {
      for (const pair of pairs) {
        pair.hushed = true;
        pair.near.pause();
      }
    },
    refuse(yes) {
      refusing = yes;
    },
    close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      cut();
      return closed;
    },
  };
}
