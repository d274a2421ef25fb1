import * as assert from 'uvu/assert';
import { behind, placesOf, routesDown, subset } from '../../deploy/fleet/topology.ts';
import { readSites, type Sites } from '../../deploy/hub/setup/sites.ts';
import { codeThrown } from '../support/code-thrown.ts';
import { suite } from '../support/suite.ts';

const test = suite('the town as a network');
const sites = readSites();
const places = placesOf(sites);
const ids = (found: readonly { id: string }[]): string[] => found.map(({ id }) => id).sort();

test('every node of the inventory has a place, an address of its own and a way to the town hall', () => {
  assert.is(places[0]?.id, sites.hub.id);
  assert.equal(ids(places.slice(1)), ids(sites.nodes));
  const addresses = places.flatMap(({ address, cameras }) => [address, ...cameras.map((one) => one.address)]);
  assert.is(new Set(addresses).size, addresses.length);
  assert.is(places.flatMap(({ cameras }) => cameras).length, 43);
  for (const [index, { uplink }] of places.entries())
    if (index > 0) assert.ok(places.slice(0, index).some(({ id }) => id === uplink?.to));
});

test('a relay has the address that others measure their link to, its cameras none', () => {
  const relay = places.find(({ id }) => id === 'relay-c');
  assert.is(relay?.address, '10.0.0.3');
  assert.equal(relay?.networks, ['10.0.0.3/32']);
  assert.equal(relay?.cameras, []);
});

test('behind San Rocco are its seven sites, behind the town hall everything', () => {
  assert.equal(ids(behind(places, 'relay-c')), [
    'relay-c',
    ...['site-02', 'site-03', 'site-04', 'site-05', 'site-08', 'site-09', 'site-14'],
  ]);
  assert.is(behind(places, sites.hub.id).length, places.length);
});

test('the town hall finds every network, by the place next to it; a site sends everything up', () => {
  const routes = routesDown(places, sites.hub.id);
  assert.is(routes.length, sites.nodes.length);
  assert.is(routes.find(({ network }) => network === '10.0.9.0/24')?.via, 'relay-c');
  assert.is(routes.find(({ network }) => network === '10.0.1.0/24')?.via, 'site-01');
  assert.equal(routesDown(places, 'relay-c').length, 7);
  assert.equal(routesDown(places, 'site-09'), []);
});

test('a few sites bring the relays on their way', () => {
  assert.equal(ids(subset(sites, ['site-09', 'site-10']).nodes), ['relay-c', 'site-09', 'site-10']);
});

test('a node without a way, in a circle, or without an address is refused', async () => {
  const changed = (change: (node: Sites['nodes'][number]) => object): Sites => ({
    ...sites,
    nodes: sites.nodes.map((node) => ({ ...node, ...change(node) })),
  });
  const broken = [
    changed(({ id }) => (id === 'site-09' ? { uplink: undefined } : {})),
    changed(({ id }) => (id === 'relay-c' ? { uplink: { to: 'site-09', target: '10.0.9.1:862' } } : {})),
    changed(({ id }) => (id === 'site-09' ? { net: undefined } : {})),
  ];
  for (const one of broken) assert.is(await codeThrown(() => placesOf(one)), 'topology');
});
