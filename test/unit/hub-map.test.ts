import * as fc from 'fast-check';
import * as assert from 'uvu/assert';
import type { AlarmView } from '../../deploy/hub/alarms/alarms.ts';
import { nodeViews, wayOf } from '../../deploy/hub/page/fleet-view.ts';
import { mapSvg } from '../../deploy/hub/page/map.ts';
import { type Box, overlap, placeLabels, textWidth } from '../../deploy/hub/page/map-labels.ts';
import { clustersOf, mercator, metresPerUnit, type Place } from '../../deploy/hub/page/map-places.ts';
import { townNodes } from '../support/simulated-town.ts';
import { suite } from '../support/suite.ts';

const test = suite('the map of the town hall’s page');

const town = townNodes();
const places = [...town.nodes, { ...town.place, role: 'hub' as const }].map(
  (place) => ({ ...place, state: 'ok' }) as Place,
);
const drawing = {
  lang: 'it',
  places,
  ways: town.nodes.flatMap(({ id, uplink }) =>
    uplink === undefined ? [] : [{ from: id, to: uplink, state: 'ok' as const, flows: false }],
  ),
  label: 'Mappa',
  prefix: '',
  layout: 'wide',
  widthPx: 760,
  heightPx: 640,
  inset: { width: 300, height: 230 },
} as const;

/** Great circle, on a sphere. */
function metres(a: Place, b: Place): number {
  const radians = (degrees: number): number => (degrees * Math.PI) / 180;
  const [p, q] = [radians(a.lat), radians(b.lat)];
  const angle =
    Math.sin((q - p) / 2) ** 2 + Math.cos(p) * Math.cos(q) * Math.sin(radians(b.lon - a.lon) / 2) ** 2;
  return 2 * 6_371_000 * Math.asin(Math.sqrt(angle));
}

test('north is up, east is right, and distances are those of the ground', () => {
  for (const a of places)
    for (const b of places) {
      const [p, q] = [mercator(a), mercator(b)];
      if (a.lat > b.lat) assert.ok(p.y < q.y, `${a.id} is north of ${b.id}`);
      if (a.lon > b.lon) assert.ok(p.x > q.x, `${a.id} is east of ${b.id}`);
      const drawn = Math.hypot(p.x - q.x, p.y - q.y) * metresPerUnit((a.lat + b.lat) / 2);
      const true_ = metres(a, b);
      assert.ok(Math.abs(drawn - true_) <= 0.005 * true_ + 0.5, `${a.id} ${b.id}: ${drawn} ${true_}`);
    }
});

test('the two dense groups of the annex get an inset each, named for what they share', () => {
  assert.equal(
    clustersOf(places)
      .map(({ title, places: all }) => [title, all.length])
      .sort(),
    [
      ['Cogolo', 7],
      ['Peio Fonti', 5],
    ],
  );
  const { text } = mapSvg(drawing);
  assert.is([...text.matchAll(/<g class="inset">/g)].length, 2);
  for (const { id } of town.nodes)
    assert.is([...text.matchAll(new RegExp(`id="place-${id}"`, 'g'))].length, 1, id);
  assert.match(text, />2 km</);
});

test('between two groups there is one line, of the worst state, that moves when footage goes either way', () => {
  const one = (way: { flows: boolean }): boolean => way.flows;
  const ways = drawing.ways.map((way) => ({
    ...way,
    state: way.from === 'site-08' ? ('degraded' as const) : way.state,
    flows: way.from === 'relay-c',
  }));
  assert.is(ways.filter(one).length, 1);
  const { text } = mapSvg({ ...drawing, ways });
  const [valley = ''] = text.split('<g class="inset">');
  const lines = [
    ...valley.matchAll(
      /<line class="way (\S+?)( flows)?" x1="([\d.]+)" y1="([\d.]+)" x2="([\d.]+)" y2="([\d.]+)"/g,
    ),
  ];
  const ends = lines.map(([, , , ...at]) => [at.slice(0, 2).join(), at.slice(2).join()].sort().join(' '));
  assert.is(new Set(ends).size, ends.length);
  const moving = lines.filter(([, , flows]) => flows !== undefined);
  assert.equal(
    moving.map(([, state]) => state),
    ['degraded'],
  );
});

test('no name lies on another, on a point, on what is taken, or over the edge', () => {
  const frame: Box = { x: 0, y: 0, width: 400, height: 300 };
  const coordinate = (most: number) => fc.integer({ min: 0, max: most });
  const point = fc.record({
    text: fc.string({ minLength: 1, maxLength: 24 }),
    at: fc.record({ x: coordinate(400), y: coordinate(300) }),
  });
  const line = fc.tuple(point, point).map(([a, b]) => [a.at, b.at] as const);
  fc.assert(
    fc.property(fc.array(point, { maxLength: 25 }), fc.array(line, { maxLength: 10 }), (points, lines) => {
      const taken: Box = { x: 300, y: 0, width: 100, height: 80 };
      const labels = placeLabels(points, frame, [taken], lines);
      const boxes = labels.flatMap((label): Box[] => {
        if (label === undefined) return [];
        const { text, at, anchor } = label;
        const width = textWidth(text);
        const x = anchor === 'start' ? at.x : anchor === 'end' ? at.x - width : at.x - width / 2;
        return [{ x, y: at.y - 11, width, height: 14 }];
      });
      for (const [i, box] of boxes.entries()) {
        assert.ok(box.x >= 0 && box.y >= 0 && box.x + box.width <= 400 && box.y + box.height <= 300);
        assert.is(overlap(box, taken), false);
        for (const other of boxes.slice(i + 1)) assert.is(overlap(box, other), false);
        for (const { at } of points)
          assert.is(overlap(box, { x: at.x - 8, y: at.y - 8, width: 16, height: 16 }), false);
      }
    }),
    { numRuns: 200 },
  );
});

test('places of any kind are drawn: none, one, all at one point, with names that would be HTML', () => {
  assert.is(mapSvg({ ...drawing, places: [] }).text, '');
  const [one] = places as [Place];
  assert.match(mapSvg({ ...drawing, places: [one] }).text, one.name);
  const same = Array.from({ length: 12 }, (_, i) => ({ ...one, id: `n${i}`, name: `<b>"${i}` }));
  const { text } = mapSvg({ ...drawing, places: same });
  assert.not.match(text, /NaN|Infinity|undefined|<b>/);
  assert.match(text, '&lt;b&gt;');
});

test('uplinks in a circle, to nobody, or to themselves end', () => {
  const nodes = ['a', 'b', 'c', 'd'].map((id, i) => ({
    id,
    role: 'site' as const,
    name: id,
    uplink: ['b', 'a', 'c', 'nobody'][i] as string,
    cameras: [],
  }));
  assert.equal(
    nodes.map(({ id }) => wayOf(id, { nodes })),
    [['a', 'b'], ['b', 'a'], ['c'], ['d']],
  );
  const sights = nodes.map(({ id }) => ({ id, state: 'offline' as const }));
  const alarms: AlarmView[] = [];
  const views = nodeViews(sights, alarms, { nodes }, [], 0);
  const states = Object.fromEntries(views.map(({ id, state, behind }) => [id, [state, behind]]));
  // Two that wait for each other explain each other; who waits for nobody is broken itself.
  assert.equal(states, {
    a: ['affected', 'b'],
    b: ['affected', 'a'],
    c: ['failing', undefined],
    d: ['failing', undefined],
  });
});
