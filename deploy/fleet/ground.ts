import { createServer } from 'node:net';
import type { Sites } from '../hub/setup/sites.ts';
import { openTown, type Town } from './namespaces.ts';
import type { Place } from './topology.ts';

/** What the fleet stands on: a network of namespaces, or loopback with a port for everyone. */
export interface Ground {
  /** Undefined on loopback, where no link can be cut or slowed. */
  town: Town | undefined;
  /** What puts a program into its place. */
  within(place: string): string[];
  /** Port of the broker, and an address where it is not every one, as its configuration has them. */
  listener: string;
  /** Where this process reaches broker and deliveries. */
  brokerDoor: string;
  uploadDoor: string;
  /** Addresses of the town hall besides the one that the nodes use. */
  doors: string[];
  /** Where a place answers who measures a link to it. */
  stamp(place: string): { host: string; port: number };
  /** Where all simulated cameras listen. */
  simulator: { host: string; port: number };
  /** `hub.mqtt`, `hub.upload`, `hub.listen` of the inventory, as they are here. */
  hub: Pick<Sites['hub'], 'mqtt' | 'upload' | 'listen'>;
  /** Where the hub's page listens. */
  page: string;
  /** The host in a camera's address, as its site reaches it; `index` counts from 0. */
  cameraHost(place: Place, index: number): string;
}

const rtspPort = 554;
const stampPort = 862;
const pagePort = 8444;

/** Addresses and ports of the inventory, in namespaces of their own. */
export function networkGround(sites: Sites, places: readonly Place[], tag: string): Ground {
  const town = openTown(places, tag);
  const mqttPort = new URL(sites.hub.mqtt).port;
  return {
    town,
    within: town.within,
    listener: mqttPort,
    brokerDoor: `mqtts://${town.door}:${mqttPort}`,
    uploadDoor: `https://${town.door}:${new URL(sites.hub.upload).port}/upload`,
    doors: [town.door],
    stamp: (id) => ({ host: (places.find((place) => place.id === id) as Place).address, port: stampPort }),
    simulator: { host: '0.0.0.0', port: rtspPort },
    hub: { mqtt: sites.hub.mqtt, upload: sites.hub.upload, listen: sites.hub.listen },
    page: `${town.door}:${pagePort}`,
    cameraHost: ({ cameras }, index) => cameras[index]?.address ?? '',
  };
}

/** Everyone on 127.0.0.1, on ports that are free now. */
export async function loopbackGround(places: readonly Place[]): Promise<Ground> {
  const host = '127.0.0.1';
  const ports = await freePorts(4 + places.length);
  const [mqtt = 0, upload = 0, page = 0, rtsp = 0] = ports;
  return {
    town: undefined,
    within: () => [],
    listener: `${mqtt} ${host}`,
    brokerDoor: `mqtts://${host}:${mqtt}`,
    uploadDoor: `https://${host}:${upload}/upload`,
    doors: [],
    stamp: (id) => ({ host, port: ports[4 + places.findIndex((place) => place.id === id)] as number }),
    simulator: { host, port: rtsp },
    hub: {
      mqtt: `mqtts://${host}:${mqtt}`,
      upload: `https://${host}:${upload}/upload`,
      listen: `${host}:${upload}`,
    },
    page: `${host}:${page}`,
    cameraHost: () => host,
  };
}

/** All at once, so that no two are the same. */
async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer();
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      return server;
    }),
  );
  const ports = servers.map((server) => (server.address() as { port: number }).port);
  await Promise.all(servers.map((server) => new Promise<void>((resolve) => server.close(() => resolve()))));
  return ports;
}
