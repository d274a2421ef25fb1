import { createServer } from 'node:net';

/** Below what Linux gives to whoever asks for no port of its own (32768 and above: ip(7), ip_local_port_range). */
const first = 20_000;
const count = 12_000;
/** Two programs that are started together have numbers that follow each other, and look at places of their own. */
let next = (process.pid * 8) % count;

/**
 * A port of loopback that nobody has at this moment, another at every call. None that the kernel gives away: it would
 * do so between here and the moment when somebody listens.
 */
export async function freePort(): Promise<number> {
  for (let tried = 0; tried < count; tried++) {
    const port = first + next;
    next = (next + 1) % count;
    if (await isFree(port)) return port;
  }
  throw new Error(`no port of loopback from ${first} to ${first + count - 1} is free`);
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
