import { shapeAt } from '#agent/view/document.ts';
import { type Html, html } from '#agent/view/html.ts';
import { type Lang, states, worst } from '#agent/view/states.ts';
import { type Box, type Label, overlap, placeLabels, type Segment, textWidth } from './map-labels.ts';
import {
  type Cluster,
  clustersOf,
  mercator,
  metresPerUnit,
  type Place,
  type Point,
  type Way,
} from './map-places.ts';

export interface MapDrawing {
  lang: Lang;
  places: readonly Place[];
  ways: readonly Way[];
  /** What it is called, and for a second drawing of the same places what its identifiers begin with. */
  label: string;
  prefix: string;
  /** When which of the two drawings is shown, see hub.css. */
  layout: 'wide' | 'narrow';
  widthPx: number;
  heightPx: number;
  /** Size of an inset; they go to the corners with the fewest places, or below each other when the map is narrow. */
  inset: { width: number; height: number };
}

/** A map has so many corners, and one is for the scale. The largest groups get them. */
const mostInsets = 3;
/** More names than this find no room; pointing at a place tells its name. */
const mostNames = 100;
const padPx = 36;
const titlePx = 20;

/**
 * The places at their true coordinates, north up, with the lines between them. A group that is too dense gets an inset
 * at its own scale; on the map of the valley it is a frame with its name and the worst of its states.
 */
export function mapSvg(drawing: MapDrawing): Html {
  const { places, widthPx, heightPx } = drawing;
  if (places.length === 0) return html``;
  const clusters = clustersOf(places)
    .sort((a, b) => b.places.length - a.places.length)
    .slice(0, mostInsets);
  const frame = { x: 0, y: 0, width: widthPx, height: heightPx };
  const project = projection(places, { ...frame });
  const insets = insetFrames(drawing, clusters, places.map(project.at));
  const below = insets.some(({ y }) => y >= heightPx);
  const height = below ? Math.max(...insets.map(({ y, height: tall }) => y + tall)) : heightPx;
  return html`<svg class="map ${drawing.layout}" viewBox="0 0 ${widthPx} ${height}" role="group" aria-label="${drawing.label}">
${valley(drawing, frame, project, clusters, below ? [] : insets)}
${clusters.map((cluster, i) => insetOf(drawing, cluster, insets[i] as Box))}
</svg>`;
}

interface Projection {
  at(place: Pick<Place, 'lat' | 'lon'>): Point;
  metresPerPx: number;
}

function projection(places: readonly Place[], box: Box): Projection {
  const all = places.map(mercator);
  const [left, right] = [Math.min(...all.map(({ x }) => x)), Math.max(...all.map(({ x }) => x))];
  const [top, bottom] = [Math.min(...all.map(({ y }) => y)), Math.max(...all.map(({ y }) => y))];
  const room = { width: box.width - 2 * padPx, height: box.height - 2 * padPx };
  // A single place has no extent; a metre then is as good as any.
  const scale = Math.min(
    room.width / Math.max(right - left, 1e-9),
    room.height / Math.max(bottom - top, 1e-9),
  );
  const lat = places.reduce((sum, place) => sum + place.lat, 0) / places.length;
  const spare = { x: room.width - (right - left) * scale, y: room.height - (bottom - top) * scale };
  return {
    at(place) {
      const { x, y } = mercator(place);
      return {
        x: box.x + padPx + spare.x / 2 + (x - left) * scale,
        y: box.y + padPx + spare.y / 2 + (y - top) * scale,
      };
    },
    metresPerPx: metresPerUnit(lat) / scale,
  };
}

/** The corners with the fewest places, one each; below the map where it is too narrow for any. */
function insetFrames(
  { widthPx, heightPx, inset }: MapDrawing,
  clusters: readonly Cluster[],
  points: Point[],
): Box[] {
  if (inset.width > widthPx * 0.6)
    return clusters.map((_, i) => ({ x: 0, y: heightPx + 8 + i * (inset.height + 8), ...inset }));
  const corners = [
    { x: widthPx - inset.width, y: 0 },
    { x: 0, y: heightPx - inset.height },
    { x: widthPx - inset.width, y: heightPx - inset.height },
    { x: 0, y: 0 },
  ].map((corner) => ({ ...corner, ...inset }));
  const crowd = (box: Box): number =>
    points.filter(({ x, y }) => overlap(box, { x: x - 12, y: y - 12, width: 24, height: 24 })).length;
  return corners.sort((a, b) => crowd(a) - crowd(b)).slice(0, clusters.length);
}

