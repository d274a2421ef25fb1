import { Failure } from '#protocol/failure.ts';
import type { SiteNode, Sites } from '../hub/setup/sites.ts';

/** A place of the town as a network sees it: an address, what hangs on it, and the way to the town hall. */
export interface Place {
  id: string;
  name: string;
  role: 'hub' | 'site' | 'relay';
  address: string;
  /** What is reached through this place and is its own, in CIDR. */
  networks: string[];
  /** Absent at the town hall. `mbit`: what the radio or the line carries, each way. */
  uplink?: { to: string; mbit: number };
  /** Addresses of the cameras on the place's switch, in the order of the inventory. */
  cameras: { id: string; address: string }[];
}

/** Destinations behind the next place below, as a router lists them. */
export interface Route {
  network: string;
  /** The next place on the way down. */
  via: string;
}

/** Which radios there are is in no annex: a relay's is taken for a carrier-grade one, a site's for a small one. */
const relayMbit = 100;
const siteMbit = 30;

/**
 * The town hall and its nodes, the town hall first, each after the place it hangs on. Addresses are those that the
 * inventory gives: of a site the first of its network, of a relay the one that others measure their link to. Throws
 * `config` failures for a node without an address or a way to the town hall.
 */
export function placesOf(sites: Sites): Place[] {
  const wrong = (sentence: string): never => {
    throw new Failure('config', 'topology', sentence);
  };
  const measured = new Map(sites.nodes.flatMap(({ uplink }) => (uplink ? [[uplink.to, uplink.target]] : [])));
  const addressOf = ({ id, net }: SiteNode): string =>
    net === undefined
      ? (measured.get(id)?.replace(/:\d+$/, '') ??
        wrong(`${id}: give "net", or a link that is measured to it`))
      : `${net}.1`;
  const hubAddress = new URL(sites.hub.mqtt).hostname;
  const places: Place[] = [
    {
      id: sites.hub.id,
      name: sites.hub.name,
      role: 'hub',
      address: hubAddress,
      networks: [`${hubAddress}/32`],
      cameras: [],
    },
  ];
  const waiting = new Set(sites.nodes);
  for (const place of places)
    for (const node of waiting) {
      if (node.uplink?.to !== place.id) continue;
      waiting.delete(node);
      const address = addressOf(node);
      places.push({
        id: node.id,
        name: node.name,
        role: node.role,
        address,
        networks: [node.net === undefined ? `${address}/32` : `${node.net}.0/24`],
        uplink: { to: place.id, mbit: node.role === 'relay' ? relayMbit : siteMbit },
        cameras: node.cameras.map(({ id }, index) => ({ id, address: `${node.net}.${11 + index}` })),
      });
    }
  const [lost] = waiting;
  if (lost)
    wrong(`${lost.id} has no way to ${sites.hub.id}: its uplink goes to ${lost.uplink?.to ?? 'nowhere'}`);
  return places;
}

/** `id` and everything whose way to the town hall goes over it. */
export function behind(places: readonly Place[], id: string): Place[] {
  const found = places.filter((place) => place.id === id);
  for (const place of found) found.push(...places.filter(({ uplink }) => uplink?.to === place.id));
  return found;
}

/** What a place sends down, and to whom; everything else goes up. */
export function routesDown(places: readonly Place[], id: string): Route[] {
  return places
    .filter(({ uplink }) => uplink?.to === id)
    .flatMap((child) =>
      behind(places, child.id).flatMap(({ networks }) =>
        networks.map((network) => ({ network, via: child.id })),
      ),
    );
}

/** The inventory with these nodes alone, and the relays on their way. */
export function subset(sites: Sites, ids: readonly string[]): Sites {
  const wanted = new Set(ids);
  for (const id of wanted) {
    const to = sites.nodes.find((node) => node.id === id)?.uplink?.to;
    if (to !== undefined && to !== sites.hub.id) wanted.add(to);
  }
  return { ...sites, nodes: sites.nodes.filter(({ id }) => wanted.has(id)) };
}
