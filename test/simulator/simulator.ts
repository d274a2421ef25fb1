import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { type CameraOptions, type LiveCamera, liveCamera, type SimulatedCamera, showFile } from './camera.ts';
import { type Door, serve } from './connection.ts';
import type { UdpPair } from './delivery.ts';

export type { CameraCounters, CameraOptions, Quirks, SimulatedCamera } from './camera.ts';

export interface SimulatorOptions {
  /** Free one by default. */
  port?: number;
  host?: string;
  cameras: readonly CameraOptions[];
}

/** Cameras that speak RTSP, with faults on command. */
export interface Simulator extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
  /** Paths in the order they were given. */
  readonly paths: readonly string[];
  /** `rtsp://host:port/path`, without credentials. */
  url(path: string): string;
  camera(path: string): SimulatedCamera;
  /** Cuts everything and waits until every port is free. */
  close(): Promise<void>;
}

export async function startSimulator(options: SimulatorOptions): Promise<Simulator> {
  const host = options.host ?? '127.0.0.1';
  const cameras = new Map<string, LiveCamera>();
  const faults = new Map<string, SimulatedCamera>();
  const sockets = new Set<Socket>();
  const reporters = new Map<string, () => void>();
  let udpPair: Promise<UdpPair> | undefined;

  const doorFor = (seen: () => Iterable<LiveCamera>): Door => ({
    find: (uri) => findCamera(seen(), uri),
    udp: () => {
      udpPair ??= bindPair(host, (address, port) => reporters.get(`${address} ${port}`)?.());
      return udpPair;
    },
    reports(address, port, heard) {
      if (heard) reporters.set(`${address} ${port}`, heard);
      else reporters.delete(`${address} ${port}`);
    },
  });
  const serverFor = (door: Door, live?: LiveCamera): Server =>
    createServer((socket) => {
      sockets.add(socket);
      live?.sockets.add(socket);
      socket.on('close', () => {
        sockets.delete(socket);
        live?.sockets.delete(socket);
      });
      serve(socket, door);
    });

  const shared = serverFor(doorFor(() => [...cameras.values()].filter((each) => !each.options.ownPort)));
  await listen(shared, options.port ?? 0, host);
  const port = (shared.address() as AddressInfo).port;
  const servers = new Map<LiveCamera, { server: Server; port: number }>();

  for (const each of options.cameras) {
    let base = `rtsp://${host}:${port}${each.path}`;
    const live = liveCamera(each, () => base);
    cameras.set(each.path, live);
    if (each.ownPort) {
      const server = serverFor(
        doorFor(() => [live]),
        live,
      );
      await listen(server, 0, host);
      const ownPort = (server.address() as AddressInfo).port;
      servers.set(live, { server, port: ownPort });
      base = `rtsp://${host}:${ownPort}${each.path}`;
    }
    faults.set(each.path, withFaults(live, base, servers.get(live), host));
  }
  const camera = (path: string): SimulatedCamera => {
    const found = faults.get(path);
    if (!found) throw new Error(`no simulated camera ${path}`);
    return found;
  };
  const close = async (): Promise<void> => {
    for (const live of cameras.values()) live.broadcast.stop();
    const closing = [shared, ...[...servers.values()].map((own) => own.server)].map(stopListening);
    for (const socket of sockets) socket.destroy();
    await Promise.all(closing);
    const pair = await udpPair;
    udpPair = undefined;
    if (pair) await Promise.all([closeUdp(pair.rtp), closeUdp(pair.rtcp)]);
  };
  return {
    host,
    port,
    paths: options.cameras.map((each) => each.path),
    url: (path) => camera(path).url,
    camera,
    close,
    [Symbol.asyncDispose]: close,
  };
}

function withFaults(
  live: LiveCamera,
  url: string,
  own: { server: Server; port: number } | undefined,
  host: string,
): SimulatedCamera {
  const cut = (): void => {
    for (const socket of live.sockets) socket.destroy();
  };
  return {
    url,
    get clip() {
      return live.clip;
    },
    counters: () => ({ ...live.counters, requests: { ...live.counters.requests } }),
    stopSending: () => live.broadcast.silence(true),
    resumeSending: () => live.broadcast.silence(false),
    closeConnections: cut,
    refuse() {
      live.refusing = true;
    },
    accept() {
      live.refusing = false;
    },
    setPassword(password) {
      live.password = password;
    },
    async unplug() {
      live.unplugged = true;
      const closed = own && stopListening(own.server);
      cut();
      await closed;
    },
    async plug() {
      live.unplugged = false;
      if (own && !own.server.listening) await listen(own.server, own.port, host);
    },
    microphone(on) {
      live.audio = on;
    },
    offer(what) {
      live.offers = what;
    },
    garbage(bytes) {
      live.garbageBytes = bytes;
    },
    lose: (packets) => live.broadcast.lose(packets),
    jumpTimestamp: (ms) => live.broadcast.jumpTimestamp(ms),
    newSource: () => live.broadcast.newSource(),
    goodbye: () => live.broadcast.goodbye(),
    show: (file) => showFile(live, file),
  };
}

/** The camera with the longest path that begins the URL's, ending there or at a slash, query or ampersand. */
function findCamera(
  cameras: Iterable<LiveCamera>,
  uri: string,
): { camera: LiveCamera; rest: string } | undefined {
  const path = /^rtspu?:\/\/[^/]*(\/.*)$/i.exec(uri)?.[1];
  if (path === undefined) return undefined;
  let best: { camera: LiveCamera; rest: string } | undefined;
  for (const camera of cameras) {
    const own = camera.options.path;
    if (!path.startsWith(own) || (best && best.camera.options.path.length >= own.length)) continue;
    const rest = path.slice(own.length);
    if (rest === '' || /^[/?&]/.test(rest)) best = { camera, rest };
  }
  return best;
}

function listen(server: Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

function stopListening(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve()); // Also called back when it was not listening.
  });
}

/** Two ports in a row, the lower one even (RFC 3550 §11): the kernel picks the first, so a few tries may be needed. */
async function bindPair(host: string, heard: (address: string, port: number) => void): Promise<UdpPair> {
  for (let tries = 0; tries < 100; tries++) {
    const rtp = await bindUdp(0, host);
    const rtpPort = rtp.address().port;
    if (rtpPort % 2 === 0 && rtpPort < 65_535) {
      try {
        const rtcp = await bindUdp(rtpPort + 1, host);
        rtcp.on('message', (_, from) => heard(from.address, from.port));
        return { rtp, rtcp, rtpPort };
      } catch {
        // The odd port is taken: another pair.
      }
    }
    await closeUdp(rtp);
  }
  throw new Error('no pair of UDP ports is free');
}

function bindUdp(port: number, host: string): Promise<UdpSocket> {
  return new Promise((resolve, reject) => {
    const socket = createSocket('udp4');
    socket.once('error', reject);
    socket.bind(port, host, () => {
      socket.off('error', reject);
      socket.on('error', () => {}); // ICMP's "port unreachable" of a client that left.
      resolve(socket);
    });
  });
}

function closeUdp(socket: UdpSocket): Promise<void> {
  return new Promise((resolve) => {
    socket.close(() => resolve());
  });
}