function valley(
  drawing: MapDrawing,
  frame: Box,
  project: Projection,
  clusters: readonly Cluster[],
  insets: readonly Box[],
): Html {
  const { places, ways, lang } = drawing;
  const clusterOf = (id: string): Cluster | undefined =>
    clusters.find((cluster) => cluster.places.some((place) => place.id === id));
  const single = places.filter(({ id }) => clusterOf(id) === undefined);
  const centre = (cluster: Cluster): Point => {
    const all = cluster.places.map(project.at);
    const sum = all.reduce((a, b) => ({ x: a.x + b.x, y: a.y + b.y }));
    return { x: sum.x / all.length, y: sum.y / all.length };
  };
  const pointOf = (id: string): Point | undefined => {
    const cluster = clusterOf(id);
    const place = places.find((one) => one.id === id);
    return cluster ? centre(cluster) : place && project.at(place);
  };
  const boxes = clusters.map((cluster) => {
    const all = cluster.places.map(project.at);
    const [x, y] = [
      Math.min(...all.map((point) => point.x)) - 12,
      Math.min(...all.map((point) => point.y)) - 12,
    ];
    const right = Math.max(...all.map((point) => point.x)) + 12;
    const bottom = Math.max(...all.map((point) => point.y)) + 12;
    return { x, y, width: right - x, height: bottom - y };
  });
  const points = [
    ...clusters.map((cluster) => ({ text: cluster.title, at: centre(cluster) })),
    ...single.map((place) => ({ text: place.name, at: project.at(place) })),
  ];
  const scale = scaleBar(
    project.metresPerPx,
    frame,
    insets,
    points.map(({ at }) => at),
  );
  const named = points.length > mostNames ? points.slice(0, clusters.length) : points;
  const merged = mergeWays(ways, (id) => clusters.indexOf(clusterOf(id) as Cluster), clusters.length > 0);
  const drawnWays = merged.map((way) => [pointOf(way.from), pointOf(way.to)] as const);
  const labels = placeLabels(named, frame, [...insets, ...boxes, scale.box], drawnWays.filter(isSegment));
  return html`${merged.map((way) => lineOf(way, pointOf(way.from), pointOf(way.to), lang))}
${clusters.map((cluster, i) => {
  const { x, y, width, height } = boxes[i] as Box;
  return html`<rect class="frame" x="${x.toFixed(1)}" y="${y.toFixed(1)}" width="${width.toFixed(1)}" height="${height.toFixed(1)}" rx="4"/>${shapeAt(worst(cluster.places.map(({ state }) => state)), centre(cluster).x, centre(cluster).y)}`;
})}
${single.map((place) => placeMark(drawing, place, project.at(place)))}
${labels.map(labelText)}
${scale.drawn}<text class="north" x="${frame.width - 14}" y="${freeTop(frame, insets)}" text-anchor="middle">N ↑</text>`;
}

function isSegment(ends: readonly [Point | undefined, Point | undefined]): ends is Segment {
  return ends[0] !== undefined && ends[1] !== undefined;
}

function freeTop({ width }: Box, insets: readonly Box[]): number {
  const above = insets.find((box) => box.y === 0 && box.x + box.width >= width);
  return (above ? above.height : 0) + 16;
}

function insetOf(drawing: MapDrawing, cluster: Cluster, box: Box): Html {
  const inner = { x: box.x, y: box.y + titlePx - 8, width: box.width, height: box.height - titlePx };
  const project = projection(cluster.places, inner);
  const points = cluster.places.map((place) => ({
    text: shortened(place.name, cluster.title),
    at: project.at(place),
  }));
  const title = { x: box.x, y: box.y, width: box.width, height: titlePx };
  const scale = scaleBar(
    project.metresPerPx,
    box,
    [],
    points.map(({ at }) => at),
  );
  const there = new Map(cluster.places.map((place) => [place.id, place]));
  const segments: Segment[] = [];
  const line = (way: Way, from: Point, to: Point): Html => {
    segments.push([from, to]);
    return lineOf(way, from, to, drawing.lang);
  };
  const lines = drawing.ways.map((way) => {
    const [from, to] = [there.get(way.from), there.get(way.to)];
    const other = drawing.places.find(({ id }) => id === (from ? way.to : way.from));
    if (!(from || to) || !other) return undefined;
    if (from && to) return line(way, project.at(from), project.at(to));
    const inside = project.at((from ?? to) as Place);
    return line(way, inside, toEdge(inside, project.at(other), box));
  });
  const labels = placeLabels(points, box, [title, scale.box], segments);
  return html`<g class="inset"><rect class="paper" x="${box.x + 0.5}" y="${box.y + 0.5}" width="${box.width - 1}" height="${box.height - 1}" rx="4"/>${lines.filter((drawn) => drawn !== undefined)}<text class="title" x="${box.x + 8}" y="${box.y + 15}">${cluster.title}</text>${cluster.places.map((place) => placeMark(drawing, place, project.at(place)))}${labels.map(labelText)}${scale.drawn}</g>`;
}

/** In the inset of Cogolo nobody needs to read Cogolo seven times. */
function shortened(name: string, title: string): string {
  const words = new Set(title.split(' '));
  const rest = name
    .split(' ')
    .filter((word) => !words.has(word))
    .join(' ');
  return rest === '' ? name : rest;
}

/** Where the way to a point outside leaves the frame. */
function toEdge(from: Point, to: Point, box: Box): Point {
  const [dx, dy] = [to.x - from.x, to.y - from.y];
  const limits = [
    dx > 0 ? (box.x + box.width - from.x) / dx : dx < 0 ? (box.x - from.x) / dx : 1,
    dy > 0 ? (box.y + box.height - from.y) / dy : dy < 0 ? (box.y - from.y) / dy : 1,
  ];
  const part = Math.max(0, Math.min(1, ...limits));
  return { x: from.x + dx * part, y: from.y + dy * part };
}

function placeMark({ lang, prefix }: MapDrawing, place: Place, { x, y }: Point): Html {
  const said = `${place.name}: ${states[place.state][lang]}`;
  const mark = shapeAt(place.state, x, y);
  if (place.role === 'hub')
    return html`<g class="place"><title>${place.name}</title><rect class="hall" x="${(x - 6).toFixed(1)}" y="${(y - 6).toFixed(1)}" width="12" height="12"/></g>`;
  return html`<a class="place" id="${prefix}place-${place.id}" href="#node-${place.id}" aria-label="${said}"><title>${said}</title><circle class="touch" cx="${x.toFixed(1)}" cy="${y.toFixed(1)}" r="12"/>${mark}</a>`;
}

function labelText(label: Label | undefined): Html {
  if (label === undefined) return html``;
  const { text, at, anchor, leader } = label;
  const line = leader && leaderOf(label, leader);
  return html`${line && html`<line class="leader" x1="${leader.x.toFixed(1)}" y1="${leader.y.toFixed(1)}" x2="${line.x.toFixed(1)}" y2="${line.y.toFixed(1)}"/>`}<text class="name" x="${at.x.toFixed(1)}" y="${at.y.toFixed(1)}" text-anchor="${anchor}" aria-hidden="true">${text}</text>`;
}

/** The end of the text that is nearest to its point. */
function leaderOf({ text, at, anchor }: Label, point: Point): Point {
  const width = textWidth(text);
  const left = anchor === 'start' ? at.x : anchor === 'end' ? at.x - width : at.x - width / 2;
  return { x: Math.min(Math.max(point.x, left), left + width), y: at.y < point.y ? at.y + 3 : at.y - 10 };
}

function lineOf(way: Way, from: Point | undefined, to: Point | undefined, lang: Lang): Html {
  if (!from || !to) return html``;
  const width = way.capacityMbit === undefined ? 2 : Math.min(6, 1.5 + way.capacityMbit / 50);
  const flows = way.flows ? ' flows' : '';
  const [x1, y1, x2, y2] = [from.x, from.y, to.x, to.y].map((value) => value.toFixed(1));
  return html`<line class="way ${way.state}${flows}" x1="${x1}" y1="${y1}" x2="${x2}" y2="${y2}" stroke-width="${width.toFixed(1)}"><title>${way.from} – ${way.to}: ${states[way.state][lang]}</title></line>`;
}

/** Ways from one group to one place as one line, of the worst of their states. */
function mergeWays(ways: readonly Way[], group: (id: string) => number, some: boolean): Way[] {
  if (!some) return [...ways];
  const merged = new Map<string, Way>();
  for (const way of ways) {
    const [from, to] = [group(way.from), group(way.to)];
    if (from >= 0 && from === to) continue;
    // Whichever way it leads: two lines upon each other would hide what they say.
    const key = [from < 0 ? way.from : String(from), to < 0 ? way.to : String(to)].sort().join(' ');
    const known = merged.get(key);
    merged.set(
      key,
      known === undefined
        ? way
        : { ...known, state: worst([known.state, way.state]), flows: known.flows || way.flows },
    );
  }
  return [...merged.values()];
}

const niceMetres = [20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000];

/** A round length of at most a quarter of the frame, in a corner where no place is. */
function scaleBar(
  metresPerPx: number,
  frame: Box,
  taken: readonly Box[],
  points: readonly Point[],
): { box: Box; drawn: Html } {
  const metres = niceMetres.findLast((length) => length / metresPerPx <= frame.width / 4) ?? niceMetres[0]!;
  const length = metres / metresPerPx;
  const size = { width: length + 16, height: 26 };
  const corners = [
    { x: frame.x + frame.width - size.width, y: frame.y + frame.height - size.height },
    { x: frame.x, y: frame.y + frame.height - size.height },
    { x: frame.x + (frame.width - size.width) / 2, y: frame.y + frame.height - size.height },
  ].map((corner) => ({ ...corner, ...size }));
  const free = (box: Box): boolean =>
    !taken.some((other) => overlap(box, other)) &&
    !points.some(({ x, y }) => overlap(box, { x: x - 10, y: y - 10, width: 20, height: 20 }));
  const box = corners.find(free) ?? (corners[0] as Box);
  const [x, y] = [box.x + 8, box.y + 18];
  const text = metres >= 1000 ? `${metres / 1000} km` : `${metres} m`;
  return {
    box,
    drawn: html`<path class="scale" d="M${x.toFixed(1)},${y - 4} v4 h${length.toFixed(1)} v-4"/><text class="north" x="${(x + length / 2).toFixed(1)}" y="${y - 6}" text-anchor="middle">${text}</text>`,
  };
}
